"""A local cloud in hand for a view, with its console beside it: both see and steer the same load and experiments."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from client.console.keys import Key
from client.console.serving import Setting, serve_console
from client.local.places import LocalFacts, console_key, write_facts
from client.local.plan import moved
from client.tour.session import Session, open_session
from vmhost.api.access import Access
from vmhost.base.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How a cloud is shown: the load's rate, the seed by which victims are drawn, the console's port (0: any).

    `folder` is the cloud's: the console's address and key are written there. If the port is in use, the next free one
    is taken unless it is `fixed_port`."""

    folder: Path
    rate_per_s: float
    seed: int | None
    console_port: int
    fixed_port: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleBeside:
    """Where the console is, with its token; empty where none could be served. `notes` tell what went otherwise."""

    address: str
    notes: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def show_session(facts: LocalFacts, showing: Showing) -> AsyncIterator[tuple[Session, ConsoleBeside]]:
    """The session with the cloud, and its console, which `status` finds too. Raises as `open_session`."""
    access = Access.load(Path(facts.access), environ={})
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(access, facts.search, queries=Path(facts.queries)))
        file, wanted = console_key(showing.folder), showing.console_port
        key = Key.kept(file)
        setting = Setting(
            key=key,
            port=wanted,
            port_search=not showing.fixed_port,
            shown_search=facts.search,
            shown_api=facts.endpoint,
            why=facts.why,
        )
        try:
            url = await stack.enter_async_context(serve_console(session, setting))
        except InvalidInput as error:
            yield session, ConsoleBeside(address="", notes=(f"no console: {error.message}",))
            return
        write_facts(showing.folder, replace(facts, console=url, console_key=str(file)))
        note = moved(wanted, url)
        yield session, ConsoleBeside(address=key.address(url), notes=() if note is None else (note,))
