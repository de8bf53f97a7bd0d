"""The way out: slirp4netns beside the keeper, in the host's network.

It takes what comes out of the router's tap0 and sends it by sockets of its own, as any program
of this user might. It answers whatever source address a packet has, so containers need no
translation of addresses, only the router's word that it is the way to them (proxy ARP); what
listens on the host's 127.0.0.1 cannot be reached through it.

Knows: slirp4netns's words. Does not know: bridges, requests.
"""

from __future__ import annotations

import os
from typing import NoReturn

TAP = "tap0"
CIDR = "198.18.0.0/24"  # for measurements within a network (RFC 2544): nobody else's
GATEWAY = "198.18.0.2"
RESOLVER = "198.18.0.3"
"""Asks the nameserver that the host asks, also one on the host's own 127.0.0.53."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MTU = 65520


def program() -> str:
    """The path of slirp4netns, or nothing."""
    for folder in (*os.environ.get("PATH", "").split(":"), *_PATH.split(":")):
        path = f"{folder}/slirp4netns"
        if folder.startswith("/") and os.access(path, os.X_OK):
            return path
    return ""


def become(keeper: int, ready: int, exit: int, log: str) -> NoReturn:  # noqa: A002
    """Replace this process, which is in the host's network, by the way out of ``keeper``'s.

    It writes ``1`` to ``ready`` when packets can go, and ends when ``exit`` is closed elsewhere.
    What it has to say, the reason of a refusal too, is in the file ``log``.
    """
    words = [
        program() or "slirp4netns",
        "--configure",
        f"--mtu={_MTU}",
        f"--cidr={CIDR}",
        "--disable-host-loopback",
        f"--ready-fd={ready}",
        f"--exit-fd={exit}",
        "--netns-type=path",
        f"--userns-path=/proc/{keeper}/ns/user",
        f"/proc/{keeper}/ns/net",
        TAP,
    ]
    try:
        os.set_inheritable(ready, True)
        os.set_inheritable(exit, True)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        os.execve(words[0], words, {"PATH": _PATH})
    except OSError as error:
        os.write(2, f"{words[0]}: {os.strerror(error.errno or 0).lower()}\n".encode())
    finally:
        os._exit(1)
