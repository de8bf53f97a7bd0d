"""A container is made of a plan: its image pulled if need be, created, and given its files.

    creation = Creation(connection, Plan({"Image": "alpine", "Cmd": ["true"]}))
    creation.make(pulling)
    connection.start(creation.container_id)

Knows: the order of engine calls before a start. Does not know: docker-py, options' words, streams.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ContainerError, NotFound, Unsupported
from .interpreter import FILE_FOLDER, file_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from .client import Connection, PullProgress
    from .exchange import Archive

    # Called when a pull begins: a block whose value takes the pull's reports, or None.
    Pulling = Callable[[], AbstractContextManager[Callable[[PullProgress], None] | None]]

CELL_LABEL = "org.ipycontainers.cell"


@dataclass(frozen=True)
class Plan:
    """What is to run: ``config`` is the body of ``POST /containers/create``.

    ``stdin`` feeds the program's standard input, ``file`` lies at
    ``interpreter.FILE`` before it starts. ``unenforced``: it runs also where the engine
    cannot give a protection that ``config`` asks for; else that is an Unsupported.
    ``archive`` is unpacked in ``interpreter.FILE_FOLDER`` before the start; ``wanted`` are the
    variables whose values are fetched after the end, as ``exchange`` has it, and which have at
    most ``limit`` bytes together, or its own limit.
    ``lasting``: somebody else reads and writes the ``attachment``, cell after cell.
    """

    config: Mapping[str, Any]
    name: str | None = None
    platform: str | None = None
    pull: str = "missing"
    stdin: bytes | None = None
    file: bytes | None = None
    tty: bool = False
    keep: bool = False
    detach: bool = False
    diff: bool = False
    unenforced: bool = False
    lasting: bool = False
    archive: Archive | None = None
    wanted: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def image(self) -> str:
        return str(self.config["Image"])


class Creation:
    """``container_id`` is "" until the engine has answered.

    ``is_unanswered``: there may be a container with ``label`` all the same.
    """

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self.label = {CELL_LABEL: uuid.uuid4().hex}
        self.is_unanswered = False
        self.container_id = ""
        self.warnings: tuple[str, ...] = ()

    def make(self, pulling: Pulling = contextlib.nullcontext) -> None:
        """Raises NotFound for an image that cannot be had, and Unsupported where the engine has
        left out a protection."""
        plan = self._plan
        if plan.pull == "always":
            _pull(self._connection, plan.image, plan.platform, pulling)
        self._create(pulling)
        if plan.archive is not None:
            self._put_archive(plan.archive)
        if plan.file is not None:
            self._put_file(plan.file)

    def _create(self, pulling: Pulling) -> None:
        plan = self._plan
        config = dict(plan.config)
        config["Labels"] = {**config.get("Labels", {}), **self.label}
        if self._needs_folder and self._read_only:
            # An engine refuses to put a file into a read-only root, but not into
            # a volume; an anonymous one goes with the container.
            config["Volumes"] = {**config.get("Volumes", {}), FILE_FOLDER: {}}
        try:
            self._create_of(config)
        except NotFound:
            if plan.pull != "missing" or self._has_image():
                raise
            _pull(self._connection, plan.image, plan.platform, pulling)
            self._create_of(config)

    def _create_of(self, config: dict[str, Any]) -> None:
        plan, self.is_unanswered = self._plan, True
        try:
            created = self._connection.create(config, name=plan.name, platform=plan.platform)
        except ContainerError:
            self.is_unanswered = False  # the engine has answered: there is nothing to look for
            raise
        self.container_id, self.warnings = created.id, tuple(created.warnings)
        self.is_unanswered = False
        if created.unenforced and not plan.unenforced:
            raise Unsupported(
                f"not enforced here: {', '.join(created.unenforced)}",
                "--unenforced runs the cell without this protection",
            )

    def _has_image(self) -> bool:
        """Whether it is something else that an engine does not find, a network perhaps."""
        try:
            self._connection.inspect_image(self._plan.image)
        except NotFound:
            return False
        return True

    @property
    def _needs_folder(self) -> bool:
        plan = self._plan
        return plan.file is not None or plan.archive is not None or plan.lasting

    def _put_archive(self, archive: Archive) -> None:
        if self._read_only:
            self._connection.put_archive(self.container_id, FILE_FOLDER, archive)
        else:
            self._connection.put_archive(self.container_id, "/", archive.below(FILE_FOLDER))

    @property
    def _read_only(self) -> bool:
        return bool(self._plan.config.get("HostConfig", {}).get("ReadonlyRootfs"))

    def _put_file(self, text: bytes) -> None:
        at = FILE_FOLDER if self._read_only else "/"
        self._connection.put_archive(self.container_id, at, file_archive(text, at))


def _pull(connection: Connection, image: str, platform: str | None, pulling: Pulling) -> None:
    with pulling() as progress:
        connection.pull(image, platform, progress)


def image_config(
    connection: Connection,
    image: str,
    *,
    platform: str | None = None,
    pull: str = "missing",
    pulling: Pulling = contextlib.nullcontext,
) -> dict[str, Any]:
    """The Config of an image, which is pulled as ``pull`` says; raises NotFound."""
    if pull == "always":
        _pull(connection, image, platform, pulling)
    try:
        inspected = connection.inspect_image(image)
    except NotFound:
        if pull != "missing":
            raise
        _pull(connection, image, platform, pulling)
        inspected = connection.inspect_image(image)
    return dict(inspected.get("Config") or {})
