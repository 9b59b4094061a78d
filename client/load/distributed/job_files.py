"""Bundles a job for another computer with the files that its plan names.

A worker reads no file because a coordinator names it, and runs no code that a coordinator sends.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.load.json_codec import from_json, to_json
from client.load.plan.data_sources import read_bytes
from client.load.plan.model import Plan
from client.load.worker import WorkerJob
from vmhost.base.errors import InvalidInput

CONTENTS_MAX_CHARACTERS = 64 << 20
"""In base64, so three quarters of this in bytes."""


def bundle(message: dict[str, Any]) -> dict[str, Any]:
    """The job's message with the contents of its files. Raises InvalidInput for files that cannot be read or sent."""
    plan = from_json(WorkerJob, message["job"]).plan
    files: dict[str, str] = {}

    def pack(path: str) -> str:
        if path not in files:
            files[path] = base64.b64encode(read_bytes(path, "a file of the plan")).decode()
        return path

    _with_paths(plan, pack)
    if sum(map(len, files.values())) > CONTENTS_MAX_CHARACTERS:
        raise InvalidInput(
            f"the plan's files have more than {CONTENTS_MAX_CHARACTERS * 3 // 4 >> 20} MiB; workers take no more"
        )
    return {**message, "files": files}


def unbundle(line: bytes, folder: Path) -> bytes:
    """The job's line, after its files were written to `folder`. Raises InvalidInput for a job not allowed here."""
    try:
        message = json.loads(line)
        job = from_json(WorkerJob, message["job"])
        files = {str(path): base64.b64decode(text, validate=True) for path, text in message.get("files", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"the job is not one JSON object on a line: {error}") from error
    if job.plan.script is not None:
        raise InvalidInput(f"script {job.plan.script} cannot run on a worker; use a plan with targets")
    names = {path: folder / f"file-{number}" for number, path in enumerate(files)}
    for path, name in names.items():
        name.write_bytes(files[path])

    def unpack(path: str) -> str:
        if path not in names:
            raise InvalidInput(f"file {path} of the plan did not come with the job")
        return str(names[path])

    return json.dumps({"job": to_json(replace(job, plan=_with_paths(job.plan, unpack)))}).encode() + b"\n"


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
