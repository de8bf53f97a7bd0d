"""Python that lives on between cells: the kernel's side of the agent.

The container's first process is the image's own ``python3``, which reads the agent from
standard input. Nothing is written into the container and nothing has to be installed there.
What comes back is data from a hostile place: every head is checked, every size is bounded,
rich output passes ``rich``, and nothing is ever unpickled.

Knows: what the agent is told and what it says. Does not know: engines, IPython, what a value
is made of.
"""

from __future__ import annotations

import functools
import itertools
import json
import threading
import time
from importlib import resources
from typing import TYPE_CHECKING, ClassVar

from ipycontainers import exchange
from ipycontainers.errors import CellFailed, CellTimedOut, ContainerError
from ipycontainers.exchange import too_large
from ipycontainers.interpreter import encoded

from . import Ended
from .agent import wire
from .conversation import Conversation, Over
from .python_cell import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipycontainers.client import Attachment, Connection
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Output

    from . import Notebook

READY_SECONDS = 30.0
# The agent ends an interrupted cell within 2 seconds; then the container is killed.
END_SECONDS = 4.0
EXIT_SECONDS = 2.0
MODULES = (  # each after those that it imports
    "wire",
    "processes",
    "tracebacks",
    "channel",
    "outputs",
    "shown",
    "figures",
    "cells",
    "multiplexer",
)
# Nothing in the working directory may pass for a module of the standard library.
BOOT = """\
import os, sys
if sys.version_info < (3, 6):
    sys.exit("a session needs Python 3.6 or later, and this is " + sys.version.split()[0])
path = sys.path[:]
sys.path[:] = [entry for entry in path if os.path.realpath(entry) != os.path.realpath("")]
import json, types
def read(size):
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            sys.exit("the kernel's side has closed")
        data += more
    return data
package = types.ModuleType("ipycontainers_agent")
package.__path__ = []
package.path = path
sys.modules[package.__name__] = package
for name, text in json.loads(read(int(read(8), 16)).decode()):
    module = types.ModuleType(package.__name__ + "." + name)
    module.__package__ = package.__name__
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(text, "<ipycontainers " + name + ">", "exec"), module.__dict__)
package.multiplexer.main()
"""


class PythonInterpreter:
    """An ``Interpreter``; see there."""

    kind = "python"
    environment: ClassVar[Mapping[str, str]] = {"MPLBACKEND": "agg"}

    def __init__(
        self,
        connection: Connection,
        container_id: str,
        attachment: Attachment,
        program: Sequence[str] = ("python3",),
        *,
        trust: bool = False,
        values_module: str = "",
    ) -> None:
        """``trust`` lets scripts run, in a frame apart.

        ``values_module`` is the text of a Python module that is used in the container in
        place of exchange's, with ``arrive(kind, meta, data) -> object`` and
        ``leave(object) -> (kind, meta, data)``.
        """
        self.lost = ""
        self.command = self.command_for(program)
        self._connection = connection
        self._container_id = container_id
        self._attachment = attachment
        self._program = program[0]
        self._trust = trust
        self._values_module = values_module
        self._numbers = itertools.count(1)
        self._broken = ""
        self._conversation: Conversation | None = None

    @staticmethod
    def command_for(program: Sequence[str]) -> tuple[str, ...]:
        return (*program, "-u", "-c", BOOT)

    @property
    def log(self) -> bytes:
        """What earlier cells have written after their end, the last part of it."""
        return self._conversation.late.bytes() if self._conversation else b""

    def open(self) -> None:
        """Sends the agent in. Raises CellFailed when it is not ready within 30 seconds."""
        self._conversation = Conversation(self._attachment)
        values = self._values_module or exchange.source()
        modules = [("values", values), *((name, _text_of(name)) for name in MODULES)]
        text = json.dumps(modules).encode()
        self._conversation.send([b"%08x" % len(text) + text])
        try:
            self._wait_until_ready(self._conversation)
        except BaseException:
            self._conversation.close()
            raise

    def _wait_until_ready(self, conversation: Conversation) -> None:
        end = time.monotonic() + READY_SECONDS
        try:
            while time.monotonic() < end:
                message = conversation.receive(end)
                if message and message[0].get("op") == "ready":
                    return
        except Over as over:
            raise self._not_ready(over.message) from None
        raise self._not_ready(f"no answer within {READY_SECONDS:.0f} seconds")

    def _not_ready(self, reason: str) -> CellFailed:
        assert self._conversation
        said = self._conversation.errors.bytes().decode("utf-8", "replace").strip()
        last = said.splitlines()[-1][:500] if said else reason
        return CellFailed(
            f"{self._program} did not start a session{f': {last}' if last else ''}",
            "a Python session needs a Python of 3.6 or later in the image",
            exit_code=self._exit_code() or 125,
        )

    def close(self) -> None:
        if self._conversation:
            self._conversation.send([wire.frame({"op": "stop"})])
            self._conversation.close()
        else:
            self._attachment.close()

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,
        *,
        values: Mapping[str, Packed] | None = None,
        wanted: Sequence[str] = (),
        limit: int = exchange.LIMIT,
        deadline: float | None = None,
    ) -> Ended:
        """As ``Interpreter.run``. Raises CellFailed where the agent does not keep to frames,
        now and for every later cell; Invalid for values that exceed the limit."""
        if self._broken or not self._conversation:
            raise self._failed(self._broken or "it is not open")
        cell = Cell(
            next(self._numbers),
            output,
            notebook,
            prefix=self._container_id[:12],
            trust=self._trust,
            limit=limit,
            answer=self._send,
        )
        self.lost = ""
        request = _request(cell.number, encoded(code, "the cell"), values or {}, wanted)
        self._conversation.listen_to(cell.number)
        try:
            ended = self._ended(cell, request, deadline)
        finally:
            self._conversation.listen_to(0)
        self.lost = ended.lost
        if cell.excess:
            raise too_large(cell.excess, limit)
        return ended

    def _ended(self, cell: Cell, request: Iterator[bytes], deadline: float | None) -> Ended:
        """How the cell ended; one that did not in time, or was interrupted, is ended here."""
        assert self._conversation
        try:
            self._conversation.send(request)
            ended = self._follow(cell, deadline)
            if ended is None:
                self._end(cell)
                raise CellTimedOut("the cell ran longer than --timeout allows", exit_code=124)
            return ended
        except CellFailed:
            raise
        except BaseException:
            # An interrupt, or the notebook could not be given something: the cell still runs.
            self._end(cell)
            raise

    def _follow(self, cell: Cell, deadline: float | None) -> Ended | None:
        """Move what comes until the cell has ended; None: the deadline has passed."""
        assert self._conversation
        while cell.ended is None:
            if deadline is not None and time.monotonic() >= deadline:
                return None
            try:
                message = self._conversation.receive(deadline)
            except Over as over:
                return self._gone(cell, over.message)
            if message:
                cell.hear(*message)
        return cell.ended

    def _end(self, cell: Cell) -> None:
        """Interrupt the cell and wait for its end; a second interrupt kills at once."""
        until = time.monotonic() + END_SECONDS
        now = False
        while not self._broken:
            try:
                self._send({"op": "interrupt", "cell": cell.number, "now": now})
                cell.silence()
                if ended := self._follow(cell, until):
                    self.lost = ended.lost
                else:
                    self._give_up()
                return
            except KeyboardInterrupt:  # noqa: PERF203 – a second one
                now = True
            except CellFailed:
                return  # said by the next cell too

    def _give_up(self) -> None:
        self.lost = self._broken = "it did not answer an interrupt, so its container was killed"
        threading.Thread(target=self._kill, name="ipycontainers-kill", daemon=True).start()

    def _kill(self) -> None:
        try:
            self._connection.kill(self._container_id)
        except ContainerError:
            return  # it has ended

    def _gone(self, cell: Cell, reason: str) -> Ended:
        """The stream has ended: with the container, or because somebody broke it."""
        assert self._conversation
        cell.show_error(self._conversation.errors.bytes())
        if reason:
            self.lost = self._broken = reason
            raise self._failed(reason)
        code = self._exit_code()
        return Ended(125 if code is None else code, lost="the container has ended", gone=True)

    def _failed(self, reason: str) -> CellFailed:
        return CellFailed(
            f"the agent of this Python session cannot be understood any more: {reason}",
            "restart the session",
            exit_code=125,
        )

    def _exit_code(self) -> int | None:
        """Of the container, which an engine may know a little after its streams' end."""
        end = time.monotonic() + EXIT_SECONDS
        while time.monotonic() < end:
            try:
                state = self._connection.inspect(self._container_id)["State"]
            except (ContainerError, KeyError):
                return None
            if not state.get("Running"):
                return int(state.get("ExitCode") or 0)
            time.sleep(0.05)
        return None

    def _send(self, head: dict[str, object], data: bytes = b"") -> None:
        assert self._conversation
        self._conversation.send(wire.frames(head, data))


def _request(
    number: int, code: bytes, values: Mapping[str, Packed], wanted: Sequence[str]
) -> Iterator[bytes]:
    """The frames of a cell: its values, then its code. Read by the thread that writes."""
    metas = {name: json.dumps(dict(packed.meta)).encode() for name, packed in values.items()}
    run = {"op": "run", "cell": number, "wanted": list(wanted)}
    return itertools.chain(
        *(_value(number, name, values[name], meta) for name, meta in metas.items()),
        wire.frames(run, code),
    )


def _value(number: int, name: str, packed: Packed, meta: bytes) -> Iterator[bytes]:
    head: dict[str, object] = {"op": "value", "cell": number, "name": name}
    head |= {"kind": packed.kind, "meta": len(meta)}
    yield from wire.frames({**head, "more": True}, meta)
    for piece in packed.pieces():
        yield wire.frame({**head, "more": True}, piece)
    yield wire.frame(head)


@functools.cache
def _text_of(module: str) -> str:
    return (resources.files(__package__) / "agent" / f"{module}.py").read_text(encoding="utf-8")
