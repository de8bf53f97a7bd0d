"""The fishbowl tells what is so where it runs, also of limits that are set further up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainers.course.bowl import look

V1 = {
    "proc/self/cgroup": "4:memory:/docker/abc/inner\n3:cpu,cpuacct:/docker/abc\n0::/\n",
    "proc/self/mountinfo": (
        "30 20 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        "31 20 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
    ),
    "groups/memory/memory.limit_in_bytes": "64000000",
    "groups/memory/inner/memory.limit_in_bytes": "9223372036854771712",
    "groups/cpu,cpuacct/cpu.cfs_quota_us": "50000",
    "groups/cpu,cpuacct/cpu.cfs_period_us": "100000",
}
V2 = {
    "proc/self/cgroup": "0::/a/b\n",
    "proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
    "groups/a/memory.max": "64000000",
    "groups/a/b/memory.max": "max",
    "groups/a/cpu.max": "50000 100000",
    "groups/a/b/cpu.max": "max 100000",
}
COMMON = {
    "proc/meminfo": "MemTotal:       1000000 kB\n",
    "proc/1/comm": "init<b>\x1b\n",
    "proc/self/status": "NoNewPrivs:\t1\nSeccomp:\t2\nCapEff:\t0000000000000000\n",
}


def _seen(folder: Path, files: dict[str, str]) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for one in [folder / "groups", *(folder / "groups").rglob("*")]:
        if one.is_dir() and [*one.glob("*.*")]:
            (one / "cgroup.procs").touch()
    return {what: value for what, value, _ in look(folder / "proc", folder / "groups")}


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
def test_a_limit_holds_that_is_set_on_a_group_further_up(
    tmp_path: Path, files: dict[str, str]
) -> None:
    seen = _seen(tmp_path, {**files, **COMMON})
    assert seen["memory allowed / of the machine"] == "64MB / 1.024GB"
    assert seen["processors allowed / of the machine"].startswith("0.5 / ")
    assert (seen["NoNewPrivs"], seen["Seccomp"], seen["CapEff"]) == ("1", "2", "0" * 16)
    assert seen["process 1"] == "init<b>\\x1b"


def test_where_there_is_no_proc_it_is_said_that_it_is_not_seen(tmp_path: Path) -> None:
    """As on macOS and Windows."""
    (tmp_path / "groups").mkdir()
    seen = _seen(tmp_path, {})
    assert seen["memory allowed / of the machine"] == "not seen from here / not seen from here"
    assert {seen[it] for it in ("process 1", "NoNewPrivs", "CapEff")} == {"not seen from here"}


def test_no_limit_is_another_thing_than_one_that_is_not_seen(tmp_path: Path) -> None:
    files = {**V2, "groups/a/memory.max": "max", **COMMON}
    assert _seen(tmp_path, files)["memory allowed / of the machine"] == "no limit / 1.024GB"


def test_here() -> None:
    rows = look()
    assert len(rows) == 8
    assert all(what and value and tells for what, value, tells in rows)
