"""One process, two numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ipycontainers.namespaces import Process
from ipycontainers.namespaces.tree import ancestors, members, paired, processes, tree

ID, OTHER = "a" * 64, "b" * 64


def _proc(folder: Path, pid: int, parent: int, numbers: str, group: str = "/", **more: str) -> None:
    at = folder / str(pid)
    at.mkdir()
    status = f"Name:\tx\nPPid:\t{parent}\nUid:\t5\t5\t5\t5\nNSpid:\t{numbers}\n"
    files = {"status": status, "cmdline": f"run\0{pid}\0", "cgroup": f"0::{group}\n", **more}
    for name, text in files.items():
        (at / name).write_text(text)


def test_each_process_has_the_number_of_the_containers_namespace(tmp_path: Path) -> None:
    _proc(tmp_path, 10, 1, "10")
    _proc(tmp_path, 20, 10, "20\t1", f"/docker/{ID}")
    _proc(tmp_path, 30, 20, "30\t7", f"/docker/{ID}")
    _proc(tmp_path, 40, 30, "40\t8\t1", f"/docker/{ID}/deeper")
    _proc(tmp_path, 50, 10, "50\t1", f"/docker/{OTHER}")
    pids = members(20, ID, tmp_path)
    assert pids == (20, 30, 40)
    found = processes(pids, 20, tmp_path)
    assert [(it.outside, it.inside, it.parent) for it in found] == [
        (20, 1, 0),
        (30, 7, 20),
        (40, 8, 30),
    ]
    assert found[0].command == "run 20"
    assert found[0].user == 5
    assert [it.number for it in ancestors(20, tmp_path)] == [1, 10]


def test_who_has_joined_its_namespace_and_who_watches_it_are_not_in_it(tmp_path: Path) -> None:
    """--pid container:X, and Podman's conmon, which systemd's groups name alike."""
    _space(tmp_path, "self", 1)
    for pid, space, group in [
        (20, 2, f"libpod-{ID}.scope/container"),
        (21, 2, f"libpod-{ID}.scope/container"),
        (30, 2, f"libpod-{OTHER}.scope/container"),
        (40, 1, f"libpod-conmon-{ID}.scope"),
        (50, 2, "user.slice"),  # nsenter, from a terminal
    ]:
        _proc(tmp_path, pid, 1, f"{pid}", f"/machine.slice/{group}")
        _space(tmp_path, str(pid), space)
    assert members(20, ID, tmp_path) == (20, 21, 50)
    assert members(30, OTHER, tmp_path) == (30, 50)


def _space(folder: Path, pid: str, number: int) -> None:
    """Its pid namespace: a file that those of the same one have in common."""
    space = folder / f"space-{number}"
    space.touch()
    (folder / pid / "ns").mkdir(parents=True)
    (folder / pid / "ns" / "pid").symlink_to(space)


def test_a_process_that_is_gone_is_left_out(tmp_path: Path) -> None:
    _proc(tmp_path, 20, 1, "20\t1")
    assert [it.number for it in processes([20, 21], 20, tmp_path)] == [20]


def test_members_of_a_namespace_that_is_shared_are_not_all(tmp_path: Path) -> None:
    """This process has the host's pid namespace; its namesakes there are not its container's."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as program:
        assert members(program.pid, "no such id") == (program.pid,)
        assert [it.number for it in ancestors(program.pid)][-1] == os.getpid()
        assert program.stdin
        program.stdin.close()


def _p(number: int, parent: int, command: str) -> Process:
    return Process(number, parent, inside=number, outside=None, command=command)


def test_a_tree_has_each_after_its_parent() -> None:
    found = [_p(1, 0, "a"), _p(2, 1, "b"), _p(3, 1, "c"), _p(4, 2, "d"), _p(9, 77, "lost")]
    drawn = [(depth, it.number) for depth, it in tree(found)]
    assert drawn == [(0, 1), (1, 2), (2, 4), (1, 3), (0, 9)]


def test_a_tree_of_a_container_that_lies_ends() -> None:
    assert list(tree([_p(1, 2, "a"), _p(2, 1, "b"), _p(3, 3, "c")])) == []


def test_two_sides_are_paired_only_beyond_doubt() -> None:
    inside = [_p(1, 0, "sh"), _p(2, 1, "top"), _p(3, 1, "sleep"), _p(4, 1, "sleep")]
    outside = [
        Process(n, p, inside=None, outside=n, command=c)
        for n, p, c in [(10, 0, "sh"), (11, 10, "top"), (12, 10, "sleep"), (13, 10, "sleep")]
    ]
    found = {it.inside: it.outside for it in paired(inside, outside)}
    assert found == {1: 10, 2: 11, 3: None, 4: None}


def test_where_the_engine_tells_both_numbers_they_are_taken() -> None:
    inside = [_p(1, 0, "sh"), _p(3, 1, "sleep"), _p(4, 1, "sleep")]
    outside = [Process(n, 0, inside=n, outside=n + 9, command="?") for n in (1, 3)]
    assert [(it.inside, it.outside) for it in paired(inside, outside)] == [
        (1, 10),
        (3, 12),
        (4, None),
    ]
