"""What a learner makes for an exercise, in tests.

    with Learner(connection, monkeypatch) as learner:
        name = learner.makes("04a-door", "sleep", "300", host={"PidMode": "host"})

Its label is of this one test: others take the course on the same engine at the same time, and a
check looks at all that carry the label.

Knows: our connection, the label of the course. Does not know: the exercises.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from typing import Any

from ipycontainers.course import lab

TOOLBOX = "ipyc/toolbox:1"


class Learner(ExitStack):
    """Removes what it made when it ends, in the reverse order."""

    def __init__(self, connection: Any, monkeypatch: Any) -> None:
        super().__init__()
        self._connection = connection
        self.label = f"course-{uuid.uuid4().hex}"
        monkeypatch.setattr(lab, "LABEL", self.label)

    def makes(
        self, exercise: str, *command: str, image: str = TOOLBOX, start: bool = True, **more: Any
    ) -> str:
        """The id of a container; ``host`` is its HostConfig, other words are of its
        configuration."""
        config = {
            "Image": image,
            "Labels": {self.label: exercise},
            "HostConfig": more.pop("host", {}),
            **({"Cmd": list(command)} if command else {}),
            **more,
        }
        made = self._connection.create(config, name=f"learner-{uuid.uuid4().hex[:12]}")
        self.callback(self._connection.remove, made.id)
        if start:
            self._connection.start(made.id)
        return str(made.id)
