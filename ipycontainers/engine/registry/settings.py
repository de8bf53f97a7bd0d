"""Where a registry is reached and whom its certificate has to convince.

    ~/.config/docker/daemon.json    else /etc/docker/daemon.json: "registry-mirrors" of Docker Hub,
                                    "insecure-registries": hosts and CIDR ranges
    ~/.config/docker/certs.d/HOST/  and /etc/docker/certs.d/HOST/: *.crt are authorities beside the
                                    system's, NAME.cert with NAME.key is our own certificate
    SSL_CERT_FILE SSL_CERT_DIR      the system's authorities, as OpenSSL and Go read them
    HTTP_PROXY HTTPS_PROXY NO_PROXY also in lower case

These are dockerd's own files, so who has set up Docker has set up this engine.
https://docs.docker.com/engine/security/certificates

Knows: these files and variables. Does not know: HTTP, credentials.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ipycontainers.errors import Invalid

logger = logging.getLogger(__name__)

HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"
LARGEST_FILE = 1 << 20


@dataclass(frozen=True)
class Place:
    """One way to a registry. ``name`` is what credentials are kept under."""

    scheme: str
    host: str
    name: str
    is_verified: bool = True
    is_mirror: bool = False

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.host}"


@dataclass(frozen=True)
class Settings:
    """What the machine says about registries; ``load`` reads it, anew for each pull."""

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    certificates: tuple[Path, ...] = ()
    environ: Mapping[str, str] | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises Invalid for a file that is no JSON, or holds other than it should."""
        own = Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config") / "docker"
        folders = (own, Path("/etc/docker"))
        parsed: Mapping[str, object] = {}
        for folder in folders:
            if (folder / "daemon.json").is_file():
                parsed = _read(folder / "daemon.json")
                break
        return cls(
            _texts(parsed, "registry-mirrors"),
            _texts(parsed, "insecure-registries"),
            tuple(folder / "certs.d" for folder in folders),
            environ,
        )

    def places(self, domain: str) -> list[Place]:
        """Where to ask for images of ``domain``, one after the other; mirrors come first."""
        found = []
        if domain == HUB:
            for text in self.mirrors:
                parts = urlsplit(text)
                name = parts.netloc.rpartition("@")[2]
                verified = not self.is_insecure(parts.netloc)
                found.append(Place(parts.scheme, name, name, verified, is_mirror=True))
        return [*found, *self.own_places(domain)]

    def own_places(self, domain: str) -> list[Place]:
        """The registry itself: https, and http after it where that is no loss."""
        host = HUB_HOST if domain in (HUB, "index.docker.io") else domain
        if not self.is_insecure(host):
            return [Place("https", host, domain)]
        return [Place("https", host, domain, is_verified=False), Place("http", host, domain)]

    def is_insecure(self, host: str) -> bool:
        """Whether http will do: on this machine, and where the settings say so."""
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or host in self.insecure or name in self.insecure:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or any(_contains(text, address) for text in self.insecure)

    def proxy(self, scheme: str, host: str) -> str | None:
        """The proxy's address for a request to ``host``, if it goes through one.

        As in Go, what is on this machine never does.
        """
        name = urlsplit(f"//{host}").hostname or ""
        environ = self.environ if self.environ is not None else os.environ
        if name == "localhost" or _is_loopback(name):
            return None
        found = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY")
        excluded = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        if not found or any(_is_excluded(host, word.strip()) for word in excluded.split(",")):
            return None
        return found if "://" in found else f"http://{found}"

    def context(self, place: Place) -> ssl.SSLContext:
        """What TLS with ``place`` goes by. Raises Invalid for a certificate that is none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        environ = self.environ if self.environ is not None else os.environ
        own = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
        try:
            if any(own):
                context.load_verify_locations(own[0] or None, own[1] or None)
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError) as error:
            raise Invalid(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}") from error
        for folder in self.certificates:
            _add(context, folder / place.host)
        if not place.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _add(context: ssl.SSLContext, folder: Path) -> None:
    if "/" in folder.name or folder.name in ("", ".", "..") or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        with _blaming(path):
            if path.suffix == ".crt":
                context.load_verify_locations(path)
            elif path.suffix == ".cert":
                context.load_cert_chain(path, path.with_suffix(".key"))


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"{path} is no certificate that can be used: {error}") from error


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _read(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            parsed = json.loads(file.read(LARGEST_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise Invalid(f"{path} is no JSON object")
    return parsed


def _texts(parsed: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = parsed.get(key) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Invalid(f"{key} in daemon.json is no list of addresses")
    return tuple(str(text).rstrip("/") for text in value)


def _contains(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def _is_excluded(host: str, word: str) -> bool:
    """Whether a word of NO_PROXY means the host: *, a name and all below it, or a CIDR range."""
    name = (urlsplit(f"//{host}").hostname or "").lower()
    word = word.lower().removeprefix("*.").lstrip(".")
    if word in ("*", name, host):
        return True
    try:
        return _contains(word, ipaddress.ip_address(name))
    except ValueError:
        return bool(word) and name.endswith(f".{word}")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
