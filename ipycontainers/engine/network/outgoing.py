"""The way out: slirp4netns or pasta beside the keeper, in the host's network.

It takes what comes out of the router's tap0 and sends it by sockets of its own, as any program
of this user might. Both answer whatever source address a packet has (pasta since 2024), so
containers need no translation of addresses; slirp4netns asks for each by ARP, and the router
says that it is the way to all (proxy ARP). What listens on the host's 127.0.0.1 cannot be
reached through either.

slirp4netns comes first: with the packets of 64 KB that the cables take, 500 MB/s go out through
it, and 30 through pasta, which at times stands still.

Knows: the words of both. Does not know: bridges, requests.
"""

from __future__ import annotations

import os
import re
from typing import NoReturn

TAP = "tap0"
ADDRESS = "198.18.0.100"
LENGTH = 24  # of 198.18.0.0, which is for measurements within a network (RFC 2544): nobody's
GATEWAY = "198.18.0.2"
RESOLVER = "198.18.0.3"
"""Asks the nameserver that the host asks, also one on the host's own 127.0.0.53."""
MTU = 65520
TUN = "/dev/net/tun"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASTA_SINCE = 20240801  # before, it answered the address that it had seen last
_NOISE = ("child failed", "sent tapfd", "received tapfd")


def found(name: str) -> str:
    """The path of a program, or ""."""
    for folder in (*os.environ.get("PATH", "").split(":"), *_PATH.split(":")):
        path = f"{folder}/{name}"
        if folder.startswith("/") and os.access(path, os.X_OK):
            return path
    return ""


def become(keeper: int, exit: int, log: str) -> NoReturn:  # noqa: A002
    """Replace this process, which is in the host's network, by the way out of ``keeper``'s.

    It ends when ``exit`` is closed elsewhere, or when ``keeper`` has ended. What it has to say,
    the reason of a refusal too, is in the file ``log``.
    """
    try:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
        os.set_inheritable(exit, True)
        words = _words(keeper, exit)
        os.execve(words[0], words, {"PATH": _PATH})
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        advice = f"; let root run: chmod 666 {TUN}" if error.filename == TUN else ""
        os.write(2, f"{error.filename}: {reason}{advice}\n".encode())
    except LookupError as error:
        os.write(2, f"{error.args[0]}\n".encode())
    finally:
        os._exit(1)


def reason(said: str) -> str:
    """Of what stands in a log, why there is no way out."""
    lines = [line for line in said.splitlines() if line and not line.startswith(_NOISE)]
    return lines[-1] if lines else "what leads out of networks did not begin"


def _words(keeper: int, exit: int) -> list[str]:  # noqa: A002
    """LookupError where there is none."""
    user, net = (f"/proc/{keeper}/ns/{kind}" for kind in ("user", "net"))
    if program := found("slirp4netns"):
        return [
            *(program, "--configure", f"--mtu={MTU}", f"--cidr={GATEWAY[:-1]}0/{LENGTH}"),
            *("--disable-host-loopback", f"--exit-fd={exit}"),
            *("--netns-type=path", f"--userns-path={user}", net, TAP),
        ]
    program = found("pasta")
    if not program:
        raise LookupError("there is neither slirp4netns nor pasta: apt install slirp4netns")
    if not is_recent(_version(program)):
        raise LookupError("this pasta answers one address only: apt install slirp4netns")
    return [
        *(program, "--foreground", "--quiet", "--ipv4-only", "--config-net", "--no-map-gw"),
        *("--ns-ifname", TAP, "--address", ADDRESS, "--netmask", str(LENGTH), "--mtu", str(MTU)),
        *("--gateway", GATEWAY, "--dns-forward", RESOLVER),
        *(word for kind in "tuTU" for word in (f"-{kind}", "none")),
        *("--userns", user, "--netns", net),
    ]


def is_recent(version: str) -> bool:
    """Whether a pasta that says this of itself answers any address.

    >>> is_recent("pasta 2025_05_03.587980c"), is_recent("pasta 0.0~git20230309.7c7625d-1")
    (True, False)
    """
    day = re.search(r"(20\d\d)_?(\d\d)_?(\d\d)", version)
    return day is not None and int("".join(day.groups())) >= _PASTA_SINCE


def _version(program: str) -> str:
    import subprocess

    asked = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=10)
    return asked.stdout.decode(errors="replace")
