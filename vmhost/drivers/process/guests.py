"""What the driver knows of a guest: its folder, which alone outlives the driver, and its programs while they run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vmhost.base.web import write_atomically
from vmhost.drivers.process.console import Console
from vmhost.model.guest import Booted, Death, GuestPhase, GuestSpec, GuestStatus
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

_SPEC = "guest.json"
_ERASE_TRIES = 3
"""The last of what it printed may arrive while its folder goes."""


@dataclass(slots=True, kw_only=True)
class Guest:
    """A made guest. Changed by the driver alone."""

    spec: GuestSpec
    folder: Path
    place: Booted
    process: Process | None = None
    """Its program, from its start to the moment its death is settled."""
    commands: set[int] = field(default_factory=set)
    """Leaders of the other programs that were started in it and still run."""
    death: Death | None = None
    frozen: bool = False
    """Whether its program was stopped by a signal when it was looked at last."""
    verdict: str = ""
    """Why we ended it, where that is more than its owner's wish."""
    endpoint: str = ""
    """Where its metadata is, since its last start."""
    oom_kills_before: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever makes, starts, stops or removes it."""

    @property
    def home(self) -> Path:
        """The folder that its programs work in: its disk."""
        return self.folder / "disk"

    @property
    def console(self) -> Console:
        """What its programs printed."""
        return Console(self.folder)

    def leaders(self) -> tuple[int, ...]:
        """The programs started in it that still run."""
        own = () if self.process is None else (self.process.pid,)
        return (*own, *self.commands)

    def status(self) -> GuestStatus:
        """The guest now."""
        running = self.process is not None
        return GuestStatus(
            instance_id=self.spec.instance_id,
            phase=GuestPhase.RUNNING if running else GuestPhase.STOPPED,
            booted=self.place if running else None,
            impaired="its program is stopped by a signal (SIGSTOP)" if running and self.frozen else "",
            death=None if running else self.death,
            record=self.spec.record,
        )

    def save(self) -> None:
        """Makes the guest one that a later run of the platform finds."""
        self.home.mkdir(parents=True, exist_ok=True)
        boot = replace(self.spec.boot, environment=dict(self.spec.boot.environment))
        spec = replace(self.spec, boot=boot, environment=dict(self.spec.environment))
        fact = {"spec": asdict(spec), "place": asdict(self.place)}
        write_atomically(self.folder / _SPEC, json.dumps(fact))

    def erase(self) -> None:
        """Leaves nothing of it on disk; the spec goes first, so that half a removal is no guest."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / _SPEC).unlink()
        for _ in range(_ERASE_TRIES):
            if self.folder.exists():
                shutil.rmtree(self.folder, ignore_errors=True)


def find_guests(folder: Path) -> Iterator[Guest]:
    """The guests that an earlier run made; whatever is no whole guest is removed."""
    for path in sorted(folder.iterdir()):
        try:
            fact = json.loads((path / _SPEC).read_text())
            yield Guest(spec=_spec(fact["spec"]), folder=path, place=Booted(**fact["place"]))
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path, ignore_errors=True)


def _spec(fact: dict[str, Any]) -> GuestSpec:
    boot = Boot(**fact["boot"])
    boot = replace(boot, command=tuple(boot.command))
    return GuestSpec(**fact | {"boot": boot, "limits": _limits(fact["limits"])})


def _limits(fact: dict[str, Any]) -> Limits:
    return Limits(**fact | {"cpus": tuple(fact.get("cpus", ()))})
