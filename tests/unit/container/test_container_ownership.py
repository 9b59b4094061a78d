from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import CloudError, Conflict
from vmhost.drivers.container import labels
from vmhost.drivers.container.ownership import (
    Decision,
    ForeignObject,
    Owner,
    OwnerStatus,
    Presence,
    decide,
    home_of,
    is_present,
    owner_id,
    take_id,
)
from vmhost.drivers.context import LeftoverPolicy

GUEST = {labels.INSTANCE: "i-01", labels.OWNER: "aa"}
OLD_GUEST = {labels.INSTANCE: "i-01"}
NETWORK = {labels.OWNER: "aa"}


def foreign_object(life: OwnerStatus, found: dict[str, str] = GUEST) -> ForeignObject:
    return ForeignObject(id="x", labels=found, life=life)


def test_owner_id_is_made_once_per_state_folder(tmp_path: Path) -> None:
    first = owner_id(tmp_path / "a")
    assert owner_id(tmp_path / "a") == first
    assert owner_id(tmp_path / "b") != first
    take_id(tmp_path / "b", first)
    assert owner_id(tmp_path / "b") == first


def test_objects_owned_by_label_or_by_record() -> None:
    owner = Owner(id="aa", home="here", known=frozenset({"i-01"}))
    assert owner.owns(GUEST)
    assert owner.owns(OLD_GUEST)
    assert owner.owns({})
    assert not owner.owns(OLD_GUEST | {labels.INSTANCE: "i-02"})
    assert not owner.owns(GUEST | {labels.OWNER: "bb"})


@given(
    leftovers=st.sampled_from(LeftoverPolicy),
    others=st.lists(st.sampled_from(OwnerStatus)),
    found=st.sampled_from([GUEST, NETWORK]),
)
def test_objects_of_a_running_platform_not_touched(
    leftovers: LeftoverPolicy, others: list[OwnerStatus], found: dict[str, str]
) -> None:
    with pytest.raises(Conflict, match="another platform runs the cloud c"):
        decide([*map(foreign_object, others), foreign_object(OwnerStatus.RUNS, found)], leftovers, "c")


@given(leftovers=st.sampled_from(LeftoverPolicy), others=st.lists(st.sampled_from(OwnerStatus)))
def test_nothing_touched_while_owner_may_still_run(leftovers: LeftoverPolicy, others: list[OwnerStatus]) -> None:
    with pytest.raises(CloudError):
        decide([*map(foreign_object, others), foreign_object(OwnerStatus.UNKNOWN)], leftovers, "c")


@pytest.mark.parametrize(
    ("leftovers", "found", "decision"),
    [
        (LeftoverPolicy.THROWAWAY, GUEST, Decision.REMOVE),
        (LeftoverPolicy.SWEEP, GUEST, Decision.REMOVE),
        (LeftoverPolicy.ADOPT, GUEST, Decision.TAKE_OVER),
        (LeftoverPolicy.REFUSE, NETWORK, Decision.REMOVE),
        (LeftoverPolicy.ADOPT, NETWORK, Decision.REMOVE),
    ],
)
def test_leftovers_of_a_gone_platform_follow_the_policy(
    leftovers: LeftoverPolicy, found: dict[str, str], decision: Decision
) -> None:
    assert decide([foreign_object(OwnerStatus.GONE, found)], leftovers, "c") is decision


@pytest.mark.parametrize(
    ("leftovers", "found", "words"),
    [
        (LeftoverPolicy.REFUSE, GUEST, "1 instance of the cloud c .* --adopt.*--sweep.*--cloud"),
        (LeftoverPolicy.REFUSE, OLD_GUEST, "--sweep"),
        (LeftoverPolicy.THROWAWAY, OLD_GUEST, "--sweep"),
        (LeftoverPolicy.ADOPT, OLD_GUEST, "cannot be adopted"),
    ],
)
def test_refusal_names_the_choices(leftovers: LeftoverPolicy, found: dict[str, str], words: str) -> None:
    with pytest.raises(Conflict, match=words):
        decide(
            [foreign_object(OwnerStatus.GONE if labels.OWNER in found else OwnerStatus.UNKNOWN, found)], leftovers, "c"
        )


def test_sweep_removes_guests_of_older_versions() -> None:
    assert decide([foreign_object(OwnerStatus.UNKNOWN, OLD_GUEST)], LeftoverPolicy.SWEEP, "c") is Decision.REMOVE


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's own")
def test_presence_lasts_until_the_process_ends() -> None:
    code = """
import sys, time
from vmhost.drivers.container.ownership import Presence
presence = Presence("test-presence")
assert presence.take()
print("taken", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        assert is_present("test-presence")
        assert not Presence("test-presence").take()
        process.kill()
        process.wait()
    assert not is_present("test-presence")


def test_home_is_container_or_network_namespace() -> None:
    assert home_of("abc") == "container:abc"
    assert home_of("") in ("", Path("/proc/self/ns/net").readlink().name if Path("/proc").exists() else "")
