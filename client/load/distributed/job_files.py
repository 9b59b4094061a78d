"""Bundles a job for another computer with the files that its plan names.

A worker reads no file because a coordinator names it, and runs no code that a coordinator sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from client.load.messages import Job
from client.load.plan.model import Plan
from client.load.plan.placeholders import read_bytes
from vmhost.base.errors import InvalidInput

CONTENTS_MAX_BYTES = 48 << 20


def bundle(job: Job) -> Job:
    """The job with the contents of its files. Raises InvalidInput for files that cannot be read or sent."""
    files: dict[str, bytes] = {}

    def pack(path: str) -> str:
        if path not in files:
            files[path] = read_bytes(path, "a file of the plan")
        return path

    _with_paths(job.plan, pack)
    if sum(map(len, files.values())) > CONTENTS_MAX_BYTES:
        raise InvalidInput(f"the plan's files have more than {CONTENTS_MAX_BYTES >> 20} MiB; workers take no more")
    return structs.replace(job, files=files)


def unbundle(job: Job, folder: Path) -> Job:
    """The job, after its files were written to `folder`. Raises InvalidInput for a job not allowed here."""
    if job.plan.script is not None:
        raise InvalidInput(f"script {job.plan.script} cannot run on a worker; use a plan with targets")
    names = {path: folder / f"file-{number}" for number, path in enumerate(job.files)}
    for path, name in names.items():
        name.write_bytes(job.files[path])

    def unpack(path: str) -> str:
        if path not in names:
            raise InvalidInput(f"file {path} of the plan did not come with the job")
        return str(names[path])

    return structs.replace(job, plan=_with_paths(job.plan, unpack), files={})


def _with_paths(plan: Plan, path_of: Callable[[str], str]) -> Plan:
    """The plan with each path replaced by `path_of` it."""

    def moved(path: str | None) -> str | None:
        return None if path is None else path_of(path)

    return replace(
        plan,
        cacert=moved(plan.cacert),
        cert=moved(plan.cert),
        key=moved(plan.key),
        targets=tuple(
            replace(
                target,
                corpus=moved(target.corpus),
                body_file=moved(target.body_file),
                form=tuple(replace(each, file=moved(each.file)) for each in target.form),
            )
            for target in plan.targets
        ),
        sources=plan.sources
        and {name: replace(source, file=moved(source.file)) for name, source in plan.sources.items()},
    )
