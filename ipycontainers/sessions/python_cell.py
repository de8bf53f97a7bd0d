"""One running cell of a Python session, as the kernel hears of it.

Each message of the agent is checked before anything of it is used: a message that is not as
it should be is dropped, since only its own container suffers from that.

Knows: the agent's messages, the notebook's verbs. Does not know: threads, frames.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError
from ipycontainers.exchange import Packed
from ipycontainers.streams import STDERR, STDOUT, Frame

from . import Ended, rich

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipycontainers.streams import Output

    from . import Notebook

BUNDLE_LIMIT = 32 << 20  # one output, as JSON
SHOWN_LIMIT = 128 << 20  # all outputs of a cell
FRESH = "a new one has begun, without its variables, with the same files"
SHOWN_COUNT = 10_000
DIGITS = 4300  # of a number in JSON: more take quadratic time
PROMPT_LIMIT = 4096


class Cell:
    """What has come of the cell up to now; ``ended`` is set by its last message.

    ``excess`` is the name of the value with which those that came out were too large; it and
    what came after it were dropped.
    """

    def __init__(
        self,
        number: int,
        output: Output,
        notebook: Notebook,
        *,
        prefix: str,
        trust: bool,
        limit: int,
        answer: Callable[[dict[str, object]], None],
    ) -> None:
        self.number = number
        self.ended: Ended | None = None
        self.excess = ""
        self._output = output
        self._notebook = notebook
        self._prefix = prefix
        self._trust = trust
        self._limit = limit
        self._answer = answer
        self._silent = False
        self._parts = bytearray()
        self._oversized = False
        self._shown_bytes = 0
        self._shown = 0
        self._values: dict[str, Packed] = {}
        self._value: _Arriving | None = None
        self._end_text = bytearray()

    def hear(self, head: dict[str, Any], data: bytes) -> None:
        """Take one frame. Raises what the notebook raises, KeyboardInterrupt among it."""
        operation = head.get("op")
        if operation == "stream":
            stream = STDERR if head.get("name") == "stderr" else STDOUT
            self._output.feed(Frame(stream, data))
        elif operation in ("display", "update", "result", "clear"):
            if not self._silent:
                self._collect_output(str(operation), head, data)
        elif operation == "ask":
            self._ask(head)
        elif operation == "value":
            self._collect_value(head, data)
        elif operation == "ended":
            self._collect_end(head, data)

    def silence(self) -> None:
        """Once it is interrupted nobody is asked any more, and nothing rich is shown."""
        self._silent = True

    def show_error(self, text: bytes) -> None:
        """What the agent itself has said on standard error."""
        if text:
            self._output.feed(Frame(STDERR, text))

    # Rich output

    def _collect_output(self, operation: str, head: dict[str, Any], data: bytes) -> None:
        self._oversized |= len(self._parts) + len(data) > BUNDLE_LIMIT
        if not self._oversized:
            self._parts += data
        if head.get("more") is True:
            return
        text, oversized = bytes(self._parts), self._oversized
        self._parts.clear()
        self._oversized = False
        if oversized:
            self._say(f"an output of more than {BUNDLE_LIMIT:,} bytes is not shown")
        elif self._may_show(len(text)):
            self._show(operation, head, text)

    def _show(self, operation: str, head: dict[str, Any], text: bytes) -> None:
        if operation == "clear":
            self._notebook.clear(head.get("wait") is True)
            return
        bundle = _parsed(text)
        shown = bundle.get("data")
        if not isinstance(shown, dict):
            return
        metadata = bundle.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        data, metadata = rich.harmless(shown, metadata, trust=self._trust)
        if operation == "result":
            self._notebook.result(data, metadata)
            return
        asked = head.get("id")
        # With a prefix of its own, so that no container can replace another's outputs.
        identifier = f"{self._prefix}-{asked[:256]}" if asked and isinstance(asked, str) else ""
        self._notebook.display(
            data, metadata, display_id=identifier, update=operation == "update" and bool(identifier)
        )

    def _may_show(self, size: int) -> bool:
        self._shown += 1
        self._shown_bytes += size
        if self._shown > SHOWN_COUNT or self._shown_bytes > SHOWN_LIMIT:
            if self._shown_bytes < 1 << 60:
                self._shown_bytes = 1 << 60
                self._say("the cell shows too much: no more of its rich output is shown")
            return False
        return True

    def _say(self, text: str) -> None:
        self._output.feed(Frame(STDERR, f"… {text}\n".encode()))

    # Questions

    def _ask(self, head: dict[str, Any]) -> None:
        answer: dict[str, object] = {"op": "answer", "id": head.get("id")}
        if self._silent:
            self._answer({**answer, "error": "the cell was interrupted"})
            return
        prompt = str(head.get("prompt") or "")[:PROMPT_LIMIT]
        try:
            text = self._notebook.input(prompt, head.get("password") is True)
        except ContainerError as error:
            self._answer({**answer, "error": error.message})
        else:
            self._answer({**answer, "text": text})

    # Values

    def _collect_value(self, head: dict[str, Any], data: bytes) -> None:
        if self._value is None:
            self._value = _Arriving(head)
        self._limit -= len(data)
        if self._limit < 0:
            self.excess = self.excess or self._value.name or "?"
            self._value.drop()
        else:
            self._value.feed(data)
        if head.get("more") is not True:
            value, self._value = self._value, None
            if not self.excess and (packed := value.packed()):
                self._values[value.name] = packed

    # The end

    def _collect_end(self, head: dict[str, Any], data: bytes) -> None:
        if len(self._end_text) <= BUNDLE_LIMIT:
            self._end_text += data
        if head.get("more") is not True:
            self.ended = self._end(head, bytes(self._end_text))

    def _end(self, head: dict[str, Any], data: bytes) -> Ended:
        found = _parsed(data)
        code = head.get("code")
        lost = _text(head.get("lost"))[:1000]
        return Ended(
            exit_code=code if isinstance(code, int) and 0 <= code < 256 else 1,
            traceback=tuple(_texts(found.get("traceback"), 1000)),
            name=_text(found.get("name"))[:1000],
            message=_text(found.get("message"))[:10_000],
            lost=lost and f"{lost}; {FRESH}",
            values=self._values,
            unset=tuple(_texts(found.get("unset"), 10_000)),
            refused=_reasons(found.get("refused")),
        )


class _Arriving:
    """A value on its way out: its meta and its data."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.name = _text(head.get("name"))
        self._kind = _text(head.get("kind"))
        size = head.get("meta")
        self._meta_size = size if isinstance(size, int) and size > 0 else 0
        self._meta = b""
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        missing = self._meta_size - len(self._meta)
        self._meta += data[:missing]
        self._data += memoryview(data)[missing:]

    def drop(self) -> None:
        self._data = bytearray()

    def packed(self) -> Packed | None:
        """None where it makes no sense."""
        meta = _parsed(self._meta)
        if not self.name or len(self._meta) != self._meta_size:
            return None
        return Packed(self._kind, meta, self._data)


def _parsed(text: bytes) -> dict[str, Any]:
    """A JSON object; {} for what is none."""
    try:
        found = json.loads(text, parse_int=_number)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError("a number that is too long")
    return int(digits)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _reasons(value: object) -> dict[str, str]:
    """Why a variable does not come, by its name."""
    told = value.items() if isinstance(value, dict) else ()
    return {name: f"-o {name:.1000}: {why:.1000}" for name, why in told if isinstance(why, str)}


def _texts(value: object, limit: int) -> list[str]:
    return [one for one in value if isinstance(one, str)][:limit] if isinstance(value, list) else []
