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
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from traitlets import Bool, Unicode

from ipycontainers.errors import ContainerError, NotFound
from ipycontainers.layers import Progress, outline, read
from ipycontainers.oci.contents import (
    Comparison,
    Contents,
    LayerContents,
    compare,
    plain,
    shared_layers,
)

from . import cells, connection
from . import layer_drawing as drawing
from .drawing import Markup, element, joined, size
from .layer_answers import DIFFERENCE, Answers, Question, steps, waste_rows
from .layer_drawing import Step
from .layer_files import fetched, of_no_text, opened
from .layer_reading import Reading
from .widget import Widget, source

if TYPE_CHECKING:
    from ipycontainers.client import Connection

PATIENCE = 1.5  # seconds that a cell waits for its static form while somebody watches
WASTE_SHOWN, FILES_SHOWN = 10, 20  # rows of the static form
LONGEST_ID = 64
NO_LAYERS = "This image has no layers, and so no files: its steps wrote down settings only."

T = TypeVar("T")


class ImageLayers(Widget):
    """An image's layers and files; or those of two images, and what makes the second of the first.

    ``engine`` is an address such as ``ssh://me@there``; without it the engine of ``%%container``
    is asked. The ``lit`` newest layers are shown as new. An error is shown in place of the image,
    and raised by what needs the whole: ``data``, ``summary``, ``check``.
    """

    _esm = source("widget.js", "virtual.js", "layer_files.js", "layers.js")
    _css = source("widget.css", "layer_panel.css", "layers.css")
    chosen = Unicode("").tag(sync=True)
    progress = Unicode("").tag(sync=True)
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
        self._reading = Reading(self._names, lit)
        self._closed = self._is_displayed = False
        self._done, self._showing = threading.Event(), threading.Lock()
        self._opening = threading.Lock()
        self._wanted: dict[str, str] = {}  # by view, the last question for a file
        self._suggested = ""
        self.redraw()
        self.progress = self._reading.draw()
        threading.Thread(target=self._read, name=f"ipycontainers {self!r}", daemon=True).start()

    # What was read

    @property
    def data(self) -> Mapping[str, Any]:
        """The image as plain Python; of two, both and what differs. Waits for the whole."""
        one, *others = self._whole()
        if not others or self._comparison is None:
            return one.data
        files = [
            {"path": plain(file.path), "change": file.change} for file in self._comparison.files
        ]
        config = [
            {"key": key, "one": before, "other": after}
            for key, before, after in self._comparison.config
        ]
        return {
            "images": [one.data, *(other.data for other in others)],
            "shared": self._comparison.shared,
            "files": files,
            "config": config,
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
            self._outline(engine)
            for name in self._names:
                self._images.append(self._read_one(engine, name))
            if len(self._images) > 1:
                self._comparison = compare(*self._images)
            self._answers = Answers(self._images, self._comparison)
        except Exception as error:  # noqa: BLE001 - it is shown, and raised where data is asked for
            self._failed = error
        with self._showing:
            self._done.set()
        if not self._closed:
            self._show()

    def _outline(self, engine: Connection) -> None:
        """What the engine tells at once, so that there is something to see."""
        self._reading.outlines = [self._asked(outline, engine, name) for name in self._names]
        layers = self._reading.outlines[0].layers
        with self.hold_sync():
            if not self._closed:
                self.redraw()
                self._suggest(DIFFERENCE if len(self._names) > 1 else _newest(layers))

    def _read_one(self, engine: Connection, name: str) -> Contents:
        def heard(progress: Progress) -> None:
            if self._closed:
                raise _Closed
            if self._reading.tell(name, progress):
                self.progress = self._reading.draw()

        self._reading.begin(name)
        if not self._closed:
            self.progress = self._reading.draw()
        return self._asked(read, engine, name, hashed=len(self._names) > 1, progress=heard)

    def _asked(self, ask: Callable[..., T], engine: Connection, name: str, **options: Any) -> T:
        try:
            return ask(engine, name, **options)
        except NotFound as error:
            error.hint = f"%docker pull {name} fetches it"
            if name.startswith("sha256:"):  # an id is nothing that can be pulled
                error.hint = "%docker images --no-trunc lists those that are here"
            raise

    def _show(self) -> None:
        """All that was read, in one message of each trait, the drawing first."""
        with self.hold_sync():
            self.redraw()
            self.progress = ""
            if self._answers:
                self._suggest(DIFFERENCE if self._comparison else _newest(self._images[0].layers))
                self.complete = True
        if self._is_displayed:
            self._publish(update=True)

    def _suggest(self, key: str) -> None:
        """Choose a layer, unless somebody has chosen one."""
        if self.chosen == self._suggested:
            self.chosen = self._suggested = key

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
        if (said := of_no_text(entry)) is not None:
            self.send({"markup": said, "key": question.key, **about})
            return
        images, layer = self._answers.versions(question.of)
        view, _, _ = about["id"].partition(" ")
        self._wanted[view] = about["id"]

        def answer() -> None:
            # One archive at a time, and none for a file that its view does not wait for any more.
            with self._opening:
                if self._closed or self._wanted[view] != about["id"]:
                    return
                try:
                    engine = connection.connection(self._engine)
                    markup = opened(fetched(engine, images, layer, entry.path), question.way)
                except Exception as error:  # noqa: BLE001 - it is shown
                    markup = _failure(error)
            if not self._closed:
                self.send({"markup": markup, "key": question.key, **about})

        threading.Thread(target=answer, name=f"ipycontainers {self!r}", daemon=True).start()

    # How it looks

    def draw(self) -> Markup:
        if self._answers:
            return joined([*map(_heading, self._images), self._listed(self._tables())])
        head = self._reading.headings()
        if self._failed is not None:
            head = joined([head, _failure(self._failed)])
        if not any(one.layers for one in self._reading.outlines):
            return head
        return joined([head, self._listed(self._reading.tables())])

    def _listed(self, tables: Markup) -> Markup:
        layers = drawing.steps(self._groups(), "Layers, oldest first")
        return joined([layers, element("div", tables, class_="heard")])

    def static(self) -> Markup:
        """The layers, what is wasted and what differs, as tables."""
        if self._failed is not None:
            failed = _failure(self._failed)
            parts: list[str] = [self._reading.headings(), failed, self._reading.tables()]
        elif self._answers is None:
            parts = [self._reading.static()]
        else:
            note = "Run this cell in a notebook to see the files of each layer."
            end = element("p", note, class_="muted")
            parts = [*map(_heading, self._images), self._tables(), end]
        return element("div", *parts, class_="ipycontainers")

    def _ipython_display_(self) -> None:
        """As any value of a cell is shown; but of an image that takes long to read what is known
        at once, and in the same place all of it, when it is read. What is stored in the end is the
        same, however long it took."""
        self._wait(PATIENCE if cells.is_watched() else math.inf)
        with self._showing:
            if self._done.is_set():
                raise NotImplementedError  # IPython asks for the bundle then
            self._is_displayed = True
            self._publish(update=False)

    def _publish(self, *, update: bool) -> None:
        from IPython.core.display_functions import publish_display_data

        data, metadata = self._repr_mimebundle_()
        publish_display_data(  # type: ignore[no-untyped-call]
            data, metadata, transient={"display_id": self.model_id}, update=update
        )

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        # What is stored is compared, so that nobody who watches means time to wait for all.
        if not self._is_displayed:
            self._wait(PATIENCE if cells.is_watched() else math.inf)
        return super()._repr_mimebundle_()

    def _groups(self) -> list[tuple[str, Sequence[Step]]]:
        read = [one.layers for one in self._images] if self._answers else []
        known = read or [one.layers for one in self._reading.outlines]
        listed = [steps(layers, number, self._lit) for number, layers in enumerate(known)]
        if len(listed) == 1:
            return [("", listed[0])]
        if not all(step.empty or step.diff_id for one in listed for step in one):
            return list(zip(self._names, listed, strict=True))
        first, second = listed
        shared = shared_layers(*([it.diff_id for it in one if not it.empty] for one in listed))
        both, one_alone, other_alone = drawing.together(first, second, shared)
        words = drawing.differing(self._comparison) if self._comparison else "being read …"
        compared = Step(DIFFERENCE, 0, words, None, empty=True)
        one, two = self._names
        return [
            ("In both", both),
            (f"Only in {one}", one_alone),
            (f"Only in {two}", other_alone),
            (f"What makes {two} of {one}", [compared]),
        ]

    def _tables(self) -> Markup:
        parts = []
        for number, contents in enumerate(self._images):
            caption = f"Layers of {contents.image}, oldest first"
            listed = steps(contents.layers, number, self._lit)
            parts.append(drawing.layers_table(listed, caption))
            wasted = waste_rows(contents)
            parts.append(drawing.waste(wasted, contents.wasted_bytes, WASTE_SHOWN))
        if self._comparison is not None:
            compared = self._comparison
            parts.append(element("p", drawing.shared_words(compared)))
            parts.append(drawing.compared_files(compared.files, FILES_SHOWN))
            parts.append(drawing.compared_configs(self._names, compared.config))
        return joined(parts)


class _Closed(Exception):
    """Nobody waits for the image any more."""


def _failure(error: Exception) -> Markup:
    if isinstance(error, ContainerError):
        return drawing.failure(error.message, error.hint)
    return drawing.failure(f"{type(error).__name__}: {error}", "")


def _heading(contents: Contents) -> Markup:
    made = sum(not layer.empty for layer in contents.layers)
    empty = len(contents.layers) - made
    facts = [
        ("Size", size(contents.size)),
        ("Layers", f"{made}, and {empty} metadata only" if empty else str(made)),
        ("Wasted", size(contents.wasted_bytes)),
        ("Efficiency", f"{contents.efficiency:.1%}"),
    ]
    told = [] if made else [element("p", NO_LAYERS)]
    return joined([drawing.heading(contents.image, facts), *told])


def _newest(layers: Sequence[LayerContents]) -> str:
    """The newest layer that has files."""
    numbers = [number for number, layer in enumerate(layers) if not layer.empty]
    return f"0:{numbers[-1] if numbers else 0}"
