"""The keeper's process: it owns the namespaces of a data directory's networks.

    DATA/network/control.sock    where it is asked, one JSON line for one

It outlives the engine, as supervisors do, and leaves when no container needs it: the engine
says so of each that ends, and where no engine is connected it looks itself whether their
supervisors are there.

Knows: requests, when to leave. Does not know: records, Docker's JSON.
"""

from __future__ import annotations

import _socket
import json
import os
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from ipycontainers.engine import syscalls
from ipycontainers.engine.supervise import service
from ipycontainers.engine.supervise.client import Client
from ipycontainers.engine.supervise.control import SOCKET, parse
from ipycontainers.engine.supervise.failure import of_exception
from ipycontainers.engine.supervise.folder import read
from ipycontainers.engine.supervise.loop import READ, Loop

from . import outgoing, spaces
from .router import Cable, Router

_WAY_WITHIN = 10.0  # seconds; slirp4netns takes 30 ms
_PAUSE = 0.002
STAYING = 63  # the way out stays as long as this descriptor is open here; few limits are lower
_LINGER = 600.0  # seconds without a container: 6 MB, against 70 ms of the next cell's start
_ALONE = 1.0  # the same without an engine
_LOG = "outgoing.log"
_LOST = "what led out of networks has ended"
_LOOKS = 5.0  # seconds between looks at the supervisors, without an engine


def begin(directory: str, answers: _socket.socket) -> None:
    """In a fork of the nursery, which is in the host's network: this process becomes the way
    out, and its child the keeper, which tells ``answers`` when it can be asked."""
    os.chdir(directory)
    syscalls.handle(signal.SIGCHLD, int(signal.SIG_DFL))  # both wait for children
    made, telling = os.pipe()
    ending, staying = os.pipe()
    pid = os.fork()
    if pid == 0:
        for handle in (made, ending):
            os.close(handle)
        os.dup2(staying, STAYING, inheritable=False)
        os.close(staying)
        _keep(answers, telling)
    for handle in (telling, staying):
        os.close(handle)
    answers.close()
    if os.read(made, 1):
        outgoing.become(pid, ending, _LOG)


def lead_out(directory: str, keeper: int) -> NoReturn:
    """In a fork of the nursery: a further way out, of a keeper that has lost its own."""
    os.chdir(directory)
    syscalls.handle(signal.SIGCHLD, int(signal.SIG_DFL))
    outgoing.become(keeper, os.open(f"/proc/{keeper}/fd/{STAYING}", os.O_RDONLY), _LOG)


def _keep(answers: _socket.socket, telling: int) -> NoReturn:
    try:
        os.setsid()
        syscalls.raise_descriptors()
        keeper = Service(os.pidfd_open(os.getppid()), spaces.become_router())
        os.write(telling, b"1")
        os.close(telling)
    except Exception as error:  # noqa: BLE001 - whatever it is, the engine must hear it
        answers.send(json.dumps({"error": of_exception(error)}).encode())
        os._exit(1)
    answers.send(json.dumps({"pid": os.getpid()}).encode())
    answers.close()
    try:
        keeper.run()
    finally:
        os._exit(0)


class Lost(Exception):
    """What is asked for was another keeper's."""


class Held:
    """A container's namespaces and its cables by network."""

    def __init__(self, space: spaces.Space) -> None:
        self.space = space
        self.cables: dict[str, Cable] = {}


class Service:
    """In the working directory, which is DATA/network."""

    def __init__(self, way: int, home: int) -> None:
        """``way`` is a pidfd of what becomes the way out; ``home`` the router's network."""
        self._way = way
        self._home = home
        self._no_way = ""
        self._router = Router()
        self._held: dict[str, Held] = {}
        self._engines: list[Client] = []
        self._used = self._looked = time.monotonic()
        self._loop = Loop()
        with suppress(FileNotFoundError):
            os.unlink(SOCKET)  # of one that was killed
        self._service = service.Service(self._loop, self._answer)

    def run(self) -> None:
        """Until nobody needs it."""
        while not self._is_done():
            self._loop.turn(_ALONE)
            self._service.tidy()
            self._engines = [client for client in self._engines if not client.closed]
            self._look()
        self._service.hide()

    def _is_done(self) -> bool:
        if self._held:
            self._used = time.monotonic()
            return False
        return time.monotonic() - self._used > (_LINGER if self._engines else _ALONE)

    def _look(self) -> None:
        """Without an engine, nobody else tells that a container has ended."""
        if self._engines or time.monotonic() - self._looked < _LOOKS:
            return
        self._looked = time.monotonic()
        for name in [name for name in self._held if not _is_supervised(name)]:
            self._release(name)

    # --- requests ------------------------------------------------------------------------------

    def _answer(self, client: Client, line: bytes) -> None:
        self._used = time.monotonic()
        try:
            request = parse(line.decode())
            client.reply(getattr(self, f"_do_{request['do']}")(client, request))
        except Lost as error:
            client.reply({"error": str(error)})
        except Exception as error:  # noqa: BLE001 - the asker must hear it, the rest lives on
            client.reply({"error": of_exception(error)})

    def _do_serve(self, client: Client, _: Mapping[str, Any]) -> dict[str, Any]:
        """An engine is there for as long as this connection is."""
        client.awaits = True
        self._engines.append(client)
        self._await_way()
        return self._state()

    def _do_state(self, _: Client, __: Mapping[str, Any]) -> dict[str, Any]:
        return self._state()

    def _do_lead(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        """A new process is the way out from now on."""
        try:
            way = os.pidfd_open(request["pid"])
        except ProcessLookupError:  # it has ended already
            self._no_way = outgoing.reason(read(_LOG).decode(errors="replace"))
            return self._state()
        if self._router.goes_out:  # another one was faster: this one finds its place taken
            os.close(way)
            return self._state()
        self._loop.forget(self._way)
        os.close(self._way)
        self._way, self._no_way = way, ""
        self._await_way()
        return self._state()

    def _state(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "containers": list(self._held), "no_way": self._no_way}

    def _do_attach(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request["id"]
        self._release(name)
        held = Held(spaces.make(self._home))
        try:
            for wanted in request["attachments"]:
                held.cables[wanted["network"]] = self._router.add(held.space, held.cables, wanted)
            self._router.route(held.space, held.cables)
        except BaseException:
            held.space.close()
            raise
        self._held[name] = held
        return self._places(held)

    def _do_namespace(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        held = self._held.get(request["id"])
        return self._places(held) if held else {}

    def _do_connect(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        held, wanted = self._find(request["id"]), request["attachment"]
        held.cables[wanted["network"]] = self._router.add(held.space, held.cables, wanted)
        self._router.route(held.space, held.cables)
        return {}

    def _do_disconnect(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        held = self._find(request["id"])
        if cable := held.cables.pop(request["network"], None):
            self._router.cut(cable)
            self._router.route(held.space, held.cables)
        return {}

    def _find(self, name: str) -> Held:
        if held := self._held.get(name):
            return held
        raise Lost("it has lost its network; restart it")

    def _do_release(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        self._release(request["id"])
        return {}

    def _do_remove(self, _: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        self._router.remove(request["network"])
        return {}

    def _places(self, held: Held) -> dict[str, Any]:
        pid = os.getpid()
        user, net = (f"/proc/{pid}/fd/{it}" for it in (held.space.user, held.space.net))
        return {"user": user, "net": net, "lost": self._no_way == _LOST}

    def _release(self, name: str) -> None:
        if held := self._held.pop(name, None):
            self._router.silence(*held.cables.values())
            held.space.close()

    # --- the way out -----------------------------------------------------------------------------

    def _await_way(self) -> None:
        """Once: it begins while this process does."""
        if self._router.goes_out or self._no_way:
            return
        deadline, ended = time.monotonic() + _WAY_WITHIN, select.poll()
        ended.register(self._way, READ)
        while time.monotonic() < deadline:
            if self._router.find_way():
                self._loop.watch(self._way, READ, lambda _: self._lose_way())
                return
            if ended.poll(_PAUSE * 1000):
                break
        self._no_way = outgoing.reason(read(_LOG).decode(errors="replace"))

    def _lose_way(self) -> None:
        self._loop.forget(self._way)
        self._no_way = _LOST
        with suppress(OSError):  # networks go on without it
            self._router.close_way()


def _is_supervised(name: str) -> bool:
    """Also where that cannot be told, as without a descriptor left: who runs keeps its network."""
    try:
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    except OSError:
        return True
    client.setblocking(False)
    try:
        client.connect(f"../containers/{name}/{SOCKET}")
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        return True
    finally:
        client.close()
    return True
