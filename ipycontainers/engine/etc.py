"""The files by which a container knows its name and finds others: hostname, hosts, resolv.conf.

They are the container's own and lie over the image's.

Knows: the formats of hosts(5) and resolv.conf(5). Does not know: who mounts them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .container import Spec

_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_RESOLVER = Path("/etc/resolv.conf")
_GATEWAY = "host-gateway"
_HOST = "127.0.0.1"  # a container has the host's network


def write(folder: Path, spec: Spec, hostname: str) -> None:
    """Into ``folder``, which is made."""
    folder.mkdir()
    (folder / "hostname").write_text(f"{hostname}\n")
    (folder / "hosts").write_text(hosts(spec, hostname))
    machines = ""
    with suppress(OSError):
        machines = _RESOLVER.read_text(errors="replace")
    (folder / "resolv.conf").write_text(resolver(spec, machines))


def hosts(spec: Spec, hostname: str) -> str:
    """The container's own names, and those that were asked for.

    >>> hosts(Spec(("true",), domainname="lab", hosts=("db:192.0.2.1",)), "box")[-43:]
    '127.0.1.1\\tbox.lab box\\n192.0.2.1\\tdb\\n'
    """
    names = f"{hostname}.{spec.domainname} {hostname}" if spec.domainname else hostname
    lines = [_HOSTS, f"127.0.1.1\t{names}\n"]
    for name, _, address in (word.partition(":") for word in spec.hosts):
        lines.append(f"{_HOST if address == _GATEWAY else address}\t{name}\n")
    return "".join(lines)


def resolver(spec: Spec, machines: str) -> str:
    """``machines`` is this machine's; what was asked for stands in place of its lines, as in
    Docker: a search domain of ``.`` is none."""
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
