"""What is in an image, layer by layer.

    ImageLayers("python:3-slim")                    layers, files, waste, config
    ImageLayers("mine:1", "mine:2")                 two side by side, and what differs
    ImageLayers("mine").check(lowest_efficiency=0.95, highest_wasted_bytes=20_000_000)

The image is read once, from the engine and as ``docker save`` writes it, in a thread of its own;
what is shown of it is asked for row by row.

Knows: threads, messages. Does not know: how an image is read, how it is drawn.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Unicode

from ipycontainers.errors import ContainerError, NotFound
from ipycontainers.layers import Progress, read
from ipycontainers.oci.contents import Comparison, Contents, compare

from . import cells, connection
from . import layer_drawing as drawing
from .drawing import Markup, element, joined, printable, size
from .layer_answers import DIFFERENCE, Answers, Question, steps, waste_rows
from .layer_drawing import Step
from .layer_files import fetched, of_no_text, opened
from .widget import Widget, source

if TYPE_CHECKING:
    from ipycontainers.client import Connection

PATIENCE = 1.5  # seconds that a cell waits for its static form while somebody watches
LEAST = 0.25  # seconds from one drawing of the progress to the next
WASTE_SHOWN = 10  # rows of the static form
LONGEST_ID = 64


class ImageLayers(Widget):
    """An image's layers and files; or those of two images, and what makes the second of the first.

    ``engine`` is an address such as ``ssh://me@there``; without it the engine of ``%%container``
    is asked. The ``lit`` newest layers are shown as new. An error is shown in place of the image,
    and raised by what needs the whole: ``data``, ``summary``, ``check``.
    """

    _esm = source("widget.js", "virtual.js", "layer_files.js", "layers.js")
    _css = source("widget.css", "layer_panel.css", "layers.css")
    chosen = Unicode("").tag(sync=True)
    complete = Bool(False).tag(sync=True)

    def __init__(
        self, image: str, other: str | None = None, *, engine: str = "", lit: int = 0
    ) -> None:
        super().__init__()
        self._names = [image] if other is None else [image, other]
        self._engine, self._lit = engine, lit
        self._images: list[Contents] = []
        self._comparison: Comparison | None = None
        self._answers: Answers | None = None
        self._failed: Exception | None = None
        self._told = _Progress()
        self._closed = False
        self._done = threading.Event()
        self.redraw()
        threading.Thread(target=self._read, name=f"ipycontainers {self!r}", daemon=True).start()

    # What was read

    @property
    def data(self) -> Mapping[str, Any]:
        """The image as plain Python; of two, both and what differs. Waits for the whole."""
        one, *others = self._whole()
        if not others or self._comparison is None:
            return one.data
        files = [
            {"path": printable(file.path), "change": file.change} for file in self._comparison.files
        ]
        return {
            "images": [one.data, *(other.data for other in others)],
            "shared": self._comparison.shared,
            "files": files,
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Of each file of each layer."""
        images = self._whole()
        if len(images) == 1:
            return list(images[0].rows())
        return [{"image": one.image, **row} for one in images for row in one.rows()]

    def summary(self) -> str:
        """How much there is, and what of it is wasted. Waits for the whole."""
        lines = [contents.summary() for contents in self._whole()]
        if self._comparison is not None:
            lines.append(drawing.shared_words(self._comparison))
        return "\n".join(lines)

    def check(
        self, *, lowest_efficiency: float | None = None, highest_wasted_bytes: int | None = None
    ) -> None:
        """For CI: raises CheckFailed where an image is less efficient, or wastes more. Waits for
        the whole."""
        for contents in self._whole():
            contents.check(
                lowest_efficiency=lowest_efficiency, highest_wasted_bytes=highest_wasted_bytes
            )

    def subject(self) -> str:
        return ", ".join(map(repr, self._names))

    def _whole(self) -> list[Contents]:
        self._wait()
        if self._failed is not None:
            raise self._failed
        return self._images

    def _wait(self, seconds: float = math.inf) -> None:
        """Until all is read, or as long as that; an interrupt ends it, on Windows too."""
        end = time.monotonic() + seconds
        while not self._done.wait(max(0.0, min(0.2, end - time.monotonic()))):
            if time.monotonic() >= end:
                return

    # Reading it

    def _read(self) -> None:
        try:
            engine = connection.connection(self._engine)
            for name in self._names:
                self._images.append(self._read_one(engine, name))
            if len(self._images) > 1:
                self._comparison = compare(*self._images)
            self._answers = Answers(self._images, self._comparison)
        except Exception as error:  # noqa: BLE001 - it is shown, and raised where data is asked for
            self._failed = error
        self._done.set()
        if not self._closed:
            self._show()

    def _read_one(self, engine: Connection, name: str) -> Contents:
        def heard(progress: Progress) -> None:
            if self._closed:
                raise _Closed
            share = min(1.0, progress.read / progress.size) if progress.size else None
            layer = min(progress.of, progress.layers + 1)
            text = f"Reading {name}: layer {layer} of {progress.of}, {size(progress.read)}"
            if self._told.tell(text, share):
                self.redraw()

        try:
            return read(engine, name, hashed=len(self._names) > 1, progress=heard)
        except NotFound as error:
            error.hint = f"%docker pull {name} fetches it"
            raise

    def _show(self) -> None:
        """All that was read, in one message of each trait, the drawing first."""
        with self.hold_sync():
            self.redraw()
            if self._answers:
                self.chosen = DIFFERENCE if self._comparison else _newest(self._images[0])
                self.complete = True

    def close(self) -> None:
        self._closed = True
        super().close()

    # Answers

    def _handle_custom_msg(self, content: object, buffers: object) -> None:
        if not isinstance(content, dict) or "ask" not in content:
            super()._handle_custom_msg(content, buffers)
            return
        if self._answers is None:
            return
        about = {"kind": content["ask"], "id": str(content.get("id"))[:LONGEST_ID]}
        try:
            question = Question.parse(content)
        except (KeyError, TypeError, ValueError, OverflowError):
            return  # no front end of ours asks so
        with contextlib.suppress(KeyError):  # nor for what there is not
            if question.kind == "file":
                self._open(question, about)
            else:
                self.send({**self._answers.answer(question), **about})

    def _open(self, question: Question, about: Mapping[str, Any]) -> None:
        """Have a file read and shown. The archive may be large, so not in the main thread."""
        assert self._answers
        entry = self._answers.entry(question)
        images, layer = self._answers.versions(question.of)

        def answer() -> None:
            try:
                engine = connection.connection(self._engine)
                markup = opened(fetched(engine, images, layer, entry.path), question.way)
            except ContainerError as error:
                markup = drawing.failure(error.message, error.hint)
            if not self._closed:
                self.send({"markup": markup, "key": question.key, **about})

        if (said := of_no_text(entry)) is not None:
            self.send({"markup": said, "key": question.key, **about})
            return
        threading.Thread(target=answer, name=f"ipycontainers {self!r}", daemon=True).start()

    # How it looks

    def draw(self) -> Markup:
        if self._failed is not None:
            return joined([*map(_name, self._names), self._failure()])
        if self._answers is None:
            return joined([*map(_name, self._names), self._told.draw()])
        listed = drawing.steps(self._groups(), "Layers, oldest first")
        heard = element("div", self._tables(), class_="heard")
        return joined([*map(_heading, self._images), listed, heard])

    def static(self) -> Markup:
        """The layers and what is wasted, as tables."""
        if self._failed is not None:
            parts: list[str] = [self.draw()]
        elif self._answers is None:
            parts = [*map(_name, self._names), _note("It was still being read as this was stored.")]
        else:
            note = "Run this cell in a notebook to see the files of each layer."
            parts = [*map(_heading, self._images), self._tables(), _note(note)]
        return element("div", *parts, class_="ipycontainers")

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        # What is stored is compared, so that nobody who watches means time to wait for all.
        self._wait(PATIENCE if cells.is_watched() else math.inf)
        return super()._repr_mimebundle_()

    def _failure(self) -> Markup:
        error = self._failed
        if isinstance(error, ContainerError):
            return drawing.failure(error.message, error.hint)
        return drawing.failure(f"{type(error).__name__}: {error}", "")

    def _groups(self) -> list[tuple[str, Sequence[Step]]]:
        first = steps(self._images[0], 0, self._lit)
        if self._comparison is None:
            return [("", first)]
        second = steps(self._images[1], 1, self._lit)
        shared = self._comparison.shared
        at, other = _behind(first, shared), _behind(second, shared)
        one, two = self._names
        changes = len(self._comparison.files)
        words = f"{changes:,} {'file differs' if changes == 1 else 'files differ'}"
        compared = Step(DIFFERENCE, 0, words, None, empty=True)
        return [
            ("In both", first[:at]),
            (f"Only in {one}", first[at:]),
            (f"Only in {two}", second[other:]),
            (f"What makes {two} of {one}", [compared]),
        ]

    def _tables(self) -> Markup:
        parts = []
        for number, contents in enumerate(self._images):
            caption = f"Layers of {contents.image}, oldest first"
            parts.append(drawing.layers_table(steps(contents, number, self._lit), caption))
            wasted = waste_rows(contents)
            parts.append(drawing.waste(wasted, contents.wasted_bytes, WASTE_SHOWN))
        if self._comparison is not None:
            parts.append(element("p", drawing.shared_words(self._comparison)))
        return joined(parts)


class _Closed(Exception):
    """Nobody waits for the image any more."""


class _Progress:
    """How far the reading is; told by one thread and drawn by another."""

    def __init__(self) -> None:
        self._drawn = 0.0
        self._text = "Asking the engine …"
        self._share: float | None = None

    def tell(self, text: str, share: float | None) -> bool:
        """Returns whether it is time to draw it."""
        self._text, self._share = text, share
        now = time.monotonic()
        if now - self._drawn < LEAST:
            return False
        self._drawn = now
        return True

    def draw(self) -> Markup:
        return element("div", element("p", self._text, role="status"), _bar(self._share))


def _bar(share: float | None) -> Markup:
    """Of what is to be read; None where nobody knows how much that is."""
    if share is None:
        return Markup()
    return element(
        "div",
        element("span", style=f"width:{share:.0%}"),
        class_="bar read",
        role="progressbar",
        aria_label="Read",
        aria_valuenow=round(100 * share),
        aria_valuemin=0,
        aria_valuemax=100,
    )


def _note(text: str) -> Markup:
    return element("p", text, class_="muted")


def _name(name: str) -> Markup:
    return drawing.heading(name, [])


def _heading(contents: Contents) -> Markup:
    made = sum(not layer.empty for layer in contents.layers)
    empty = len(contents.layers) - made
    facts = [
        ("Size", size(contents.size)),
        ("Layers", f"{made}, and {empty} metadata only" if empty else str(made)),
        ("Wasted", size(contents.wasted_bytes)),
        ("Efficiency", f"{contents.efficiency:.1%}"),
    ]
    return drawing.heading(contents.image, facts)


def _newest(contents: Contents) -> str:
    """The newest layer that has files."""
    numbers = [number for number, layer in enumerate(contents.layers) if not layer.empty]
    return f"0:{numbers[-1] if numbers else 0}"


def _behind(listed: Sequence[Step], shared: int) -> int:
    """Where the steps begin that come after so many layers of files."""
    for number, step in enumerate(listed):
        if shared == 0:
            return number
        shared -= not step.empty
    return len(listed)
