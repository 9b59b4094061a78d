"""Which cloud a command means: the one that the environment names, else the one that runs here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from client.called import CLOUD_VARIABLE, called
from client.local.attach import find
from client.local.places import LocalFacts, cloud_name, named_clouds, running_demos, state_folder
from server.api.queries import index_folder
from vmhost.api.access import ACCESS_VARIABLE, Access
from vmhost.base.errors import CloudError, InvalidInput, NotFound

CONSOLE_VARIABLE = "GLASSCLOUD_CONSOLE"
"""Environment variable: the console's URL as people reach it, where no local cloud names it."""
CONSOLE_KEY_VARIABLE = "GLASSCLOUD_CONSOLE_KEY"
"""Environment variable: the file with that console's token."""
FRONTEND_VARIABLE = "GLASSCLOUD_FRONTEND"
"""Environment variable: the search service's URL, where no local cloud names it."""


def not_up() -> str:
    """The sentence for a cloud that is not up."""
    name, others = cloud_name(), [each.cloud for each in clouds_up()]
    what = f"the cloud {name} is not up" if os.environ.get(CLOUD_VARIABLE) else "no cloud is up here"
    if others:
        what += f" ({', '.join(others)} {'is' if len(others) == 1 else 'are'}; choose with {CLOUD_VARIABLE}=NAME)"
    return f"{what}; start {'it' if os.environ.get(CLOUD_VARIABLE) else 'one'} with: {called(name)} up"


def clouds_up() -> tuple[LocalFacts, ...]:
    """Every cloud of this user that is up on this computer, demos last."""
    named = (find(state_folder(name)) for name in named_clouds())
    return (*(each for each in named if each is not None), *running_demos())


def local_cloud() -> LocalFacts | None:
    """The cloud that `up` left running, else the demo that runs; None where there is neither.

    Raises InvalidInput where several demos run and none is named."""
    named, demos = os.environ.get(CLOUD_VARIABLE), tuple(running_demos())
    if (facts := find(state_folder(cloud_name()))) is not None:
        return facts
    if named:
        return next((each for each in demos if each.cloud == named), None)
    if len(demos) > 1:
        raise InvalidInput(f"{len(demos)} demos run here; name one: {_choices(demos)}")
    return demos[0] if demos else None


def _choices(clouds: Sequence[LocalFacts]) -> str:
    return " or ".join(f"{CLOUD_VARIABLE}={each.cloud}" for each in clouds)


def meant_cloud(path: Path | None = None) -> LocalFacts | None:
    """What is known of the cloud that is meant; None where it does not run here, such as in compose.

    An access file, named here or by the environment, means the cloud that its key belongs to, and no other."""
    if path is None and not os.environ.get(ACCESS_VARIABLE):
        return local_cloud()
    key = Access.load(path).access_key_id
    return next((each for each in clouds_up() if _key(each) == key), None)


def _key(facts: LocalFacts) -> str:
    try:
        return Access.load(Path(facts.access), environ={}).access_key_id
    except CloudError:
        return ""


def find_access(path: Path | None = None) -> Access:
    """The key of the cloud that is meant: a named file, the environment's, the local cloud's. Raises NotFound."""
    if path is not None or os.environ.get(ACCESS_VARIABLE):
        return Access.load(path)
    facts = local_cloud()
    if facts is None:
        raise NotFound(not_up())
    return Access.load(Path(facts.access))


def search_of(facts: LocalFacts | None, url: str | None = None) -> str:
    """The URL of the cloud's search service: as named here, by the environment or by the cloud; empty if unknown."""
    return url or os.environ.get(FRONTEND_VARIABLE) or ("" if facts is None else facts.search)


def find_search(url: str | None = None, path: Path | None = None) -> str:
    """The same; raises NotFound where it is unknown."""
    if named := search_of(None, url):
        return named
    facts = meant_cloud(path)
    if facts is not None:
        return facts.search
    if path is None and not os.environ.get(ACCESS_VARIABLE):
        raise NotFound(not_up())
    raise NotFound(f"this cloud has no search front end that is known here; name one with {FRONTEND_VARIABLE}=URL")


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


def find_queries(path: Path | None = None) -> Path:
    """The queries of the corpus that is searched: the local cloud's, else those of the index that set-up built."""
    facts = meant_cloud(path)
    return index_folder() / "queries.json" if facts is None else Path(facts.queries)
