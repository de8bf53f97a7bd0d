"""How a value looks: a bundle of MIME types, as IPython makes one, and its text.

The methods that are asked are IPython's: ``_ipython_display_``, ``_repr_mimebundle_``,
``_repr_html_`` and so on. The text is the value's ``repr``, broken where it is wide.

Knows: the protocol of rich values. Does not know: what is allowed in a notebook.
"""

import base64
import json
import sys
import traceback

WIDTH = 79
LONGEST = 1000  # elements of one container that are shown, as IPython has it
NO_METHOD = "_ipython_canary_method_should_not_exist_"
METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
    ("application/pdf", "_repr_pdf_"),
)
BRACKETS: "dict[type, str]" = {list: "[]", tuple: "()", set: "{}", frozenset: "()", dict: "{}"}


class Display:
    """What a cell calls to show something; everything goes to the thread's own cell."""

    def __init__(self, line: "channel.Channel", outputs: "outputs.Outputs") -> None:
        self._line = line
        self._outputs = outputs
        self._made = 0

    def result(self, value: object) -> None:
        """The value of a cell's last expression: sys.displayhook."""
        if value is None:
            return
        import builtins

        setattr(builtins, "_", value)  # noqa: B010
        method = _method(value, "_ipython_display_")
        if method is not None:
            method()
        else:
            self._send("result", *bundle(value))

    def display(self, *values: object, **options: object) -> "Handle | None":
        """As IPython's: display_id, update, raw, metadata, clear, include and exclude."""
        if options.get("clear"):
            self.clear_output(wait=True)
        identifier = self._identifier(options.get("display_id"))
        for value in values:
            self._display_one(value, identifier, options)
        return Handle(self, identifier) if identifier else None

    def _identifier(self, asked: object) -> str:
        if asked is True:
            self._made += 1
            return "made-%d" % self._made
        return str(asked) if asked else ""

    def _display_one(self, value: object, identifier: str, options: "dict[str, object]") -> None:
        method = None if options.get("raw") else _method(value, "_ipython_display_")
        if method is not None:
            method()
            return
        if options.get("raw"):
            data, metadata = dict(value), {}  # type: ignore[call-overload, var-annotated]
        else:
            data, metadata = bundle(value)
        include, exclude = options.get("include"), options.get("exclude") or ()
        data = {
            kind: content
            for kind, content in data.items()
            if (include is None or kind in include) and kind not in exclude  # type: ignore[operator]
        }
        metadata.update(options.get("metadata") or {})  # type: ignore[call-overload]
        operation = "update" if options.get("update") else "display"
        self._send(operation, data, metadata, identifier)

    def update_display(self, value: object, display_id: str, **options: object) -> None:
        """Show another value in the place of an earlier one."""
        self.display(value, display_id=display_id, **dict(options, update=True))

    def publish(self, data: object, metadata: object = None, **options: object) -> None:
        """As IPython's publish_display_data."""
        transient = options.get("transient")
        identifier = transient.get("display_id", "") if isinstance(transient, dict) else ""
        more = {"metadata": metadata, "update": options.get("update"), "raw": True}
        self.display(data, display_id=identifier, **more)

    def clear_output(self, wait: bool = False) -> None:
        """Take away what the cell has shown, at once or when the next thing is shown."""
        self._line.send({"op": "clear", "cell": self._outputs.cell_here(), "wait": bool(wait)})
        self._line.sync()

    def _send(
        self, operation: str, data: "dict[str, object]", metadata: object, identifier: str = ""
    ) -> None:
        if not self._line.is_ours:  # a process of the cell's: it has its output, and no more
            print(data.get("text/plain", ""))
            return
        head = {"op": operation, "cell": self._outputs.cell_here(), "id": identifier[:256]}
        text = json.dumps({"data": data, "metadata": metadata}, default=repr)
        self._line.send(head, text.encode())
        self._line.sync()


class Handle:
    """What ``display(…, display_id=True)`` returns."""

    def __init__(self, shown: Display, identifier: str) -> None:
        self.display_id = identifier
        self._shown = shown

    def display(self, value: object, **options: object) -> None:
        self._shown.display(value, display_id=self.display_id, **options)

    def update(self, value: object, **options: object) -> None:
        self._shown.update_display(value, display_id=self.display_id, **options)


def bundle(value: object) -> "tuple[dict[str, object], dict[str, object]]":
    """The MIME types of a value and their metadata; a method that fails is told and left out."""
    data: "dict[str, object]" = {"text/plain": text(value)}
    metadata: "dict[str, object]" = {}
    for kind, name in METHODS:
        content = _asked(value, name)
        if isinstance(content, tuple) and len(content) == 2:
            content, metadata[kind] = content
        if content is not None:
            data[kind] = content
    if type(value).__module__ == "matplotlib.figure" and hasattr(value, "savefig"):
        from . import figures

        data["image/png"] = figures.png(value)
    whole = _asked(value, "_repr_mimebundle_", include=None, exclude=None)
    if isinstance(whole, tuple) and len(whole) == 2:
        whole, more = whole
        metadata.update(more)
    data.update(whole or {})  # type: ignore[call-overload]
    return {str(kind): _printable(content) for kind, content in data.items()}, metadata


def _printable(content: object) -> object:
    if isinstance(content, (bytes, bytearray)):
        return base64.b64encode(content).decode()
    return content


def _method(value: object, name: str) -> "Callable[..., object] | None":
    """A method of the value itself: not of a class, nor of one that answers to every name."""
    if isinstance(value, type):
        return None
    try:
        if getattr(value, NO_METHOD, None) is not None:
            return None
        method = getattr(value, name, None)
    except Exception:  # noqa: BLE001
        return None
    return method if callable(method) else None


def _asked(value: object, name: str, **arguments: object) -> object:
    method = _method(value, name)
    if method is None:
        return None
    try:
        return method(**arguments)
    except NotImplementedError:
        return None
    except Exception:  # noqa: BLE001
        traceback.print_exc(file=sys.stderr)
        return None


def text(value: object, indent: int = 0) -> str:
    """The repr; a container that is wider than a line has one element in each."""
    if isinstance(value, type) and type(value).__repr__ is type.__repr__:
        known = value.__module__ in ("builtins", "exceptions")
        return value.__qualname__ if known else "%s.%s" % (value.__module__, value.__qualname__)
    brackets = BRACKETS.get(type(value))
    if brackets is None:
        return repr(value)
    many = len(value) > LONGEST  # type: ignore[arg-type]
    flat = "" if many else repr(value)
    if flat and len(flat) + indent <= WIDTH and "\n" not in flat:
        return flat
    return _broken(value, brackets, indent)


def _broken(value: object, brackets: str, indent: int) -> str:
    """The elements of a container below each other."""
    before = "frozenset(" if isinstance(value, frozenset) else ""
    opening = before + ("{" if before else brackets[0])
    closing = ("}" if before else brackets[1]) + (")" if before else "")
    inner = indent + len(opening)
    shown = []
    for number, element in enumerate(value):  # type: ignore[arg-type, var-annotated]
        if number == LONGEST:
            shown.append("...")
            break
        if isinstance(value, dict):
            key = repr(element) + ": "
            shown.append(key + text(value[element], inner + len(key)))
        else:
            shown.append(text(element, inner))
    separator = ",\n" + " " * inner
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return opening + separator.join(shown) + comma + closing


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from . import channel, outputs
