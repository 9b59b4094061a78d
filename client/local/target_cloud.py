"""Find the cloud that a command applies to: the one named by the environment, else the one running here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from client.local.state_dir import LocalFacts, cloud_name, named_clouds, running_demos, state_folder
from client.local.supervised_cloud import find_running
from client.program_name import CLOUD_VARIABLE, program_name
from server.api.queries import index_folder
from vmhost.api.access import ACCESS_VARIABLE, Access
from vmhost.base.errors import CloudError, InvalidInput, NotFound

CONSOLE_VARIABLE = "GLASSCLOUD_CONSOLE"
"""Environment variable: the console's URL from the outside, if no local cloud provides it."""
CONSOLE_KEY_VARIABLE = "GLASSCLOUD_CONSOLE_KEY"
"""Environment variable: path of the file with that console's token."""
FRONTEND_VARIABLE = "GLASSCLOUD_FRONTEND"
"""Environment variable: the search service's URL, if no local cloud provides it."""


def not_running() -> str:
    """Return the error message for a cloud that is not up."""
    name, others = cloud_name(), [each.cloud for each in running_clouds()]
    what = f"the cloud {name} is not up" if os.environ.get(CLOUD_VARIABLE) else "no cloud is up here"
    if others:
        what += f" ({', '.join(others)} {'is' if len(others) == 1 else 'are'}; choose with --cloud NAME)"
    return f"{what}; start {'it' if os.environ.get(CLOUD_VARIABLE) else 'one'} with: {program_name(name)} up"


def running_clouds() -> tuple[LocalFacts, ...]:
    """Return every cloud of this user that is up on this computer, demos last."""
    named = (find_running(state_folder(name)) for name in named_clouds())
    return (*(each for each in named if each is not None), *running_demos())


def local_cloud() -> LocalFacts | None:
    """Return the cloud that `up` started, else the running demo; None if there is neither.

    Raises InvalidInput if several demos run and none is named."""
    named, demos = os.environ.get(CLOUD_VARIABLE), tuple(running_demos())
    if (facts := find_running(state_folder(cloud_name()))) is not None:
        return facts
    if named:
        return next((each for each in demos if each.cloud == named), None)
    if len(demos) > 1:
        raise InvalidInput(f"{len(demos)} demos run here; name one: {_choices(demos)}")
    return demos[0] if demos else None


def _choices(clouds: Sequence[LocalFacts]) -> str:
    return " or ".join(f"--cloud {each.cloud}" for each in clouds)


def target_cloud(path: Path | None = None) -> LocalFacts | None:
    """Return the facts of the target cloud; None if it does not run on this computer, as in compose.

    An access file, given here or by the environment, selects the cloud that its key belongs to and no other."""
    if path is None and not os.environ.get(ACCESS_VARIABLE):
        return local_cloud()
    key = Access.load(path).access_key_id
    return next((each for each in running_clouds() if _key(each) == key), None)


def _key(facts: LocalFacts) -> str:
    try:
        return Access.load(Path(facts.access), environ={}).access_key_id
    except CloudError:
        return ""


def find_access(path: Path | None = None) -> Access:
    """Return the target cloud's key: from the given file, the environment or the local cloud. Raises NotFound."""
    if path is not None or os.environ.get(ACCESS_VARIABLE):
        return Access.load(path)
    facts = local_cloud()
    if facts is None:
        raise NotFound(not_running())
    return Access.load(Path(facts.access))


def search_url(facts: LocalFacts | None, url: str | None = None) -> str:
    """Return the search service's URL: the given one, else the environment's, else the cloud's; empty if unknown."""
    return url or os.environ.get(FRONTEND_VARIABLE) or ("" if facts is None else facts.search)


def find_search_url(url: str | None = None, path: Path | None = None) -> str:
    """Return the search service's URL. Raises NotFound if it is unknown."""
    if named := search_url(None, url):
        return named
    facts = target_cloud(path)
    if facts is not None:
        return facts.search
    if path is None and not os.environ.get(ACCESS_VARIABLE):
        raise NotFound(not_running())
    raise NotFound(f"the search front end of this cloud is not known here; set {FRONTEND_VARIABLE}=URL")


def console_address(facts: LocalFacts | None) -> str:
    """Return the console's address, with the token that lets a browser act; empty if no console is served."""
    from client.console.request_guard import ConsoleKey

    url, file = os.environ.get(CONSOLE_VARIABLE, ""), os.environ.get(CONSOLE_KEY_VARIABLE, "")
    if facts is not None and not (url and file):
        url, file = facts.console, facts.console_key
    key = ConsoleKey.read(Path(file)) if url and file else None
    return "" if key is None else key.link(url)


def find_queries(path: Path | None = None) -> Path:
    """Return the file of queries for the corpus: the local cloud's, else that of the index built by set-up."""
    facts = target_cloud(path)
    return index_folder() / "queries.json" if facts is None else Path(facts.queries)
