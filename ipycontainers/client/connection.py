"""One engine that answered, as a facade of verbs.

Short requests go through docker-py, long ones through ``stream``. Every foreign
exception is translated here, once, and chained.

Knows: the Docker Engine API by way of docker-py. Does not know: which engine it is,
except where a name differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from ipycontainers import errors

from . import archives, description, executions, starting
from . import build as building
from . import pull as pulling
from .daemon import Daemon
from .dial import AnySocket, Dialler
from .executions import Execution
from .exits import ExitWatch
from .feeds import Feed
from .stream import UPGRADE, Attachment, Stream
from .translate import Json, of_start, translated

if TYPE_CHECKING:
    import docker
    from typing_extensions import Self

    from .discover import Attempt, Candidate


UNENFORCED = "not enforced: "  # begins our own engine's warnings of a protection


@dataclass(frozen=True)
class Created:
    id: str
    warnings: tuple[str, ...]

    @property
    def unenforced(self) -> tuple[str, ...]:
        """Protections that were asked for and that our own engine cannot give here."""
        marked = [text for text in self.warnings if text.startswith(UNENFORCED)]
        return tuple(text.removeprefix(UNENFORCED) for text in marked)


class Connection:
    """Made by ``connect`` and ``open_candidate``; safe to use from several threads.

    ``docker`` is the docker-py client, for what has no verb here; what it raises is
    docker-py's. ``attempts`` are the candidates tried, this one last.
    """

    def __init__(
        self,
        candidate: Candidate,
        dialler: Dialler,
        client: docker.DockerClient,
        version: Json,
        *,
        timeout: float,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        self.candidate = candidate
        self.attempts = attempts
        self.docker = client
        self._api: Any = client.api  # its stubs leave half of the methods untyped
        self._dialler = dialler
        self._version = version
        self._timeout = timeout

    # The engine

    def version(self) -> Json:
        """The answer of ``/version`` when the connection was made."""
        return self._version

    @property
    def engine_name(self) -> str:
        """ "Docker", "Podman", or what the engine calls its platform."""
        return description.engine_name(self._version)

    @property
    def launcher(self) -> str:
        """How our own engine starts containers, "bubblewrap" or "ptrace"; "" of another."""
        return description.launcher(self._version)

    def info(self) -> Json:
        """The answer of ``/info``, asked once."""
        return self._info

    @cached_property
    def _info(self) -> Json:
        with translated("asking the engine about itself"):
            return dict(self._api.info())

    @property
    def network_lack(self) -> str:
        """Why each container has this machine's network, of our own engine where it could not
        give them others; else ""."""
        return description.network_lack(self.info()) if self.launcher else ""

    @property
    def is_rootless(self) -> bool:
        """Whether root in a container is the user who runs the engine."""
        return description.is_rootless(self.info())

    @cached_property
    def shares_files(self) -> bool:
        """Whether a path here is the same file to the engine, so that ``-v`` can work.

        True for an engine on a local socket whose data directory and host name are
        those of this machine (so not for a socket mounted into a container), and for
        Docker Desktop, which shares the user's folders with its virtual machine.
        """
        is_local = self.candidate.address.startswith(("unix://", "npipe://"))
        return is_local and description.shares_files(self.info())

    @cached_property
    def daemon(self) -> Daemon:
        """Any endpoint of this engine, and its own words for what it refuses."""
        return Daemon(self._dialler, str(self._api.api_version), self._timeout)

    def dial(self, timeout: float | None = None) -> AnySocket:
        """A byte stream to the engine, to be closed, for who speaks HTTP himself. It behaves as a
        socket where ``http.client`` needs one. Raises EngineUnavailable."""
        with translated("dialling the engine"):
            return self._dialler.dial(timeout)

    def close(self) -> None:
        """Closes idle connections and ssh. Streams that are open end with ssh only."""
        self._api.close()
        self._dialler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Images

    def list_images(self) -> list[str]:
        """The names (repository:tag) of the images that have one."""
        with translated("listing images"):
            images = self._api.images()
        names = [name for image in images for name in image.get("RepoTags") or ()]
        return sorted(name for name in names if not name.startswith("<none>"))

    def inspect_image(self, name: str) -> Json:
        """Raises NotFound, and Invalid for what is no name of an image."""
        with pulling.naming(name), translated(f"image {name}"):
            return dict(self._api.inspect_image(name))

    def save_image(self, name: str) -> archives.Download:
        """The archive that ``docker save`` writes, to be read and closed. Raises NotFound, and
        Invalid for what is no name of an image."""
        doing = f"reading image {name}"
        with pulling.naming(name), translated(doing):
            return archives.Download(
                self._dialler,
                self._path("images", name, "get"),
                doing=doing,
                timeout=archives.UNTIL_SAVED,
            )

    def pull(
        self,
        reference: str,
        platform: str | None = None,
        progress: Callable[[pulling.PullProgress], None] | None = None,
    ) -> None:
        """Returns when the image is there. ``progress`` is called from this thread.

        Credentials are those of ``docker login``. Raises NotFound, Unauthorized, Invalid,
        EngineError; an interrupt, or an exception of ``progress``, stops the pull.
        """
        pulling.pull(self._api, self._dialler, reference, platform, progress, timeout=self._timeout)

    def build(
        self, context: Iterable[bytes], parameters: Mapping[str, str | Sequence[str]]
    ) -> building.Build:
        """``context`` is a tar, ``parameters`` the query of ``POST /build``. Returns when all is
        sent; the lines say what becomes of it. Raises Invalid for a Dockerfile that is none."""
        return building.start(self._api, self._dialler, context, parameters, timeout=self._timeout)

    # Containers

    def create(
        self, config: Mapping[str, object], *, name: str | None = None, platform: str | None = None
    ) -> Created:
        """``config`` is the body of ``POST /containers/create``. Raises NotFound (image),
        Conflict (name), Invalid (a value)."""
        with pulling.naming(str(config.get("Image", ""))), translated("creating the container"):
            answer = self._api.create_container_from_config(dict(config), name, platform)
        return Created(answer["Id"], tuple(answer.get("Warnings") or ()))

    def attach(self, container_id: str, *, stdin: bool = False, tty: bool = False) -> Attachment:
        """Call it before the start: what was written earlier is not repeated.

        ``tty`` says what the container was created with; the bytes are frames without it.
        """
        parameters = {
            "stream": "1",
            "stdout": "1",
            "stderr": "0" if tty else "1",
            "stdin": "1" if stdin else "0",
        }
        doing = "attaching to the container"
        path = self._path("containers", container_id, "attach")
        with self._starting(container_id, doing):
            return Attachment(
                self._dialler,
                "POST",
                path,
                parameters=parameters,
                headers=UPGRADE,
                doing=doing,
                timeout=self._timeout,
                failure=of_start,  # Podman prepares the program now, and fails now
            )

    def watch_exit(self, container_id: str) -> ExitWatch:
        """Call it before the start, so that the end cannot come first."""
        import json

        filters = json.dumps({"container": [container_id], "event": ["die", "died", "oom"]})
        doing = "watching the container"
        with translated(doing):
            events = self._stream("GET", self._path("events"), {"filters": filters}, doing=doing)

        def wait() -> Stream:
            with translated(doing):
                return self._stream(
                    "POST", self._path("containers", container_id, "wait"), doing=doing
                )

        return ExitWatch(events, wait, lambda: self.inspect(container_id))

    def start(self, container_id: str) -> None:
        """Returns when the program runs. Raises EngineError, whose ``exit_code`` is 127
        for a program that does not exist and 126 for one that cannot be executed."""
        with self._starting(container_id, "starting the container"):
            self._api.start(container_id)

    def _starting(self, container_id: str, doing: str) -> AbstractContextManager[None]:
        """Podman prepares the program with attach, so both may find that it cannot run."""

        def head(path: str) -> Stream:
            at, asked = self._path("containers", container_id, "archive"), {"path": path}
            return self._stream("HEAD", at, asked, doing="looking at the program")

        return starting.starting(doing, lambda: self.inspect(container_id), head)

    def execute(
        self, container_id: str, command: Sequence[str], *, stdin: bool = False
    ) -> Execution:
        """One more program in a container that runs; returns when it has been started.

        A program that cannot be started is told on its standard output, in the engine's
        words, and by the exit code 126 or 127. Raises NotFound, and Conflict where the
        container does not run.
        """
        return executions.start(
            self._api, self._dialler, container_id, command, stdin=stdin, timeout=self._timeout
        )

    def kill(self, container_id: str, signal: str | int = "KILL") -> None:
        """Signals process 1. Raises NotFound, and Conflict when it has ended."""
        with translated("signalling the container"):
            self._api.kill(container_id, signal)

    def wait(self, container_id: str) -> int:
        """The exit code, when the container has ended; at once if it has. No time-out."""
        with translated("waiting for the container"):
            return int(self._api.wait(container_id, timeout=None)["StatusCode"])

    def remove(self, container_id: str, *, force: bool = True) -> None:
        """With its anonymous volumes. A container that is gone, or going, is no error."""
        try:
            with translated("removing the container"):
                self._api.remove_container(container_id, v=True, force=force)
        except errors.NotFound:
            pass
        except errors.Conflict as error:
            if "already in progress" not in error.message:
                raise

    def inspect(self, container_id: str) -> Json:
        """Raises NotFound."""
        with translated("inspecting the container"):
            return dict(self._api.inspect_container(container_id))

    def changes(self, container_id: str) -> list[Json]:
        """What differs from the image: ``{"Path": …, "Kind": 0 changed, 1 added, 2 deleted}``."""
        with translated("comparing the container with its image"):
            return [dict(change) for change in self._api.diff(container_id) or ()]

    def put_archive(
        self, container_id: str, path: str, data: bytes | IO[bytes] | archives.Pieces
    ) -> None:
        """Unpacks a tar below ``path``, which exists. Works before the start too."""
        with translated("copying files into the container"):
            self._api.put_archive(container_id, path, data)

    def get_archive(self, container_id: str, path: str) -> archives.Download:
        """A tar of what is at ``path``, to be read and closed; its size is not known before.
        Works after the end too. Raises NotFound."""
        doing = "copying files out of the container"
        with translated(doing):
            return archives.Download(
                self._dialler,
                self._path("containers", container_id, "archive"),
                {"path": path},
                doing=doing,
                timeout=self._timeout,
                keep_timeout=True,
            )

    def commit(self, container_id: str, image: str) -> str:
        """Makes an image of a container's files; its id. Raises Invalid, Unsupported."""
        last = image.rpartition("/")[2]
        tag = last.partition(":")[2]
        name = image.removesuffix(f":{tag}") if tag else image
        with pulling.naming(image), translated("making an image of the container"):
            made = self._api.commit(container_id, repository=name, tag=tag or "latest")
        return str(made["Id"])

    def list_containers(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        all: bool = True,  # noqa: A002  # docker ps --all
    ) -> list[Json]:
        """Those that carry all ``labels``; ``all=False``: only those that run."""
        filters = {"label": [f"{key}={value}" for key, value in (labels or {}).items()]}
        with translated("listing containers"):
            return [dict(found) for found in self._api.containers(all=all, filters=filters)]

    # Networks

    def list_networks(self) -> list[str]:
        with translated("listing networks"):
            return sorted(str(network["Name"]) for network in self.docker.api.networks())

    def list_volumes(self) -> list[str]:
        return sorted(str(one["Name"]) for one in self.daemon.get("volumes")["Volumes"] or ())

    # The wire

    def feed(self, *path: str, parameters: Mapping[str, str] | None = None, doing: str) -> Feed:
        """An answer of JSON objects that goes on, such as ``events``, to be read with others."""
        with translated(doing):
            return Feed(
                self._dialler,
                "GET",
                self._path(*path),
                parameters=parameters,
                doing=doing,
                timeout=self._timeout,
            )

    def _path(self, *parts: str) -> str:
        quoted = "/".join(quote(part, safe="") for part in parts)
        return f"/v{self._api.api_version}/{quoted}"

    def _stream(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        doing: str,
    ) -> Stream:
        return Stream(
            self._dialler,
            method,
            path,
            parameters=parameters,
            headers=headers,
            doing=doing,
            timeout=self._timeout,
        )
