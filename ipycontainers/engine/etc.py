"""The files by which a container knows its name and finds others: hostname, hosts, resolv.conf.

They are the container's own and lie over the image's.

Knows: the formats of hosts(5) and resolv.conf(5). Does not know: who mounts them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import clearing
from .container import Spec
from .network import routes
from .network.outgoing import RESOLVER

NAMES = ("hostname", "hosts", "resolv.conf")
_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_MACHINES = Path("/etc/resolv.conf")
_NAMES, _LONGEST = Path("/etc/hosts"), 1 << 18
_GATEWAY = "host-gateway"
_HOST = "127.0.0.1"  # of a container that has the host's network
OWN = "127.0.1.1"  # as Debian has it for a name without an address


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """By their NAMES, each in the place of whatever the container has put there. OSError."""
    for name, text in texts.items():
        path, aside = folder / name, folder / f".{secrets.token_hex(8)}"
        try:
            with aside.open("x", errors="surrogateescape") as file:
                file.write(text)
            if path.is_dir() and not path.is_symlink():
                clearing.remove(path)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def of_machine() -> str:
    """This machine's resolv.conf; "" where there is none."""
    with suppress(OSError):
        return _MACHINES.read_text(errors="replace")
    return ""


def hosts(
    hostname: str,
    domainname: str,
    asked: Sequence[str],
    own: Sequence[str] = (OWN,),
    host: str = _HOST,
    machines: str = "",
) -> str:
    """The names that were asked for, and the container's own for each address in ``own``.
    ``host`` is where this machine is to be reached; ``machines``, of one on the host's network,
    are the names that it knows.

    >>> hosts("box", "lab", ["db:192.0.2.1"])[-35:]
    '192.0.2.1\\tdb\\n127.0.1.1\\tbox.lab box\\n'
    """
    lines = [f"{machines.rstrip()}\n" if machines.strip() else _HOSTS]
    for name, _, address in (word.partition(":") for word in asked):
        lines.append(f"{host if address == _GATEWAY else address}\t{name}\n")
    names = f"{hostname}.{domainname} {hostname}" if domainname else hostname
    return "".join([*lines, *(f"{address}\t{names}\n" for address in own)])


def machines_names() -> str:
    """This machine's /etc/hosts, unless it is very long; "" where there is none."""
    with suppress(OSError):
        if _NAMES.stat().st_size <= _LONGEST:
            return _NAMES.read_text(errors="replace")
    return ""


def resolver(spec: Spec, machines: str) -> str:
    """``machines`` is this machine's; what was asked for stands in place of its lines, as in
    Docker: a search domain of ``.`` is none."""
    if spec.network == "own":
        machines = _reachable(machines)
    if not (spec.dns or spec.dns_search or spec.dns_options):
        return machines
    asked = {
        "search": [] if spec.dns_search == (".",) else [" ".join(spec.dns_search)],
        "nameserver": list(spec.dns),
        "options": [" ".join(spec.dns_options)] if spec.dns_options else [],
    }
    has = {"search": spec.dns_search, "nameserver": spec.dns, "options": spec.dns_options}
    lines = []
    for word, values in asked.items():
        if has[word]:
            lines += [f"{word} {value}" for value in values]
        else:
            lines += [" ".join((word, *values)) for values in routes.said(machines, word)]
    return "".join(f"{line}\n" for line in lines)


def _reachable(machines: str) -> str:
    """From a network of IPv4 that does not have this machine's loopback: who asks there asks
    through the way out.

    >>> _reachable("search lab\\nnameserver 127.0.0.53\\nnameserver ::1\\n")
    'nameserver 198.18.0.3\\nsearch lab\\n'
    """
    servers = [values[0] for values in routes.said(machines, "nameserver")]
    far = [it for it in servers if not it.startswith("127.") and ":" not in it]
    others = [line for line in machines.splitlines() if line.split()[:1] != ["nameserver"]]
    return "".join(
        f"{line}\n" for line in (*map("nameserver {}".format, far or [RESOLVER]), *others)
    )
