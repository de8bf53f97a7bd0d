"""Percentages and bytes, from samples as engines give them."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainers.samples import (
    KEPT,
    Limits,
    Use,
    enforced,
    limits,
    percent,
    sample,
)
from ipycontainers.widgets.stats import moment

KEYS = ("CpuCfsQuota", "MemoryLimit", "PidsLimit")


def told(total: int, system: int, **more: Any) -> dict[str, Any]:
    """As dockerd has it on control groups of version 1."""
    return {
        "cpu_stats": {
            "cpu_usage": {"total_usage": total},
            "system_cpu_usage": system,
            "online_cpus": 2,
        },
        "memory_stats": {"usage": 3_000_000, "limit": 64_000_000, "stats": {}},
        "pids_stats": {"current": 1},
        **more,
    }


def test_samples_that_are_read_at_once_are_as_far_apart_as_they_were_taken() -> None:
    use = Use("x")
    for second, received in ((1, 1_000), (2, 3_000)):
        networks = {"eth0": {"rx_bytes": received, "tx_bytes": 0}}
        read = f"2026-01-31T12:00:0{second}.5Z"
        now = told(second * 1_000, second * 10_000, networks=networks, read=read)
        taken = sample(now, moment(now))
        assert taken is not None
        use = use.taken(taken)
    assert use.history[-1][2] == pytest.approx(2_000)


def test_a_percentage_is_of_one_processor() -> None:
    before, now = sample(told(1_000, 10_000), 1.0), sample(told(2_000, 12_000), 2.0)
    assert before
    assert now
    assert percent(before, now) == pytest.approx(100.0)  # half of two
    assert percent(now, before) == 0.0


def test_a_percentage_takes_two_samples() -> None:
    """Podman's first one has numbers of milliseconds before, which the clock cannot tell apart."""
    precpu = {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 12_000, "online_cpus": 2}
    first = sample(told(2_000, 12_000, precpu_stats=precpu), 1.0)
    second = sample(told(3_000, 14_000), 2.0)
    assert first
    assert second
    assert Use("x").taken(first).percent is None
    assert Use("x").taken(first).taken(second).percent == pytest.approx(100.0)


@pytest.mark.parametrize("key", ["total_inactive_file", "inactive_file"])
def test_memory_is_without_the_cache_of_files(key: str) -> None:
    memory = {"usage": 3_000_000, "limit": 1, "stats": {key: 1_000_000}}
    found = sample(told(1, 1, memory_stats=memory), 0.0)
    assert found
    assert found.memory == 2_000_000


def test_networks_and_devices_are_summed() -> None:
    networks = {"eth0": {"rx_bytes": 5, "tx_bytes": 7}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}}
    moved = [
        {"major": 8, "minor": 0, "op": "Read", "value": 10},
        {"major": 8, "minor": 16, "op": "read", "value": 1},
        {"major": 8, "minor": 0, "op": "Write", "value": 20},
        {"major": 8, "minor": 0, "op": "Total", "value": 30},
    ]
    blkio = {"io_service_bytes_recursive": moved}
    found = sample(told(1, 1, networks=networks, blkio_stats=blkio), 0.0)
    assert found
    assert (found.received, found.sent, found.read, found.written) == (6, 9, 11, 20)


@pytest.mark.parametrize(
    "zeros",
    [
        {},
        {"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}},
        {"cpu_stats": None, "memory_stats": None, "pids_stats": None},
    ],
)
def test_zeros_are_of_one_that_does_not_run(zeros: dict[str, Any]) -> None:
    assert sample(zeros, 0.0) is None


def test_history_is_short_and_a_stop_leaves_no_numbers() -> None:
    use = Use("x")
    for second in range(2 * KEPT):
        now = sample(told(1_000 * second + 1, 10_000 * second), float(second))
        assert now
        use = use.taken(now)
    assert len(use.history) == KEPT
    stopped = use.without("stopped")
    assert (stopped.state, stopped.last, stopped.percent) == ("stopped", None, None)
    assert use.last  # who looks at it meanwhile sees it whole


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ({"NanoCpus": 500_000_000, "Memory": 64, "PidsLimit": 5}, Limits(0.5, 64, 5)),
        ({"CpuQuota": 25_000, "CpuPeriod": 50_000}, Limits(0.5)),
        ({"CpuQuota": -1, "PidsLimit": -1}, Limits()),
        ({"PidsLimit": None}, Limits()),
    ],
)
def test_limits_are_those_of_docker_run(host: dict[str, Any], found: Limits) -> None:
    all_of_them = enforced(dict.fromkeys(KEYS, True), is_rootless=False)
    assert limits({"HostConfig": host}, all_of_them) == found
    assert limits({"HostConfig": host}, frozenset()) == Limits()


@pytest.mark.parametrize(
    ("info", "is_rootless", "found"),
    [
        ({"MemoryLimit": True, "PidsLimit": False}, False, {"MemoryLimit"}),
        ({"MemoryLimit": True, "CgroupVersion": "1"}, True, set()),
        ({"MemoryLimit": True, "CgroupVersion": "2"}, True, {"MemoryLimit"}),
        ({}, False, set()),
    ],
)
def test_what_an_engine_cannot_enforce_is_no_limit(
    info: dict[str, Any], is_rootless: bool, found: set[str]
) -> None:
    assert enforced(info, is_rootless=is_rootless) == found
