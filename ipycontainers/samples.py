"""What a container uses, from the engine's samples, as ``docker stats`` computes it.

A sample holds what has been used since the start; two of them give a percentage and a rate.

Knows: the JSON of ``/containers/ID/stats`` on dockerd, Podman and our own engine, with control
groups of both versions. Does not know: how samples come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

KEPT = 60  # samples of history; engines give one a second
# What engines call the limits that they can set.
LIMITS = frozenset({"CpuCfsQuota", "MemoryLimit", "PidsLimit"})


@dataclass(frozen=True)
class Sample:
    """Bytes, processors, and nanoseconds of all of them together since some moment."""

    at: float  # seconds, of any clock
    processor: int
    system: int
    processors: int
    memory: int
    memory_limit: int
    received: int
    sent: int
    read: int
    written: int
    pids: int
    pids_limit: int

    @classmethod
    def of(cls, told: Mapping[str, Any], at: float) -> Sample:
        """Zeros where nothing of it runs."""
        processor = told.get("cpu_stats") or {}
        memory = told.get("memory_stats") or {}
        pids = told.get("pids_stats") or {}
        received, sent = _networks(told.get("networks") or {})
        read, written = _devices((told.get("blkio_stats") or {}).get("io_service_bytes_recursive"))
        return cls(
            at=at,
            processor=_number((processor.get("cpu_usage") or {}).get("total_usage")),
            system=_number(processor.get("system_cpu_usage")),
            processors=_processors(processor),
            memory=_memory(memory),
            memory_limit=_number(memory.get("limit")),
            received=received,
            sent=sent,
            read=read,
            written=written,
            pids=_number(pids.get("current")),
            pids_limit=_number(pids.get("limit")),
        )


@dataclass(frozen=True)
class Limits:
    """What it may use at most: processors, bytes; 0 where that is the machine's."""

    processors: float = 0.0
    memory: int = 0
    pids: int = 0


@dataclass(frozen=True)
class Use:
    """One container: its last sample and what came before it. ``state`` is running, stopped,
    gone, absent, where nothing has the name, or unknown, where the engine does not answer."""

    name: str
    id: str = ""
    state: str = "absent"
    limits: Limits = Limits()
    last: Sample | None = None
    percent: float | None = None
    # Per second: percent of a processor, bytes of memory, of networks, of devices.
    history: tuple[tuple[float, float, float, float], ...] = ()

    def taken(self, now: Sample) -> Use:
        """With one more sample. What an engine tells of before its first one is nothing, or of
        milliseconds before, too few for a percentage."""
        if not (before := self.last):
            return replace(self, state="running", last=now, percent=None)
        seconds, part = now.at - before.at, percent(before, now)
        network = now.received + now.sent - before.received - before.sent
        device = now.read + now.written - before.read - before.written
        rates = [max(0.0, it / seconds) if seconds > 0 else 0.0 for it in (network, device)]
        history = (*self.history, (part, now.memory, rates[0], rates[1]))[-KEPT:]
        return replace(self, state="running", last=now, percent=part, history=history)

    def without(self, state: str) -> Use:
        """It uses nothing, or nobody can tell what."""
        return replace(self, state=state, last=None, percent=None)

    def after(self, old: Use | None) -> Use:
        """It goes on where ``old`` was, if that is the same container."""
        if old is None or old.id != self.id:
            return self
        return replace(self, last=old.last, percent=old.percent, history=old.history)

    @property
    def processors(self) -> float:
        """How many it may use."""
        return self.limits.processors or float(self.last.processors if self.last else 0)

    @property
    def memory_limit(self) -> int:
        """Bytes; the machine's memory where it has no limit, 0 where that is not known."""
        return self.limits.memory or (self.last.memory_limit if self.last else 0)


def sample(told: Mapping[str, Any], at: float) -> Sample | None:
    """None where nothing of it runs: engines then tell zeros."""
    found = Sample.of(told, at)
    has_memory = (told.get("memory_stats") or {}).get("usage")
    return found if found.processor or found.pids or has_memory else None


def percent(before: Sample, now: Sample) -> float:
    """Of one processor, as docker stats has it: two that are busy are 200."""
    used, passed = now.processor - before.processor, now.system - before.system
    if used <= 0 or passed <= 0:
        return 0.0
    return used / passed * now.processors * 100


def enforced(info: Mapping[str, Any], *, is_rootless: bool) -> frozenset[str]:
    """Which limits the engine can set, by its answer to info: what it cannot is no limit,
    though inspect repeats what was asked for."""
    if is_rootless and str(info.get("CgroupVersion", "1")) == "1":
        return frozenset()
    return frozenset(key for key in LIMITS if info.get(key))


def limits(told: Mapping[str, Any], enforced: frozenset[str]) -> Limits:
    """Of the answer to inspect, those that the engine can set."""
    host = told.get("HostConfig") or {}
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    processors = (host.get("NanoCpus") or 0) / 1e9 or (quota / period if quota > 0 else 0.0)
    return Limits(
        processors if "CpuCfsQuota" in enforced else 0.0,
        _number(host.get("Memory")) if "MemoryLimit" in enforced else 0,
        max(0, _number(host.get("PidsLimit"))) if "PidsLimit" in enforced else 0,
    )


def _processors(told: Mapping[str, Any]) -> int:
    each = (told.get("cpu_usage") or {}).get("percpu_usage") or ()
    return _number(told.get("online_cpus")) or len(each) or 1


def _memory(told: Mapping[str, Any]) -> int:
    """Without the cache of files, which the kernel takes back when it is needed."""
    used, details = _number(told.get("usage")), told.get("stats") or {}
    cached = (_number(details.get(name)) for name in ("total_inactive_file", "inactive_file"))
    return used - next((count for count in cached if 0 < count < used), 0)


def _networks(told: Mapping[str, Any]) -> tuple[int, int]:
    each = [one for one in told.values() if isinstance(one, dict)]
    return (
        sum(_number(one.get("rx_bytes")) for one in each),
        sum(_number(one.get("tx_bytes")) for one in each),
    )


def _devices(told: Any) -> tuple[int, int]:
    sums = {"r": 0, "w": 0}
    for one in told or ():
        operation = str(one.get("op") or " ")[0].lower()
        if operation in sums:
            sums[operation] += _number(one.get("value"))
    return sums["r"], sums["w"]


def _number(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
