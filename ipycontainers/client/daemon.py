"""Any endpoint of the engine, asked as the docker command asks it.

docker-py leaves out what the command prints: the order of answers, fields, warnings, and the
engine's own words in an error. Here a request is a method, a path and its query, and the
answer is the engine's JSON or its bytes.

    daemon.get("containers", "json", all="1")           parsed JSON
    daemon.post("containers", "web", "stop", t="3")     the same, None where there is none
    with daemon.stream("GET", "events") as stream:      as it comes
        for event in stream.lines(): …

Knows: how a request is sent and refused. Does not know: any endpoint.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ipycontainers import errors

from .dial import Dialler
from .stream import UPGRADE, Attachment, Body, Stream
from .translate import Json, translated

Query = str | Sequence[str]  # several values of one name
# An escape of JSON; first a pair of surrogates, which is one character, then half of one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..)|.)", re.DOTALL
)
LARGEST = 256 << 20  # bytes of an answer that is read as a whole: a list, an inspection


class Daemon:
    """Made by ``Connection.daemon``. Every method raises Refused, with the engine's own text,
    for an answer of 400 and above, and EngineUnavailable where none comes."""

    def __init__(self, dialler: Dialler, version: str, timeout: float) -> None:
        self._dialler = dialler
        self.version = version  # of the API, "1.41"
        self._timeout = timeout

    @property
    def address(self) -> str:
        """Where the engine is: ``unix:///var/run/docker.sock``."""
        return self._dialler.candidate.address

    def get(self, *path: str, patient: bool = False, **query: Any) -> Any:
        """The answer's JSON. ``patient``: the engine may think for as long as it likes."""
        with self.stream("GET", *path, patient=patient, **query) as stream:
            return _parsed(stream, path)

    def post(
        self,
        *path: str,
        body: Json | Body | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """The answer's JSON, None where it is empty. Waits for as long as it takes."""
        with self.stream("POST", *path, body=body, headers=headers, **query) as stream:
            return _parsed(stream, path)

    def put(self, *path: str, body: Body, **query: Any) -> None:
        """Sends a tar. Waits for as long as it takes."""
        with self.stream("PUT", *path, body=body, **query) as stream:
            _parsed(stream, path)

    def delete(self, *path: str, **query: Any) -> Any:
        """The answer's JSON, None where it is empty. Waits for as long as it takes."""
        with self.stream("DELETE", *path, **query) as stream:
            return _parsed(stream, path)

    def head(self, *path: str, header: str, **query: Any) -> str:
        """One header of an answer that has no more."""
        with self.stream("HEAD", *path, **query) as stream:
            return stream.header(header)

    def stream(
        self,
        method: str,
        *path: str,
        body: Json | Body | None = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
        **query: Any,
    ) -> Stream:
        """The answer, to be read as it comes and then closed: its ``lines`` or ``pieces``.

        ``headers``, such as X-Registry-Auth, go out with the request. Not ``patient``: no answer
        within the connection's time-out is EngineSilent.
        """
        with translated("asking the engine"):
            return Stream(
                self._dialler,
                method,
                self._url(path),
                parameters=_given(query),
                headers=headers,
                body=body,
                doing=f"{method} {self._url(path)}",
                timeout=None if patient else self._timeout,
                failure=refused,
            )

    def attach(self, *path: str, body: Json | None = None, **query: Any) -> Attachment:
        """A POST that becomes a container's streams, in both directions."""
        with translated("asking the engine"):
            return Attachment(
                self._dialler,
                "POST",
                self._url(path),
                parameters=_given(query),
                headers=UPGRADE,
                body=body,
                doing=f"POST {self._url(path)}",
                timeout=self._timeout,
                failure=refused,
            )

    def _url(self, path: tuple[str, ...]) -> str:
        for part in path:
            # An engine decodes what is quoted, and then takes it for a path.
            if not part or {".", ".."} & set(part.split("/")):
                raise errors.Refused(f"No such object: {part}", status=404)
        return "/".join((f"/v{self.version}", *(quote(part, safe="") for part in path)))


def refused(status: int, explanation: str, doing: str) -> errors.ContainerError:
    """The error for an answer of 400 and above, with nothing added; ``doing``, the request, is
    named where the engine says nothing."""
    reason = http.client.responses.get(status, str(status))
    text = explanation.strip() or f"the engine answers {reason} to {doing}, and no more"
    return errors.Refused(text, status=status)


def _given(query: Mapping[str, Query]) -> dict[str, Query]:
    """Without what is empty, which engines read as given."""
    return {name: value for name, value in query.items() if value}


def _parsed(stream: Stream, path: tuple[str, ...]) -> Any:
    doing = f"reading the answer on /{'/'.join(path)}"
    with translated(doing):
        body = stream.whole(LARGEST + 1)
    if len(body) > LARGEST:
        raise errors.EngineError(f"{doing}: it is larger than {LARGEST >> 20} MB")
    try:
        return json.loads(_whole_characters(body)) if body.strip() else None
    except (ValueError, RecursionError) as error:
        if "json" not in stream.header("Content-Type"):
            return None  # Podman says OK to some requests, and no more
        raise errors.EngineError(f"{doing}: it is no JSON that can be read") from error


def _whole_characters(body: bytes) -> bytes:
    """JSON in which half a character, as which our engine tells of a byte that is no UTF-8, is
    U+FFFD, as it is to the docker command: it can neither be shown nor sent to a notebook."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], body)
