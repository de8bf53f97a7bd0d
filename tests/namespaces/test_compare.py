"""Own or shared, who else, and what proves that a pid is that container."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ipycontainers.namespaces import (
    ASKED,
    DECLARED,
    KINDS,
    MEASURED,
    Container,
    Snapshot,
    compare,
    declared,
    host_of,
    proof,
)
from ipycontainers.namespaces.snapshot import Machine

BOOT, OTHER = "a" * 36, "b" * 36
INITIAL = {kind.name: kind.initial for kind in KINDS}
OWN = Snapshot(MEASURED, namespaces=INITIAL, machine=Machine(8 << 30, 100.0, BOOT, "quiet"))
ID = "c" * 64
SEPARATE = {**INITIAL, "pid": 1001, "mnt": 1002, "net": 1003}


def _container(name: str, *snapshots: Snapshot, launcher: str = "") -> Container:
    return Container(name, name * 64, "running", snapshots, launcher=launcher)


def test_an_inode_of_its_own_is_a_namespace_of_its_own() -> None:
    near = Snapshot(MEASURED, pid=5, namespaces=SEPARATE)
    data = compare(host_of(OWN), [_container("a", near)], [])
    spaces = data["containers"][0]["namespaces"]
    assert {name for name, it in spaces.items() if it["own"]} == {"pid", "mnt", "net"}
    assert spaces["pid"] == {
        "inode": 1001,
        "own": True,
        "source": MEASURED,
        "shared_with": None,
        "others": [],
    }
    assert (spaces["uts"]["own"], spaces["uts"]["shared_with"]) == (False, "host")
    assert data["host"]["namespaces"]["uts"]["others"] == ["a"]
    assert json.loads(json.dumps(data)) == data


def test_who_else_is_in_it_is_told_by_name() -> None:
    one, two = (Snapshot(MEASURED, namespaces={**SEPARATE, "pid": pid}) for pid in (1001, 2001))
    data = compare(host_of(OWN), [_container("a", one)], [_container("b", two)])
    spaces = data["containers"][0]["namespaces"]
    assert (spaces["net"]["others"], spaces["pid"]["others"]) == (["b"], [])
    # What another container has too is not its own, though it is not the host's.
    assert (spaces["net"]["own"], spaces["net"]["shared_with"]) == (False, "containers")
    assert (spaces["pid"]["own"], spaces["pid"]["shared_with"]) == (True, None)


def _spaces(kind: str, *containers: Container, here: bool = True) -> dict[str, tuple[object, ...]]:
    """By name: own, shared with, others."""
    data = compare(host_of(OWN, is_here=here), containers, [])
    found = ((one["name"], one["namespaces"][kind]) for one in data["containers"])
    return {name: (it["own"], it["shared_with"], it["others"]) for name, it in found}


def test_who_joined_whom_is_declared_where_no_inode_is_known() -> None:
    bare = Snapshot(DECLARED, of_host={"net": False})
    joined = Snapshot(DECLARED, joined={"net": "aaaa"})
    chained = Snapshot(DECLARED, joined={"net": "b"})
    each = [_container(name, it) for name, it in (("a", bare), ("b", joined), ("c", chained))]
    assert _spaces("net", *each) == {
        "a": (False, "containers", ["b", "c"]),
        "b": (False, "containers", ["a", "c"]),
        "c": (False, "containers", ["a", "b"]),
    }
    gone = Snapshot(DECLARED, joined={"net": "d" * 64})
    assert _spaces("net", _container("e", gone)) == {"e": (False, "containers", [])}


def test_a_name_goes_before_the_digits_of_an_id() -> None:
    """As an engine looks for it: "db" is a name, and how an id may begin."""
    bare, joined = Snapshot(DECLARED), Snapshot(DECLARED, joined={"pid": "db"})
    each = [
        Container("web", "db" * 32, "running", [bare]),
        Container("db", "f" * 64, "running", [bare]),
        Container("joins", "e" * 64, "running", [joined]),
    ]
    assert _spaces("pid", *each)["joins"][2] == ["db"]
    assert _spaces("pid", *each)["web"] == (None, None, [])


@pytest.mark.parametrize("here", [True, False])
def test_the_engines_own_is_nobodys_own(here: bool) -> None:
    """--pid host of an engine that is in a container, or has no root: it is not the host's."""
    near = Snapshot(ASKED, namespaces={**INITIAL, "pid": 1001})
    told = Snapshot(DECLARED, of_host={"pid": True}, joined={"pid": declared.ENGINE})
    assert _spaces("pid", _container("a", near, told), here=here) == {"a": (False, "engine", [])}
    both = [_container(name, near, told) for name in "ab"]
    assert _spaces("pid", *both, here=here)["a"] == (False, "containers", ["b"])


def test_one_that_tells_of_another_kernel_is_not_judged_by_this_one() -> None:
    """A machine of its own around a container: its numbers are those of every machine."""
    near = Snapshot(MEASURED, namespaces=SEPARATE)
    here = Container("a", "a" * 64, "running", [near], "control group")
    guest = Snapshot(ASKED, namespaces=SEPARATE, machine=Machine(boot_id=OTHER))
    found = _spaces("net", here, _container("b", guest))
    assert found == {"a": (True, None, []), "b": (None, None, [])}
    found = _spaces("user", here, _container("b", guest))
    assert found == {"a": (False, "host", []), "b": (False, "machine", [])}


def test_what_is_not_known_is_not_claimed() -> None:
    spaces = compare(host_of(OWN), [_container("a", Snapshot(DECLARED))], [])["containers"][0]
    assert {(it["own"], it["source"]) for it in spaces["namespaces"].values()} == {(None, None)}
    assert spaces["why"] is None


def test_of_another_machine_the_kernels_fixed_numbers_are_known() -> None:
    """A number of net and mnt that is not the newest kernel's says nothing: before Linux 6.18
    the machine's own had another one."""
    asked = Snapshot(ASKED, namespaces={**INITIAL, "pid": 1001, "net": 4026531992})
    told = Snapshot(DECLARED, of_host={"net": True, "mnt": False, "pid": False})
    data = compare(host_of(OWN, is_here=False), [_container("a", asked, told)], [])
    spaces = data["containers"][0]["namespaces"]
    assert (spaces["pid"]["own"], spaces["pid"]["source"]) == (True, ASKED)
    assert (spaces["uts"]["own"], spaces["uts"]["source"]) == (False, ASKED)
    assert (spaces["net"]["own"], spaces["net"]["source"]) == (False, DECLARED)
    assert (spaces["mnt"]["own"], spaces["mnt"]["source"]) == (False, ASKED)
    assert data["host"]["here"] is False
    # Nobody has looked at that machine's own.
    known = {(it["inode"], it["source"]) for it in data["host"]["namespaces"].values()}
    assert known == {(None, None)}


def test_a_notebook_in_a_container_sees_the_machines_own_as_shared() -> None:
    around = host_of(replace(OWN, namespaces={**INITIAL, "net": 7, "pid": 8}))
    near = Snapshot(ASKED, namespaces=INITIAL)
    data = compare(around, [_container("a", near)], [])
    space = data["containers"][0]["namespaces"]["net"]
    assert (space["own"], space["shared_with"]) == (False, "machine")
    # It is not in the one of which the number stands there.
    assert data["host"]["namespaces"]["net"]["others"] == []
    assert data["host"]["namespaces"]["user"]["others"] == ["a"]
    assert data["host"]["namespaces"]["pid"]["initial"] is False
    assert data["host"]["namespaces"]["user"]["initial"] is True


def test_all_doors_are_open_under_proot_and_it_says_why() -> None:
    near = Snapshot(MEASURED, namespaces=INITIAL)
    (one,) = compare(host_of(OWN), [_container("a", near, launcher="ptrace")], [])["containers"]
    assert {it["own"] for it in one["namespaces"].values()} == {False}
    assert "PRoot makes no namespace" in one["why"]


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        (Machine(8 << 30, 104.0, BOOT, "quiet"), [True] * 4),
        (Machine(1 << 30, 4.0, OTHER, "loud"), [False] * 4),
        (Machine(), [None] * 4),
    ],
)
def test_what_leaks(asked: Machine, same: list[bool | None]) -> None:
    data = compare(host_of(OWN), [_container("a", Snapshot(ASKED, machine=asked))], [])
    leaks = data["containers"][0]["leaks"]
    assert list(leaks) == ["MemTotal", "uptime", "boot_id", "kernel_command_line"]
    assert [leak["same"] for leak in leaks.values()] == same


# --- the same kernel -----------------------------------------------------------------------------


def _asked(boot_id: str, namespaces: dict[str, int] = SEPARATE) -> Snapshot:
    return Snapshot(ASKED, namespaces=namespaces, machine=Machine(boot_id=boot_id))


GROUPED = Snapshot(MEASURED, cgroup=f"0::/docker/{ID}\n", namespaces=SEPARATE)
BARE = Snapshot(MEASURED, cgroup="0::/user\n", namespaces=SEPARATE)
TRACED = Snapshot(MEASURED, cgroup="0::/user\n", namespaces=INITIAL, tracer=7)


@pytest.mark.parametrize(
    ("near", "asked", "shown"),
    [
        (GROUPED, _asked(BOOT), "boot id and control group"),
        (GROUPED, None, "control group"),
        (BARE, _asked(BOOT), "boot id and pid namespace"),
        (TRACED, _asked(BOOT, INITIAL), "boot id and pid namespace"),
        # Docker Desktop, ssh://: whoever has that pid here is somebody else.
        (GROUPED, _asked(OTHER), ""),
        (BARE, _asked(OTHER), ""),
        (BARE, None, ""),
        (BARE, _asked(BOOT, {**SEPARATE, "pid": 1, "mnt": 2, "net": 3}), ""),
        (replace(TRACED, tracer=0), _asked(BOOT, INITIAL), ""),
        (Snapshot(MEASURED), _asked(BOOT), ""),
    ],
)
def test_a_pid_is_proven_by_boot_id_and_group_or_namespace(
    near: Snapshot, asked: Snapshot | None, shown: str
) -> None:
    assert proof(ID, near, asked, OWN) == shown


def test_a_short_id_proves_nothing() -> None:
    near = Snapshot(MEASURED, cgroup="0::/c\n")
    assert proof("c", near, _asked(BOOT), OWN) == ""
