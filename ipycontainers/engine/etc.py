"""The files by which a container knows its name and finds others: hostname, hosts, resolv.conf.

They are the container's own and lie over the image's.

Knows: the formats of hosts(5) and resolv.conf(5). Does not know: who mounts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .container import Spec
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


def write(folder: Path, spec: Spec, hostname: str) -> None:
    """Into ``folder``, which is made."""
    folder.mkdir()
    (folder / "hostname").write_text(f"{hostname}\n")
    (folder / "hosts").write_text(hosts(hostname, spec.domainname, spec.hosts))
    machines = ""
    with suppress(OSError):
        machines = _MACHINES.read_text(errors="replace")
    (folder / "resolv.conf").write_text(resolver(spec, machines))


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

    >>> hosts("box", "lab", ["db:192.0.2.1"])[-43:]
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
            given = (line.split() for line in machines.splitlines())
            lines += [" ".join(words) for words in given if words[:1] == [word]]
    return "".join(f"{line}\n" for line in lines)


def _reachable(machines: str) -> str:
    """From a network of IPv4 that does not have this machine's loopback: who asks there asks
    through the way out.

    >>> _reachable("search lab\\nnameserver 127.0.0.53\\nnameserver ::1\\n")
    'nameserver 198.18.0.3\\nsearch lab\\n'
    """
    lines = machines.splitlines()
    servers = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    far = [it for it in servers if not it.startswith("127.") and ":" not in it]
    others = [line for line in lines if not line.startswith("nameserver")]
    return "".join(
        f"{line}\n" for line in (*map("nameserver {}".format, far or [RESOLVER]), *others)
    )
