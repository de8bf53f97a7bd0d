"""Published ports: what is asked of -p and -P, and what it means.

    wanted(config, host)        the bindings to open, in the order of container ports
    mistakes(host)              what of them makes no sense, in dockerd's words

    PortBindings  {"80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}]}
    ExposedPorts  {"80/tcp": {}, "53/udp": {}}

Unlike dockerd, which listens on every address of the machine, a binding without an address is
on 127.0.0.1: a notebook's machine is often shared, and what an experiment serves is not for
all. An address that is none is refused, where dockerd listens on all.

Knows: Docker's words for ports. Does not know: sockets, containers' addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ipycontainers.errors import Unsupported

from . import addresses
from .binding import Binding, Wanted, split

LOCAL = "127.0.0.1"
FORWARDED = ("tcp", "udp")
DISCARDED = "Published ports are discarded when using host network mode"
Plain = Mapping[str, Any]


def parse(text: str) -> tuple[int, str] | None:
    """
    >>> parse("80"), parse("53/UDP"), parse("x/tcp"), parse("70000")
    ((80, 'tcp'), (53, 'udp'), None, None)
    """
    number, slash, protocol = text.partition("/")
    if not re.fullmatch(r"\d{1,5}", number) or int(number) > 65535:
        return None
    return int(number), protocol.lower() if slash else "tcp"


def exposed(config: Plain) -> list[str]:
    """As "80/tcp", in order; what is no port is left out.

    >>> exposed({"ExposedPorts": {"80/tcp": {}, "9": {}, "x": {}}})
    ['9/tcp', '80/tcp']
    """
    found = filter(None, map(parse, config.get("ExposedPorts") or ()))
    return [f"{number}/{protocol}" for number, protocol in sorted(found)]


def wanted(config: Plain, host: Plain, *, shares_host: bool = False) -> tuple[Wanted, ...]:
    """What has to be open while the container runs. ``host`` has no ``mistakes``.

    Exposed ports only, as with dockerd. With ``shares_host`` the container has no network of
    its own, so a port that is to be published under its own number is the program's to bind.
    Raises Unsupported for protocols that cannot be forwarded.
    """
    asked = _bindings(host)
    found: list[Wanted] = []
    for port in exposed(config) if has_ports_of_its_own(host) else ():
        bindings = asked.get(port) or ([_complete({})] if host.get("PublishAllPorts") else [])
        _check_protocol(port, bindings)
        found += [_wanted(port, binding, shares_host=shares_host) for binding in bindings]
    return tuple(found)


def has_ports_of_its_own(host: Plain) -> bool:
    """Whether -p has a meaning; not with the host's network, which the user asked for, or none."""
    mode = str(host.get("NetworkMode") or "")
    return mode not in ("host", "none") and not mode.startswith("container:")


def echoed(bindings: Any) -> Any:
    """PortBindings as inspect shows them: as sent, each completed."""
    if not isinstance(bindings, Mapping):
        return bindings
    return {
        port: [_complete(one or {}) for one in them] if them is not None else None
        for port, them in bindings.items()
    }


def mistakes(host: Plain) -> Iterator[str]:
    """One message each, in dockerd's words."""
    bindings = host.get("PortBindings")
    if bindings is not None and not isinstance(bindings, Mapping):
        yield "json: cannot unmarshal PortBindings into Go value of type nat.PortMap"
        return
    for port, them in (bindings or {}).items():
        if parse(port) is None and port not in ("", "/tcp"):
            yield f'invalid port specification: "{port.partition("/")[0]}"'
        if not _are_bindings(them):
            yield "json: cannot unmarshal PortBindings into Go value of type []nat.PortBinding"
            return
        for one in them or ():
            yield from _of_binding(_complete(one or {}))


def warnings(config: Plain, host: Plain, *, shares_host: bool) -> Iterator[str]:
    """What of -p and -P will not be as with Docker; ``host`` has no ``mistakes``."""
    if str(host.get("NetworkMode") or "") == "host" and host.get("PortBindings"):
        yield DISCARDED
    if not has_ports_of_its_own(host):
        return
    bindings, known = _bindings(host), exposed(config)
    for port in bindings:
        if port not in known:
            yield f"port {port} is not published, since ExposedPorts does not name it"
    for one in wanted(config, host, shares_host=shares_host):
        if not one.is_held:
            yield (
                f"-p {one.first}:{one.container_port}: the container has the host's network, so "
                "its program listens on that port itself, on the addresses that it chooses"
            )


def overlaps(one: str, other: str) -> bool:
    """Whether two addresses, of which one listens, leave no room for the other.

    >>> overlaps("127.0.0.1", "0.0.0.0"), overlaps("127.0.0.1", "127.0.0.2")
    (True, False)
    """
    if ":" in one or ":" in other:
        return one == other or "::" in (one, other)
    return one == other or "0.0.0.0" in (one, other)


def address_text(host_ip: str, host_port: int) -> str:
    """
    >>> address_text("::1", 80)
    '[::1]:80'
    """
    return f"[{host_ip}]:{host_port}" if ":" in host_ip else f"{host_ip}:{host_port}"


def by_port(bindings: Iterable[Binding]) -> dict[str, list[Binding]]:
    """By container port."""
    found: dict[str, list[Binding]] = {}
    for one in bindings:
        found.setdefault(one.container_port, []).append(one)
    return found


def _bindings(host: Plain) -> dict[str, list[dict[str, str]]]:
    """By port, as "80/tcp"."""
    found: dict[str, list[dict[str, str]]] = {}
    for text, them in (host.get("PortBindings") or {}).items():
        if port := parse(text):
            own = found.setdefault(f"{port[0]}/{port[1]}", [])
            own += [_complete(one or {}) for one in them or ()]
    return found


def _complete(binding: Plain) -> dict[str, str]:
    spelled = {str(key).lower(): value for key, value in binding.items()}
    return {key: spelled.get(key.lower()) or "" for key in ("HostIp", "HostPort")}


def _are_bindings(them: Any) -> bool:
    if them is None:
        return True
    return isinstance(them, list) and all(
        one is None
        or (isinstance(one, dict) and all(isinstance(value, str) for value in one.values()))
        for one in them
    )


def _of_binding(binding: Mapping[str, str]) -> Iterator[str]:
    port, ip = binding["HostPort"], binding["HostIp"]
    if _range(port) is None:
        yield f'invalid port specification: "{port}"'
    if ip and _address(ip) is None:
        yield f'invalid IP address of a published port: "{ip}"'


def _range(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first or "0", first or "0"]
    if not all(re.fullmatch(r"\d{1,5}", number) and int(number) < 65536 for number in numbers):
        return None
    low, high = map(int, numbers)
    return (low, high) if low <= high else None


def _address(text: str) -> str | None:
    return addresses.usual(text.removeprefix("[").removesuffix("]"))


def _check_protocol(port: str, bindings: list[dict[str, str]]) -> None:
    protocol = split(port)[1]
    if bindings and protocol not in FORWARDED:
        raise Unsupported(
            f"-p {port} is refused: this engine forwards tcp and udp, and cannot forward "
            f"{protocol}. Use Docker for it"
        )


def _wanted(port: str, binding: Mapping[str, str], *, shares_host: bool) -> Wanted:
    first, last = _range(binding["HostPort"]) or (0, 0)
    ip = (_address(binding["HostIp"]) if binding["HostIp"] else None) or LOCAL
    return Wanted(port, ip, first, last, split(port)[0] if shares_host else 0)
