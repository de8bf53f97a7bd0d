"""One repository of one registry: manifests and blobs, with what it takes to be let in.

    client = Client(transport, place, "library/alpine", credentials)
    client.manifest("latest")                   a Manifest: bytes, media type, digest
    with client.blob(digest, start) as content  its bytes from there on

Who we are is told only when a registry asks for it, and only as far as it asks: nothing, then
a name and a password, or a token that these fetch. Tokens go to the registry that asked for
them, never to another host that it sends us to.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
https://distribution.github.io/distribution/spec/auth/token

Knows: a registry's HTTP API. Does not know: layouts, progress, what content means.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from ipycontainers.errors import EngineError, IntegrityError, Invalid, Unauthorized
from ipycontainers.oci import Digest
from ipycontainers.oci.descriptor import DOCKER_LIST, INDEX, MANIFEST

from .credentials import Credentials
from .settings import Place
from .transport import Answer, Transport, Unreachable, shown

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED = (DOCKER_MANIFEST, DOCKER_LIST, MANIFEST, INDEX)
LARGEST_MANIFEST = 4 << 20
LARGEST_ERROR = 64 << 10
LARGEST_TOKEN = 1 << 20
MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')


Body = bytes | Callable[[], Iterable[bytes]] | None
"""Of a request; what comes in pieces may have to be made again."""


class Refused(EngineError):
    """The registry answered, and not with what was asked for.

    ``code`` is the registry's word in small letters, "" where it gave none.
    """

    def __init__(self, message: str, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, as the registry keeps it."""

    media_type: str
    digest: Digest
    content: bytes

    def parsed(self) -> Mapping[str, object]:
        """Raises Invalid for what is no JSON object."""
        try:
            document = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"the manifest {self.digest} is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise Invalid(f"the manifest {self.digest} is no JSON object")
        return document


class Client:
    """``path`` is the repository's; ``actions`` what a token is asked for."""

    def __init__(
        self,
        transport: Transport,
        place: Place,
        path: str,
        credentials: Credentials,
        actions: str = "pull",
    ) -> None:
        self.place = place
        self.path = path
        self._transport = transport
        self._credentials = credentials
        self.scopes = [f"repository:{path}:{actions}"] if path else []
        self._authorization = ""
        if credentials.registry_token:
            self._authorization = f"Bearer {credentials.registry_token}"

    # --- what there is ---------------------------------------------------------------------

    def manifest(self, reference: str) -> Manifest:
        """By tag or digest. Raises Refused, Unauthorized, Unreachable, Broken, IntegrityError."""
        headers = {"Accept": ", ".join(ACCEPTED)}
        with self.ask("GET", f"manifests/{reference}", headers=headers) as answer:
            content = answer.document(LARGEST_MANIFEST)
            told = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        found = Digest.of(content)  # what the registry says of it is not asked
        if ":" in reference and str(found) != reference:
            raise IntegrityError(
                f"digest mismatch: the registry sends {found} as the manifest {reference}"
            )
        manifest = Manifest(told, found, content)
        own = manifest.parsed().get("mediaType")
        return Manifest(own, found, content) if isinstance(own, str) and own else manifest

    def digest(self, tag: str) -> str:
        """What the registry says that a tag means, "" where it does not say.

        Docker Hub does not count this as a pull.
        """
        headers = {"Accept": ", ".join(ACCEPTED)}
        with self.ask("HEAD", f"manifests/{tag}", headers=headers, ok=()) as answer:
            return answer.headers.get("Docker-Content-Digest", "") if answer.status == 200 else ""

    def ping(self) -> int:
        """The status with which the registry answers. Raises Unreachable, Unauthorized."""
        with self.ask("GET", f"{self.place.address}/v2/", ok=()) as answer:
            return answer.status

    @contextlib.contextmanager
    def blob(self, digest: Digest, start: int = 0) -> Iterator[tuple[int, Answer]]:
        """Where its bytes begin, ``start`` or 0, and the bytes. Raises as ``manifest``."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self.ask("GET", f"blobs/{digest}", headers=headers, ok=(200, 206, 416)) as answer:
            if answer.status == 416:
                raise Refused("the registry has less than was fetched already", 416)
            yield _start(answer, start), answer

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such a manifest or blob; for HEAD, which some do not answer."""
        headers = {"Accept": ", ".join(ACCEPTED)}
        with self.ask("HEAD", f"{kind}/{name}", headers=headers, ok=()) as answer:
            return answer.status == 200

    def pages(self, path: str, key: str) -> Iterator[str]:
        """The items of a list that comes in pages, such as ``tags/list``."""
        for _ in range(1000):
            with self.ask("GET", path) as answer:
                content = answer.document(LARGEST_MANIFEST)
                more = re.match(r'<([^>]*)>;\s*rel="?next', answer.headers.get("Link", ""))
            try:
                listed = json.loads(content).get(key) or []
                yield from (str(item) for item in listed)
            except (ValueError, AttributeError, TypeError, RecursionError) as error:
                raise Invalid(f"{path} of the registry is no list") from error
            if not more:
                return
            path = more[1]

    # --- requests --------------------------------------------------------------------------

    @contextlib.contextmanager
    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        ok: tuple[int, ...] = (200,),
    ) -> Iterator[Answer]:
        """``path`` is below the repository's, or absolute. Refused for a status not in ``ok``;
        with none in there every status will do."""
        base = f"{self.place.address}/v2/{self.path}/" if self.path else f"{self.place.address}/v2/"
        answer = self._ask(method, urljoin(base, _escaped(path)), dict(headers or {}), body)
        try:
            if ok and answer.status not in ok:
                refused = failure(answer)
                if answer.status == 401 and self._authorization.startswith("Basic"):
                    raise EngineError(refused.message)  # a password that is wrong, and no riddle
                raise refused
            yield answer
        finally:
            answer.close()

    def _ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Body,
    ) -> Answer:
        has_escalated, sent_on = False, 0
        while True:
            is_own = _is_at(url, self.place)
            own = {"Authorization": self._authorization} if self._authorization else {}
            answer = self._transport.ask(
                method,
                self._place(url),
                url,
                {**headers, **(own if is_own else {})},
                body() if callable(body) else body,
            )
            location = answer.headers.get("Location", "")
            if answer.status in _REDIRECTS and location and method in ("GET", "HEAD"):
                answer.close()
                sent_on += 1
                if sent_on > MOST_REDIRECTS:
                    what = f'{method.capitalize()} "{shown(url)}"'
                    raise Refused(f"{what}: stopped after {MOST_REDIRECTS} redirects", 310)
                url = urljoin(url, location)
            elif answer.status == 401 and is_own and not has_escalated:
                has_escalated = True
                challenges = answer.headers.get("WWW-Authenticate", "")
                if not self._escalate(challenges):
                    return answer
                answer.document(LARGEST_ERROR) if method != "HEAD" else None
                answer.close()
            else:
                return answer

    def _place(self, url: str) -> Place:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise Refused(f"the registry sends us to {url!r:.100}", 310) from None
        if _is_at(url, self.place):
            return self.place
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise Refused(f"the registry sends us to {url!r:.100}", 310)
        host = parts.netloc.rpartition("@")[2]
        verified = not self._transport.settings.is_insecure(host)
        return Place(parts.scheme, host, host, verified)

    # --- being let in ----------------------------------------------------------------------

    def _escalate(self, challenges: str) -> bool:
        """Whether there is more to say now than before."""
        before = self._authorization
        if "bearer" in challenges.lower():
            start = challenges.lower().index("bearer")
            found = _PARAMETER.findall(challenges[start:])
            parameters = {name.lower(): one or other for name, one, other in found}
            self._authorization = f"Bearer {self._token(parameters)}"
        elif "basic" in challenges.lower() and self._credentials.username:
            self._authorization = self._credentials.basic
        elif "basic" in challenges.lower():
            raise EngineError(f'Get "{self.place.address}/v2/": no basic auth credentials')
        return self._authorization != before

    def _token(self, parameters: Mapping[str, str]) -> str:
        realm, known = parameters.get("realm", ""), self._credentials
        place = self._place(realm)
        if known and place.scheme == "http" and self.place.scheme == "https":
            raise Unauthorized(f"credentials do not go to {shown(realm)}, which is not encrypted")
        scopes = self.scopes or list(filter(None, [parameters.get("scope", "")]))
        asked = [("service", parameters.get("service", "")), *(("scope", s) for s in scopes)]
        if known.identity_token:
            form = urlencode(
                [
                    ("grant_type", "refresh_token"),
                    ("client_id", "docker"),
                    ("refresh_token", known.identity_token),
                    *asked,
                ]
            ).encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._transport.ask("POST", place, realm, kind, form)
        else:
            own = {"Authorization": known.basic} if known.username else {}
            mark = "&" if urlsplit(realm).query else "?"
            answer = self._transport.ask("GET", place, f"{realm}{mark}{urlencode(asked)}", own)
        with contextlib.closing(answer):
            return _token_of(answer, realm)


def reached(clients: Sequence[Client]) -> Client:
    """The first of several ways that answers. Raises what the last one does."""
    *others, last = clients
    for client in others:
        with contextlib.suppress(Unreachable):
            client.ping()
            return client
    last.ping()
    return last


def failure(answer: Answer) -> EngineError:
    """What a registry's error says, in dockerd's words."""
    content = answer.document(LARGEST_ERROR)
    with contextlib.suppress(ValueError, AttributeError, TypeError, IndexError, RecursionError):
        first = json.loads(content)["errors"][0]
        code = str(first.get("code", "")).lower()
        words = code.replace("_", " ")
        message = str(first.get("message") or words)[:1000]
        return Refused(f"{words}: {message}", answer.status, code)
    if answer.status == 401:
        return Refused("unauthorized: authentication required", 401, "unauthorized")
    from http.client import responses

    name = responses.get(answer.status, "")
    return Refused(f"received unexpected HTTP status: {answer.status} {name}", answer.status)


def _token_of(answer: Answer, realm: str) -> str:
    content = answer.document(LARGEST_TOKEN)
    what = f'Get "{shown(realm)}"'
    if answer.status in (400, 401, 403):
        raise Unauthorized(f"{what}: unauthorized: incorrect username or password")
    if answer.status != 200:
        raise Refused(f"{what}: unexpected HTTP status {answer.status}", answer.status)
    try:
        parsed = json.loads(content)
        token = parsed.get("token") or parsed.get("access_token")
    except (ValueError, AttributeError, RecursionError) as error:
        raise Refused(f"{what}: the answer is no JSON object", 502) from error
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Refused(f"{what}: authorization server did not include a token in the response", 502)
    return token


def _is_at(url: str, place: Place) -> bool:
    parts = urlsplit(url)
    return (parts.scheme, parts.netloc) == (place.scheme, place.host)


def _escaped(path: str) -> str:
    """``sha256:…`` at the start of a relative address would be read as a scheme."""
    return path if path.startswith(("http:", "https:", "/")) else f"./{path}"


def _start(answer: Answer, wanted: int) -> int:
    """Where the bytes of the answer begin in the content."""
    if answer.status != 206:
        return 0
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if not found or int(found[1]) not in (wanted, 0):
        raise Refused("the registry sends another part than was asked for", 416)
    return int(found[1])
