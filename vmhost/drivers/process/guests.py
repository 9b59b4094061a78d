"""A process guest: its folder, which outlives the driver, and its programs while they run."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vmhost.base.files import write_atomically
from vmhost.drivers.process.programs import Console
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestSpec, GuestStatus

_SPEC = "guest.json"
_ERASE_TRIES = 3
"""More than one, because the guest's last output may arrive while its folder is being removed."""


@dataclass(slots=True, kw_only=True)
class Guest:
    """A guest that was created. Only the driver changes it."""

    spec: GuestSpec
    folder: Path
    endpoint: Endpoint
    process: Process | None = None
    """Its program, from its start until its death has been handled."""
    commands: set[int] = field(default_factory=set)
    """The process ids of other programs that were started in it and still run."""
    death: Death | None = None
    frozen: bool = False
    """Whether its program was stopped by a signal at the last check."""
    kill_reason: str = ""
    """Why the driver killed it, if the driver did so by itself."""
    metadata_url: str = ""
    """The address of its metadata service, since its last start."""
    oom_kills_before: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is created, started, stopped or removed."""

    @property
    def home(self) -> Path:
        """The working directory of its programs: its disk."""
        return self.folder / "disk"

    @property
    def console(self) -> Console:
        """The output of its programs."""
        return Console(self.folder)

    def leaders(self) -> tuple[int, ...]:
        """Return the process ids of the programs that were started in it and still run."""
        own = () if self.process is None else (self.process.pid,)
        return (*own, *self.commands)

    def status(self) -> GuestStatus:
        """Return the guest's status."""
        running = self.process is not None
        return GuestStatus(
            instance_id=self.spec.instance_id,
            phase=GuestPhase.RUNNING if running else GuestPhase.STOPPED,
            endpoint=self.endpoint if running else None,
            impaired="its program is stopped by a signal (SIGSTOP)" if running and self.frozen else "",
            death=None if running else self.death,
            record=self.spec.record,
        )

    def save(self) -> None:
        """Write the guest to its folder, where a later run of the platform finds it."""
        self.home.mkdir(parents=True, exist_ok=True)
        saved = msgspec.json.encode({"spec": self.spec, "endpoint": self.endpoint}, enc_hook=dict)
        write_atomically(self.folder / _SPEC, saved.decode())

    def erase(self) -> None:
        """Remove its folder. The spec goes first, so that a guest that is half removed is not found again."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / _SPEC).unlink()
        for _ in range(_ERASE_TRIES):
            if self.folder.exists():
                shutil.rmtree(self.folder, ignore_errors=True)


class _SavedGuest(msgspec.Struct):
    spec: GuestSpec
    endpoint: Endpoint | None = None
    place: Endpoint | None = None
    """The name of the endpoint in earlier versions."""


def find_guests(folder: Path) -> Iterator[Guest]:
    """Yield the guests that an earlier run made, and remove incomplete ones."""
    for path in sorted(folder.iterdir()):
        try:
            saved = msgspec.json.decode((path / _SPEC).read_bytes(), type=_SavedGuest)
        except (OSError, msgspec.MsgspecError):
            saved = None
        if saved is not None and (endpoint := saved.endpoint or saved.place):
            yield Guest(spec=saved.spec, folder=path, endpoint=endpoint)
        else:
            shutil.rmtree(path, ignore_errors=True)
