"""A process to start: what a launcher made of a container, and a supervisor does.

Knows: descriptors, what happens between fork and execve. Does not know: any launcher. Named
tuples here and in ``supervise``: dataclasses would cost each supervisor a fifth of its memory.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

STATUS = 3
SECCOMP = 4
ARGUMENTS = 5
"""Descriptors that a command's words may name: bubblewrap's report, its filter, more words."""

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Command(NamedTuple):
    """Words, environment, and what is done between fork and execve.

    ``program`` says how the container's own first program is found from the outside:
    "itself", it is what is started; "reported", its pid comes on ``STATUS`` (of the reaper,
    whose child it is, when ``reaped``); "child", it is the first child of what is started.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    program: Literal["itself", "reported", "child"] = "itself"
    reaped: bool = False
    descriptors: Mapping[int, bytes] = _NOTHING  # files to be read there
    filter: Mapping[bool, bytes] = _NOTHING  # after entering; of root: True
    is_tracer: bool = False  # signals are kept from it, and within what it starts
    readable: tuple[str, ...] = ()  # of a tracer: all that it and what it traces may reach,
    writable: tuple[str, ...] = ()  # where the kernel can see to that
    enter: int = 0  # join the namespaces of this process first
    cwd: str = ""  # of what is started; of the container's, after entering
    user: str = ""  # after entering, looked up there; the one uid that is mapped gets its number
    capabilities: Mapping[bool, frozenset[int]] = _NOTHING  # of root: True
    asked: str = ""  # the container's program as it was named, for messages
    error_prefix: str = ""  # how the launcher's own messages begin
    cgroup: str = ""  # the folder of the control group that is joined first
    ulimits: tuple[tuple[int, int, int], ...] = ()  # resource, soft, hard: setrlimit(2)
    oom_score: int = 0
    joins: tuple[str, ...] = ()  # namespaces, by their paths, to join in this order
    cannot_run: int = 0  # errno, of a program that is known not to run

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; ``Command.of`` gives back an equal one, also through JSON."""
        return {
            **self._asdict(),
            "env": dict(self.env),
            "descriptors": {str(to): _text(data) for to, data in self.descriptors.items()},
            "filter": [_text(program) for _, program in sorted(self.filter.items())],
            "capabilities": [sorted(held) for _, held in sorted(self.capabilities.items())],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Command:
        """From ``to_dict``'s form."""
        files, rights = plain["descriptors"].items(), plain["capabilities"]
        filters = plain["filter"]
        made: dict[str, Any] = {
            **{name: tuple(plain[name]) for name in ("argv", "readable", "writable", "joins")},
            "descriptors": {int(to): a2b_base64(text) for to, text in files},
            "filter": {bool(root): a2b_base64(text) for root, text in enumerate(filters)},
            "ulimits": tuple((kind, soft, hard) for kind, soft, hard in plain["ulimits"]),
            "capabilities": {bool(root): frozenset(held) for root, held in enumerate(rights)},
        }
        return cls(**{**plain, **made})


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()
