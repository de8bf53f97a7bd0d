"""An archive from anywhere: what ``docker import URL`` reads.

Knows: redirects. Does not know: archives, registries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

from ipycontainers.errors import EngineError, Invalid

from .settings import Place, Settings
from .transport import Answer, Transport, shown

MOST_REDIRECTS = 10
_MOVED = frozenset({301, 302, 303, 307, 308})


@contextmanager
def opened(url: str, settings: Settings) -> Iterator[Answer]:
    """Its body, to be read piece by piece. A URL without a scheme means http, as with dockerd.

    Invalid for another scheme, also after a redirect; EngineError for another status than 200,
    and what ``Transport.ask`` raises.
    """
    with closing(Transport(settings)) as transport:
        parts = _split(url if "://" in url else f"http://{url}")
        for _ in range(MOST_REDIRECTS + 1):
            url = parts.geturl()
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise Invalid(f"cannot import from {url[:200]!r}: it is no URL of http or https")
            host = parts.netloc.rpartition("@")[2]
            with closing(transport.ask("GET", Place(parts.scheme, host, host), url, {})) as answer:
                if answer.status == 200:
                    yield answer
                    return
                if answer.status not in _MOVED or not answer.headers.get("Location"):
                    raise EngineError(f'Get "{shown(url)}": the server answers {answer.status}')
                parts = _split(answer.headers["Location"], url)
        raise EngineError(f'Get "{shown(url)}": stopped after {MOST_REDIRECTS} redirects')


def _split(url: str, base: str = "") -> SplitResult:
    """Invalid for brackets around what is no address, and the like."""
    try:
        return urlsplit(urljoin(base, url))
    except ValueError as error:
        raise Invalid(f"{url[:200]!r} is no URL: {error}") from error
