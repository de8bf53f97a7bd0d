"""Engines that only the tests of ``client`` need, all real but for those at the rim.

run           run(connection, image, command, …) → Ran(out, exit, …): one container's life
socket_engine  serves canned bytes on a unix socket: an engine that is silent, old, no engine
tls_engine    a second dockerd with --tlsverify, in a network of its own
ssh_engine    this dockerd behind an sshd on localhost; an ssh program that knows the key
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import require, wait_for

from ipycontainers.client import Candidate, Connection, Exit, Tls, open_candidate
from ipycontainers.errors import EngineUnavailable

USER = 1000
Answer = bytes | Callable[[bytes], bytes] | None


@dataclass(frozen=True)
class Ran:
    raw: bytes
    exit: Exit | None
    warnings: tuple[str, ...] = ()
    id: str = ""

    @property
    def out(self) -> bytes:
        """Standard output, taken out of the frames."""
        found, rest = b"", self.raw
        while rest:
            size = int.from_bytes(rest[4:8], "big")
            if rest[0] == 1:
                found += rest[8 : 8 + size]
            rest = rest[8 + size :]
        return found


@pytest.fixture
def run() -> Callable[..., Ran]:
    return run_container


def run_container(
    connection: Connection,
    image: str,
    command: Sequence[str],
    *,
    stdin: bytes | None = None,
    host: dict[str, Any] | None = None,
) -> Ran:
    piped = stdin is not None
    config = {
        "Image": image,
        "Cmd": list(command),
        "OpenStdin": piped,
        "StdinOnce": piped,
        "AttachStdin": piped,
        "HostConfig": {"NetworkMode": "none", **(host or {})},
    }
    created = connection.create(config)
    try:
        with (
            connection.attach(created.id, stdin=piped) as attachment,
            connection.watch_exit(created.id) as watch,
        ):
            connection.start(created.id)
            writer = threading.Thread(target=_feed, args=(attachment, stdin))
            writer.start()
            raw = b"".join(iter(attachment.read, b""))
            writer.join()
            return Ran(raw, watch.result(30), created.warnings, created.id)
    finally:
        connection.remove(created.id)


def _feed(attachment: Any, stdin: bytes | None) -> None:
    if stdin is not None:
        attachment.write(stdin)
        attachment.close_write()


# --- engines at the rim ----------------------------------------------------------------------


@pytest.fixture
def socket_engine(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """socket_engine(answer) → address. The answer is bytes, or a function that makes them of
    the request; None takes the connection and is silent."""
    with contextlib.ExitStack() as opened:

        def serve(answer: Answer, name: str = "engine.sock") -> str:
            path = tmp_path / name
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            opened.callback(listener.close)
            thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
            thread.start()
            opened.callback(thread.join, 5)
            opened.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"unix://{path}"

        yield serve


def _serve(listener: socket.socket, answer: Answer) -> None:
    kept: list[socket.socket] = []
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            if answer is None:
                kept.append(connection)
                continue
            with connection:
                request = connection.recv(65536)
                connection.sendall(answer(request) if callable(answer) else answer)
    for connection in kept:
        connection.close()


@pytest.fixture
def http_answer() -> Callable[..., bytes]:
    return _http_answer


def _http_answer(body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


# --- another user ----------------------------------------------------------------------------


@pytest.fixture
def as_user() -> Callable[..., list[str]]:
    """as_user(*argv) → the same as a user without root's rights and without groups."""
    usable = os.getuid() == 0 and shutil.which("setpriv")
    require(usable, "user", "needs root and setpriv to become another user")

    def command(*argv: str) -> list[str]:
        ids = ["--reuid", str(USER), "--regid", str(USER), "--clear-groups"]
        return ["setpriv", *ids, *argv]

    return command


# As systemd hands over a socket: descriptor 3, and the pid that may take it.
HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2], sys.argv[2:])
"""

# --- dockerd with TLS ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as DOCKER_CERT_PATH names it, and server.pem, server-key.pem, other-ca.pem."""
    require(shutil.which("openssl"), "docker", "needs the openssl program")
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "names").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for name in ("ca", "other-ca"):
        _openssl(folder, f"req -x509 {key} -keyout {name}-key.pem -out {name}.pem -subj /CN={name}")
    for name, base in (("server", "server"), ("client", "cert")):
        secret = "key.pem" if base == "cert" else "server-key.pem"
        _openssl(folder, f"req {key} -keyout {secret} -out {name}.csr -subj /CN={name}")
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial "
            f"-days 2 -extfile names -out {base}.pem",
        )
    return folder


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def tls_engine(
    certificates: Path, engine: Any, images: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address. It listens in this network and has its containers in another, so that it
    cannot touch the first dockerd's bridge and rules."""
    usable = os.getuid() == 0 and shutil.which("dockerd") and shutil.which("unshare")
    require(usable, "user", "needs root, dockerd and unshare for a second dockerd")
    folder = tmp_path_factory.mktemp("dockerd")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with listener, (folder / "log").open("wb") as log:
        words = [
            *("unshare", "--net", "dockerd", "--host", "fd://", "--bridge", "none"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/pid", "--tlsverify", "--tlscacert", "ca.pem"),
            *("--tlscert", "server.pem", "--tlskey", "server-key.pem"),
        ]
        program = subprocess.Popen(
            [sys.executable, "-c", HANDED_OVER, str(listener.fileno()), *words],
            cwd=certificates,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
    address = f"tcp://127.0.0.1:{port}"
    try:
        _fill(Candidate("test", address, True, _tls_of(certificates)), engine, images.busybox)
        yield address
    finally:
        program.terminate()
        program.wait(20)
        subprocess.run(["umount", "-q", f"{folder}/exec/netns/default"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tls(certificates: Path) -> Tls:
    return _tls_of(certificates)


def _tls_of(certificates: Path) -> Tls:
    return Tls(*(str(certificates / f"{part}.pem") for part in ("ca", "cert", "key")))


def _fill(candidate: Candidate, source: Any, image: str) -> None:
    """Waits for that engine and gives it the image."""
    connection = _open_when_there(candidate)
    data = b"".join(source.docker.images.get(image).save(named=True))
    with connection:
        connection.docker.images.load(data)


def _open_when_there(candidate: Candidate) -> Connection:
    end = time.monotonic() + 30
    while True:
        try:
            return open_candidate(candidate)
        except EngineUnavailable:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


# --- dockerd behind ssh ----------------------------------------------------------------------


@pytest.fixture
def ssh_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> Iterator[Callable[..., str]]:
    """ssh_engine() → address. The ssh program on PATH reads a configuration of the test's:
    OpenSSH takes the real home from the system, so HOME cannot lead it to another."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    usable = sshd and shutil.which("ssh") and shutil.which("docker") and os.getuid() == 0
    require(usable, "sshd", "needs root and the programs sshd, ssh and docker")
    for name in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(words, check=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    folder = Path("/run/sshd")  # sshd wants it, and only Debian's service makes it
    folder.mkdir(mode=0o755, exist_ok=True)
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "LogLevel VERBOSE\n"
    )
    (tmp_path / "ssh_config").write_text(
        f"Host *\n  IdentityFile {tmp_path}/user\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {tmp_path}/known_hosts\n  StrictHostKeyChecking yes\n"
    )
    words = (tmp_path / "host.pub").read_text().split()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {words[0]} {words[1]}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(
        f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/ssh_config "$@"\n'
    )
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with (tmp_path / "sshd.log").open("wb") as log:
        program = subprocess.Popen(
            [str(sshd), "-D", "-e", "-f", f"{tmp_path}/sshd_config"], stderr=log
        )
    try:
        assert wait_for(lambda: "listening" in (tmp_path / "sshd.log").read_text())
        yield lambda user="root": f"ssh://{user}@127.0.0.1:{port}"
    finally:
        program.terminate()
        program.wait(10)
