"""The ports of EXPOSE: 80, 80/udp, 8000-8010, and what -p takes, of which the container's counts.

Knows: that notation. Does not know: who publishes them.
"""

from __future__ import annotations

from ipycontainers.errors import Invalid

_LARGEST = 65535
_KINDS = {"sctp", "tcp", "udp"}


def exposed(word: str) -> list[str]:
    """Those of one word, a range in its order. Invalid, in dockerd's words.

    >>> exposed("127.0.0.1:8080:80/UDP")
    ['80/udp']
    """
    *before, container = word.split(":")
    host = before.pop() if before else ""
    port, kind = _kind(container)
    if before:
        _check_address(":".join(before))
    if not port:
        raise Invalid(f"No port specified: {word}<empty>")
    first, last = _range(port, "containerPort")
    if host:
        low, high = _range(host, "hostPort")
        if last - first not in (0, high - low):
            raise Invalid(
                f"Invalid ranges specified for container and host Ports: {port} and {host}"
            )
    if kind.lower() not in _KINDS:
        raise Invalid(f"Invalid proto: {kind}")
    return [f"{number}/{kind.lower()}" for number in range(first, last + 1)]


def _kind(text: str) -> tuple[str, str]:
    port, *kind = text.split("/")
    return (port, (kind[0] if kind else "") or "tcp") if port else ("", "")


def _check_address(address: str) -> None:
    import ipaddress  # seldom needed, and not small

    in_brackets = address.startswith("[")
    if in_brackets and "]" not in address:
        raise Invalid(f"Invalid ip address {address}: address {address}:: missing ']' in address")
    if ":" in address and not in_brackets:
        raise Invalid(
            f"Invalid ip address {address}: address {address}:: too many colons in address"
        )
    bare = address[1:].removesuffix("]") if in_brackets else address
    try:
        if bare:
            ipaddress.ip_address(bare)
    except ValueError:
        raise Invalid(f"Invalid ip address: {bare}") from None


def _range(text: str, what: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if all(number.isascii() and number.isdigit() and len(number) < 9 for number in numbers):
        low, high = map(int, numbers)
        if low <= high <= _LARGEST:
            return low, high
    raise Invalid(f"Invalid {what}: {text}")
