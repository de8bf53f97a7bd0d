"""Rights, limits and mounts as they are drawn."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainers.namespaces import (
    DECLARED,
    KINDS,
    MEASURED,
    Container,
    Snapshot,
    compare,
    host_of,
)
from ipycontainers.namespaces.snapshot import Limit, Machine, Mount, Range
from ipycontainers.widgets import namespaces

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"
INITIAL = {kind.name: kind.initial for kind in KINDS}
OWN = Snapshot(MEASURED, namespaces=INITIAL, machine=Machine(8 << 30, 100.0, "a" * 36, "quiet"))


def _drawn(count: int = 1, **fields: Any) -> str:
    near = Snapshot(**{"source": MEASURED, "namespaces": INITIAL, **fields})
    each = [Container(f"c{number}", f"{number}" * 64, "running", [near]) for number in range(count)]
    return str(namespaces.drawn(compare(host_of(OWN), each, [])))


def test_a_far_reaching_capability_is_marked_and_named() -> None:
    form = _drawn(effective=("CHOWN", "SYS_ADMIN"), bounding=("CHOWN", "SYS_ADMIN"))
    assert "2 in effect, 2 at most" in form
    assert ">SYS_ADMIN !<" in form
    assert "! far-reaching: SYS_ADMIN" in form


def test_in_a_user_namespace_of_its_own_it_is_not() -> None:
    form = _drawn(effective=("SYS_ADMIN",), namespaces={**INITIAL, "user": 7})
    assert "not on the host" in form
    assert "SYS_ADMIN !" not in form
    shared = _drawn(2, effective=("SYS_ADMIN",), namespaces={**INITIAL, "user": 7})
    assert "SYS_ADMIN !" not in shared
    declared = {kind: it for kind, it in INITIAL.items() if kind != "user"}
    claimed = _drawn(effective=("SYS_ADMIN",), namespaces=declared, of_host={"user": False})
    assert "! far-reaching: SYS_ADMIN" in claimed


@pytest.mark.parametrize(
    ("uid_map", "words"),
    [
        ((Range(0, 0, 4294967295),), "root is root"),
        ((Range(0, 1000, 1), Range(1, 100000, 65536)), "0 inside is 1000 outside"),
        ((Range(1, 100000, 65536),), "1–65536 inside are 100000–165535 outside"),
        ((), "all are nobody"),
    ],
)
def test_users(uid_map: tuple[Range, ...], words: str) -> None:
    assert words in _drawn(uid_map=uid_map)


def test_limits_stand_beside_what_is_used() -> None:
    limits = (
        Limit("memory", 100e6, 25e6),
        Limit("processor", 0.5, 90.0),
        Limit("processes", None, 3),
    )
    form = _drawn(limits=limits)
    for words in ("100MB", "25MB (25%)", "1 min 30 s so far", ">none<", ">3<"):
        assert words in form, words


def test_many_mounts_are_bounded_and_their_names_are_text() -> None:
    mounts = tuple(Mount(f"/{number}{HOSTILE}", HOSTILE, HOSTILE, True) for number in range(300))
    form = _drawn(mounts=mounts)
    assert "300 mounts of the host, the first 200" in form
    assert form.count("read only") == 200
    assert "<img" not in form
    assert "\x1b" not in form


def test_what_is_not_known_is_said() -> None:
    form = _drawn(source=DECLARED, namespaces={})
    assert form.count("not known") >= len(KINDS) + 4
    assert ">own<" not in form


def test_what_is_only_declared_is_no_claim_of_ours() -> None:
    near = Snapshot(DECLARED, of_host={"pid": False, "uts": True})
    data = compare(host_of(OWN), [Container("web", "f" * 64, "running", [near])], [])
    assert namespaces.summary(data) == (
        "web  shared: uts; declared own: pid; not known: net mnt ipc user cgroup time (declared)"
    )
    form = str(namespaces.drawn(data))
    assert form.count("spaces-own spaces-declared") == form.count("spaces-own") == 1


def test_what_another_container_has_too_is_not_called_its_own() -> None:
    apart = {**INITIAL, "net": 7, "mnt": 8}
    pair = [
        Container(name, name * 64, "running", [Snapshot(MEASURED, namespaces=spaces)])
        for name, spaces in (("a", apart), ("b", {**apart, "mnt": 9}))
    ]
    data = compare(host_of(OWN), pair, [])
    assert namespaces.summary(data).splitlines()[0] == (
        "a  own: mnt; shared: pid uts ipc user cgroup time; shared with b: net (measured)"
    )
    form = str(namespaces.drawn(data))
    for words in (">with b<", ">with a<", ">with the host<"):
        assert words in form, words
    assert form.count("spaces-own") == 2
    # The same in the next run, and where only one of both is shown.
    alone = compare(host_of(OWN), pair[:1], pair[1:])
    assert ">with b<" in str(namespaces.static(alone)).replace("<br>", "")


def test_what_was_not_looked_at_is_said() -> None:
    """Of one that does not run it was said what it would have: nothing is called measured."""
    told = Snapshot(DECLARED, of_host={"pid": False})
    one = Container("web", "f" * 64, "exited", [told], silence="it has ended")
    data = compare(host_of(OWN), [one], [], left_out=3)
    assert data["containers"][0]["not_asked"] == "it has ended"
    assert namespaces.summary(data).startswith("web (exited)  declared own: pid; not known: ")
    for form in (str(namespaces.drawn(data)), str(namespaces.static(data))):
        assert ">web (exited)</th>" in form
        assert "Nothing was asked inside web: it has ended." in form
        assert "3 more containers run" in form


def test_many_columns_keep_their_width() -> None:
    assert "spaces-wide" not in _drawn(4)
    assert _drawn(5).count("spaces-wide") == 2


def test_static_tells_no_number_that_is_new_in_each_run() -> None:
    near = Snapshot(MEASURED, pid=4711, namespaces={**INITIAL, "pid": 4026532999})
    data = compare(host_of(OWN), [Container("web", "f" * 64, "running", [near])], [])
    form = str(namespaces.static(data))
    assert not [it for it in ("4711", "4026532999", str(INITIAL["uts"]), "f" * 12) if it in form]
    assert "data-do" not in form
