"""A byte stream to an engine: unix socket, TCP, TLS, named pipe, or through ssh.

Short requests go through docker-py. The long ones (attach, events, pull) need the
socket itself: to end one direction and keep the other, to end a read that another
thread waits in, and to have no time-out while a program is silent. ``Dialler.dial``
opens one such stream; it behaves as a ``socket.socket`` where ``http.client`` needs it.

Knows: addresses, certificates. Does not know: HTTP, containers.
"""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .discover import Candidate, Tls
    from .ssh import Ssh


class TlsSocket:
    """TLS whose directions end apart, and which two threads may use at once.

    ``ssl.SSLSocket`` can do neither: its ``shutdown(SHUT_WR)`` drops TLS for reads
    too, its ``unwrap`` wants the other side to end as well, and one OpenSSL object
    must not be read and written at the same moment. Here OpenSSL works on memory
    buffers under a lock, and the socket is used outside it.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._early = bytearray()
        self._handshake()

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._sock.sendall(self._outgoing.read())
                self._receive()
            except ssl.SSLError:
                self._sock.sendall(self._outgoing.read())  # the alert that says why
                raise
        self._sock.sendall(self._outgoing.read())

    def _receive(self) -> None:
        data = self._sock.recv(65536)
        with self._state:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _decrypt(self, size: int) -> bytes | None:
        """b"" is the end that the other side announced; None: nothing has arrived. An end
        without that word, close_notify, was a cut: SSLEOFError, which is an OSError."""
        try:
            return self._tls.read(size)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""

    def recv(self, size: int) -> bytes:
        while True:
            with self._state:
                if self._early:
                    data = bytes(self._early[:size])
                    del self._early[:size]
                    return data
                decrypted = self._decrypt(size)
            if decrypted is not None:
                return decrypted
            self._receive()

    def sendall(self, data: bytes) -> None:
        with self._sending:
            for start in range(0, len(data), 65536):
                with self._state:
                    self._tls.write(data[start : start + 65536])
                    encrypted = self._outgoing.read()
                self._sock.sendall(encrypted)

    def shutdown(self, how: int) -> None:
        """SHUT_WR sends close_notify, which Go's TLS takes as the end of input."""
        if how == socket.SHUT_WR:
            with self._sending:
                with self._state:
                    # OpenSSL refuses to go on when data is waiting at this moment,
                    # so take out what has arrived first.
                    while data := self._decrypt(65536):
                        self._early += data
                    with contextlib.suppress(ssl.SSLError):
                        self._tls.unwrap()  # wants their close_notify too: comes at the end
                    encrypted = self._outgoing.read()
                self._sock.sendall(encrypted)
        else:
            self._sock.shutdown(how)

    def settimeout(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds)

    def fileno(self) -> int:
        """To wait with; what OpenSSL has taken in already does not show there."""
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def makefile(self, mode: str = "rb", *_: object, **__: object) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_Reader(self))


class _Reader(io.RawIOBase):
    def __init__(self, sock: TlsSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._sock.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


AnySocket = socket.socket | TlsSocket


class Dialler:
    """Opens byte streams to one candidate; owns the ssh connection if there is one."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.ssh: Ssh | None = None
        self._tls: ssl.SSLContext | None = None
        if candidate.address.startswith("ssh://"):
            from .ssh import Ssh

            self.ssh = Ssh(candidate.address)

    @property
    def host(self) -> str:
        """For the ``Host`` header."""
        if urlsplit(self.candidate.address).scheme in ("tcp", "http", "https"):
            return urlsplit(self.candidate.address).netloc
        return "localhost"

    def dial(self, timeout: float | None) -> AnySocket:
        """Raises OSError (``ssl.SSLError`` is one), and EngineForbidden for a socket in our own
        engine's place that is not this user's. The time-out stays set on the socket."""
        address = self.candidate.address
        parts = urlsplit(address)
        if self.ssh:
            sock = self.ssh.dial()
            sock.settimeout(timeout)
            return sock
        if parts.scheme == "npipe":
            return _dial_pipe(address, timeout)
        if parts.scheme == "unix":
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("Python on Windows has no unix sockets: use npipe:// or tcp://")
            return self._dial_unix(address.removeprefix("unix://"), timeout)
        sock = socket.create_connection((parts.hostname or "", parts.port or 0), timeout)
        _keep_alive(sock)
        if self.candidate.tls is None:
            return sock
        try:
            self._tls = self._tls or _tls_context(self.candidate.tls)
            return TlsSocket(sock, self._tls, parts.hostname or "")
        except BaseException:
            sock.close()
            raise

    def _dial_unix(self, path: str, timeout: float | None) -> socket.socket:
        """Our own engine's socket is in no folder of the system's: see whose it is first."""
        from . import embedded

        mine = self.candidate.source == embedded.SOURCE
        if mine:
            embedded.check(Path(path))
        sock = _connected(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path, timeout)
        try:
            if mine:
                embedded.check_peer(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def check_end(self, sock: AnySocket) -> None:
        """Raises OSError when what looks like the end of this stream was a cut. A cut of
        plain TCP without a reset looks like an end, and nothing here can tell."""
        if self.ssh and isinstance(sock, socket.socket):
            self.ssh.check_end(sock)

    def close(self) -> None:
        if self.ssh:
            self.ssh.close()


def _keep_alive(sock: socket.socket) -> None:
    """So that a program may be silent for hours, and a host that is gone is noticed: a read
    then fails, 30 s and some probes later."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _connected(sock: socket.socket, path: str, timeout: float | None) -> socket.socket:
    sock.settimeout(timeout)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _dial_pipe(address: str, timeout: float | None) -> socket.socket:
    from docker import transport

    # Exists on Windows only, and is a socket by its methods, not by its type.
    pipe: Any = transport.NpipeSocket()
    pipe.settimeout(timeout)
    pipe.connect(address.removeprefix("npipe:").replace("/", "\\"))
    return cast("socket.socket", pipe)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    # Python lets OpenSSL 3 take a cut for an end; output would then be short and nobody told.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    return context
