"""Our engine beside dockerd: the same request to both, and one answer, but for ids and times.

Knows: docker-py, what PRoot alone says. Does not know: which engine is whose.
"""

from __future__ import annotations

import json
import re
from typing import Any

from support import wait_for

BUSYBOX = "ipycontainers-test/busybox"
# Of a launcher that has no networks. dockerd has no such one, and bubblewrap may not say it.
HAS_NONE = "the launcher ptrace has no networks, so it has the host's network,"
NO_NETWORKS = rf"{HAS_NONE} and shares the host's ports: each name in it is 127\.0\.0\.1"
UNENFORCED = r"not enforced: --network none \(the launcher ptrace cannot\)"
WARNED = re.compile(rf" ---> \[Warning\] ({NO_NETWORKS}|{UNENFORCED})\n")


class Side:
    """An engine that is asked beside another; what differs by nature is masked."""

    def __init__(self, docker: Any) -> None:
        self.docker = docker
        self.api = docker.api
        self._masks: dict[str, str] = {}

    def mask(self, value: str, name: str) -> None:
        self._masks[value.removeprefix("sha256:")] = name
        self._masks[value.removeprefix("sha256:")[:12]] = f"{name}12"

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Status and JSON, with ids by the names that they were given. dockerd prunes for one at a
        time: it is asked until nobody else has it prune."""
        said: list[tuple[int, Any]] = []

        def is_told() -> bool:
            said.append(self._ask(method, path, body, query))
            return "a prune operation is already running" not in str(said[-1])

        assert wait_for(is_told), said[-1]
        return said[-1]

    def _ask(self, method: str, path: str, body: Any, query: dict[str, Any]) -> tuple[int, Any]:
        url = self.api._url(path)
        more = {"json": body} if body is not None else {}
        answer = self.api.request(method, url, params=query, timeout=30, **more)
        text = answer.text
        for value, name in sorted(self._masks.items(), key=lambda item: -len(item[0])):
            text = text.replace(value, name)
        try:
            return answer.status_code, json.loads(text) if text.strip() else None
        except ValueError:
            return answer.status_code, text


def same(sides: tuple[Side, Side], method: str, path: str, body: Any = None, **query: Any) -> Any:
    """The answer of both, which must be one."""
    theirs, ours = (side.ask(method, path, body, **query) for side in sides)
    assert ours == theirs, (method, path)
    assert exact(ours) == exact(theirs), (method, path)
    return ours


def exact(answer: Any) -> str:
    """As JSON, in which true is not 1."""
    return json.dumps(answer, sort_keys=True)
