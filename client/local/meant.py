"""Which cloud a command means: the one named by the environment, else the one that `up` left running here."""

from __future__ import annotations

import os
from pathlib import Path

from client.called import called
from client.local.attach import find
from client.local.places import LocalFacts, cloud_name, state_folder
from server.api.queries import index_folder
from vmhost.api.access import ACCESS_VARIABLE, Access
from vmhost.base.errors import NotFound

CONSOLE_VARIABLE = "GLASSCLOUD_CONSOLE"
"""Environment variable: the console's URL as people reach it, where no local cloud tells it."""
CONSOLE_KEY_VARIABLE = "GLASSCLOUD_CONSOLE_KEY"
"""Environment variable: the file with that console's token."""
FRONTEND_VARIABLE = "GLASSCLOUD_FRONTEND"
"""Environment variable: the search service's URL, where no local cloud tells it."""


def not_up() -> str:
    """The sentence for a cloud that is not there."""
    return f"no cloud is up here; start one with: {called()} up"


def local_cloud() -> LocalFacts | None:
    """The cloud that `up` left running, None where none is."""
    return find(state_folder(cloud_name()))


def find_access(path: Path | None = None) -> Access:
    """The key of the cloud that is meant: a named file, the environment's, the local cloud's. Raises NotFound."""
    if path is not None or os.environ.get(ACCESS_VARIABLE):
        return Access.load(path)
    facts = local_cloud()
    if facts is None:
        raise NotFound(not_up())
    return Access.load(Path(facts.access))


def find_search(url: str | None = None) -> str:
    """The search service's URL that is meant. Raises NotFound."""
    named = url or os.environ.get(FRONTEND_VARIABLE)
    if named:
        return named
    facts = local_cloud()
    if facts is None:
        raise NotFound(not_up())
    return facts.search


def console_address(facts: LocalFacts | None) -> str:
    """Where a browser opens the cloud's console with the right to act; empty where none is served."""
    url, file = os.environ.get(CONSOLE_VARIABLE, ""), os.environ.get(CONSOLE_KEY_VARIABLE, "")
    if url and file:
        return _address(url, file)
    return "" if facts is None else own_console(facts)


def own_console(facts: LocalFacts) -> str:
    """The same for the console that this cloud itself serves, whatever the environment names."""
    return _address(facts.console, facts.console_key)


def _address(url: str, file: str) -> str:
    from client.console.keys import Key

    key = Key.read(Path(file)) if file else None
    return key.address(url) if key and url else ""


def find_queries() -> Path:
    """The queries of the corpus that is searched: the local cloud's, else those of the index that set-up built."""
    facts = local_cloud()
    return index_folder() / "queries.json" if facts is None else Path(facts.queries)
