"""A view of a session, and the session with a local cloud, with a console that controls the same load."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from client.cloud_watcher import CloudChange
from client.console.console_server import ConsoleSettings, serve_console
from client.console.request_guard import ConsoleKey
from client.experiments.results import Step
from client.local.local_plan import port_moved_note
from client.local.state_dir import LocalFacts, console_key, write_facts
from client.session import Session, open_session
from client.view.view_state import ViewState, on_answering, on_cloud, on_step
from vmhost.api.access import Access
from vmhost.base.errors import InvalidInput


class SessionView:
    """Keeps the state of what is shown, from the session's events; subclasses show each new state."""

    def __init__(self, session: Session, state: ViewState) -> None:
        self.state = state
        self._session = session

    def listen(self) -> None:
        """Subscribe to the session's events."""
        self._session.watcher.listeners.append(self._on_cloud)
        self._session.watcher.answering.append(self._on_answering)
        self._session.experiments.listeners.append(self._on_step)

    def _on_cloud(self, change: CloudChange) -> None:
        self._show(on_cloud(self.state, change, time.time()))

    def _on_answering(self, answers: bool) -> None:
        self._show(on_answering(self.state, answers, time.time()))

    def _on_step(self, step: Step) -> None:
        self._show(on_step(self.state, step, time.time()))

    def _show(self, state: ViewState) -> None:
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """How to show a cloud: the load's rate, the seed for choosing victims, the console's port (0: any).

    `folder` is the cloud's state folder, where the console's address and key are stored. If the port is in use, the
    next free one is used unless `fixed_port`."""

    folder: Path
    rate_per_s: float
    seed: int | None
    console_port: int
    fixed_port: bool = False


@contextlib.asynccontextmanager
async def show_session(facts: LocalFacts, options: ViewOptions) -> AsyncIterator[tuple[Session, str, tuple[str, ...]]]:
    """Open a session with the cloud and serve its console, which `status` finds too.

    Yield the session, the console's address with its token, empty if it could not be served, and notes on what
    differed. Raises as `open_session`."""
    access = Access.load(Path(facts.access), environ={})
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(access, facts.search, queries=Path(facts.queries)))
        file, wanted = console_key(options.folder), options.console_port
        key = ConsoleKey.read_or_create(file)
        setting = ConsoleSettings(
            key=key,
            port=wanted,
            port_search=not options.fixed_port,
            shown_search=facts.search,
            shown_api=facts.endpoint,
            why=facts.why,
        )
        try:
            url = await stack.enter_async_context(serve_console(session, setting))
        except InvalidInput as error:
            yield session, "", (f"no console: {error.message}",)
            return
        write_facts(options.folder, replace(facts, console=url, console_key=str(file)))
        note = port_moved_note(wanted, url)
        yield session, key.link(url), () if note is None else (note,)
