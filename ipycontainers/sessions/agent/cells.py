"""The interpreter of a Python session: it runs cells in ``__main__``, one after the other.

A cell is compiled as ``exec``, its last expression as ``eval`` and shown. How a cell ended
is one message: its code, the traceback with the cell's own lines, the names that it did not set.

Knows: compiling, tracebacks, the interpreter's own state. Does not know: the kernel's side,
what a value is made of.
"""

import __future__

import ast
import builtins
import io
import json
import linecache
import os
import signal
import socket
import sys
import tokenize
import types

from . import channel, figures, outputs, shown, tracebacks

TOP_LEVEL_AWAIT = getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0)
COROUTINE = 0x80  # inspect.CO_COROUTINE
VALUES = "values"  # the module that makes values arrive and leave, where one was sent in


def main(sock: socket.socket) -> None:
    """Serve the multiplexer until its side of the socket ends."""
    os.setsid()
    interrupts = channel.Interrupts()
    signal.signal(signal.SIGINT, interrupts)
    high = socket.socket(sock.family, sock.type, 0, outputs.above(sock.fileno()))
    sock.close()
    Cells(channel.Channel(high, interrupts), interrupts).serve()


class Leave(SystemExit):
    """The cell has called exit() or quit(): the interpreter is to end, not only the cell."""


class Quitter:
    """``exit`` and ``quit``, which site's own would have close standard input."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return "%s() ends this session's interpreter and its variables" % self._name

    def __call__(self, code: object = None) -> None:
        raise Leave(code)


class Cells:
    """The namespace of a session and what runs in it."""

    def __init__(self, line: "channel.Channel", interrupts: "channel.Interrupts") -> None:
        self._line = line
        self._interrupts = interrupts
        self._pid = os.getpid()
        self._outputs = outputs.Outputs(line)
        self._display = shown.Display(line, self._outputs)
        self._flags = TOP_LEVEL_AWAIT
        self._features = [getattr(__future__, name) for name in __future__.all_feature_names]
        self._loop: "asyncio.AbstractEventLoop | None" = None
        self._arrived: "dict[str, tuple[dict[str, object], bytearray]]" = {}
        self._module = types.ModuleType("__main__")
        self._names = self._module.__dict__
        self._names["__builtins__"] = builtins
        self._furnish()

    def _furnish(self) -> None:
        """Make this process look like an interactive Python."""
        sys.modules["__main__"] = self._module
        # The first process had it without the working directory, so that no module there
        # passed for one of the standard library's.
        sys.path[:] = getattr(sys.modules[__package__], "path", sys.path)
        sys.argv[:] = [""]
        sys.displayhook = self._display.result
        for name in ("exit", "quit"):
            setattr(builtins, name, Quitter(name))
        setattr(builtins, "display", self._display.display)  # noqa: B010
        setattr(builtins, "clear_output", self._display.clear_output)  # noqa: B010
        figures.install(self._display, self._outputs)

    def serve(self) -> None:
        """Until the multiplexer has ended."""
        while True:
            head, data = self._line.receive()
            if head.get("op") == "value":
                _, collected = self._arrived.setdefault(str(head["name"]), (head, bytearray()))
                collected += data
            elif head.get("op") == "run":
                self._source = self._source + data if self._more else data
                self._more = bool(head.get("more"))
                if not self._more:
                    self._run(head, self._source.decode("utf-8", "surrogateescape"))

    _source = b""
    _more = False

    def _run(self, head: "dict[str, object]", code: str) -> None:
        number = int(str(head["cell"]))
        self._outputs.begin(number)
        told: "dict[str, object]" = {"op": "ended", "cell": number, "code": 0}
        found: "dict[str, object]" = {}
        try:
            with self._interrupts.allowed():
                if self._line.was_interrupted(number):
                    raise KeyboardInterrupt
                self._arrive()
                try:
                    self._execute(code, number)
                except Leave:
                    raise
                except SystemExit as error:
                    told["code"] = _exit_code(error)
                finally:
                    figures.show(self._display)
                found.update(self._leave(number, head["wanted"]))
        except Leave as error:
            told.update(code=_exit_code(error), lost="the cell ended its interpreter with exit()")
        except BaseException as error:  # noqa: BLE001 – whatever a cell raises ends the cell only
            told["code"] = 1
            found = tracebacks.report(error)
            if isinstance(error, Exception):
                found.update(self._left_by_failure(number, head["wanted"]))
        self._arrived.clear()
        self._end(told, json.dumps(found).encode())

    def _end(self, told: "dict[str, object]", found: bytes) -> None:
        if os.getpid() != self._pid:
            os._exit(int(str(told["code"])) & 255)  # a fork of the cell's that ran to its end
        self._outputs.flush()
        self._line.send(told, found)
        if "lost" in told:
            os._exit(int(str(told["code"])) & 255)

    # Values

    def _arrive(self) -> None:
        """Give the cell its values. Raises what the module of values raises."""
        for name, (head, data) in self._arrived.items():
            meta, rest = channel.split_meta(head, data)
            self._names[name] = _values().arrive(str(head["kind"]), meta, rest)

    def _leave(self, cell: int, wanted: "Any") -> "dict[str, object]":
        """Send what the cell was to set; tells which names it has not, and why some cannot go."""
        refused = {}
        for name in [one for one in wanted if one in self._names]:
            try:
                kind, meta, data = _values().leave(self._names[name])
            except (TypeError, OSError, ValueError, OverflowError, RecursionError) as error:
                refused[name] = str(error)[:1000]
                continue
            head = {"op": "value", "cell": cell, "name": name, "kind": kind}
            self._line.send_value(head, meta, data)
        return {"unset": [one for one in wanted if one not in self._names], "refused": refused}

    def _left_by_failure(self, cell: int, wanted: "Any") -> "dict[str, object]":
        """What was set before the cell raised is not lost."""
        try:
            with self._interrupts.allowed():
                return self._leave(cell, wanted)
        except BaseException:  # noqa: BLE001 – what the cell raised is what matters
            return {}

    # Code

    def _execute(self, code: str, number: int) -> None:
        name = tracebacks.NAME % number
        lines = [line + "\n" for line in code.splitlines()]
        linecache.cache[name] = (len(code), None, lines, name)
        tree = compile(code, name, "exec", self._flags | ast.PyCF_ONLY_AST, True)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_quiet(code):
            last = ast.Expression(tree.body.pop().value)
        codes = [self._compiled(tree, name, "exec")]
        if last is not None:
            codes.append(self._compiled(last, name, "eval"))
        if any(map(_awaits, codes)):
            value = self._await(self._in_loop(codes))
        else:
            value = [eval(code, self._names) for code in codes][-1]
        if last is not None:
            sys.displayhook(value)

    def _compiled(self, tree: "ast.AST", name: str, mode: str) -> "types.CodeType":
        code: "types.CodeType" = compile(tree, name, mode, self._flags, True)  # type: ignore[call-overload]
        for feature in self._features:  # from __future__ import … holds for later cells too
            if code.co_flags & feature.compiler_flag:
                self._flags |= feature.compiler_flag
        return code

    async def _in_loop(self, codes: "list[types.CodeType]") -> object:
        """All of a cell that awaits somewhere, so that all of it may make tasks."""
        value: object = None
        for code in codes:
            value = eval(code, self._names)
            if _awaits(code):
                value = await value  # type: ignore[misc]
        return value

    def _await(self, coroutine: "Coroutine[object, object, object]") -> object:
        """Run it in an event loop that lives as long as the session."""
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # asyncio.run of an earlier cell has left none
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task], timeout=1))
            raise


def _awaits(code: "types.CodeType") -> bool:
    return bool(code.co_flags & COROUTINE) and not code.co_flags & 0x20


def _values() -> "types.ModuleType":
    name = __package__ + "." + VALUES
    if name not in sys.modules:
        raise ImportError("this session was opened without the module that carries values")
    return sys.modules[name]


def _exit_code(error: SystemExit) -> int:
    """As Python itself ends with it; a text is written to standard error."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 255
    print(error.code, file=sys.stderr)
    return 1


def _is_quiet(code: str) -> bool:
    """Whether the last statement ends in a semicolon, which is how a value is not shown."""
    last = ""
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in skipped and token.string.strip():
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return last == ";"


TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from typing import Any
