"""ImageLayers reads an image of a real engine once, and answers what its front end asks."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pictured
import pytest
from kernels import Kernel
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pictured import HOSTILE, MANY
from support import wait_for

import ipycontainers
from ipycontainers import ImageLayers
from ipycontainers.errors import CheckFailed, EngineUnavailable, NotFound
from ipycontainers.layers import Progress
from ipycontainers.widgets import cells, connection, layers

FILE_KEYS = {"path", "change", "kind", "size", "mode"}
LAYER_KEYS = {"digest", "diff_id", "size", "created_by", "empty", "files"}


@pytest.fixture(scope="module")
def names(engine: Any) -> Iterator[tuple[str, str]]:
    with pictured.loaded(engine.docker) as found:
        yield found


@pytest.fixture
def show(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    address = engine.candidate.address
    monkeypatch.setitem(connection._OPENED, address, engine)
    return lambda *names, **options: Asked(*names, engine=address, **options)


@pytest.fixture(scope="module")
def _read() -> list[Asked]:
    return []


@pytest.fixture
def first(show: Any, names: tuple[str, str], _read: list[Asked]) -> Asked:
    """Of the first image, which is read once for all tests."""
    if not _read:
        _read.append(show(names[0]))
    (widget,) = _read
    assert wait_for(lambda: widget.complete)
    widget.said.clear()
    return widget


class Asked(ImageLayers):
    """Keeps what it says to its front end."""

    def __init__(self, *names: str, **options: Any) -> None:
        self.said: list[dict[str, Any]] = []
        super().__init__(*names, **options)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.said.append(content)

    def ask(self, kind: str, of: str, **question: Any) -> Any:
        """The answer, or None where there is none."""
        self._whole()
        before = len(self.said)
        self._handle_custom_msg({"ask": kind, "id": "1", "of": of, **question}, [])
        if kind == "file":
            assert wait_for(lambda: len(self.said) > before)
        assert len(self.said) <= before + 1
        return self.said[-1] if len(self.said) > before else None


def test_the_data_has_the_promised_shape(first: Asked, names: tuple[str, str]) -> None:
    data = first.data
    assert set(data) == {"image", "config", "layers", "wasted_bytes", "efficiency"}
    assert [set(layer) for layer in data["layers"]] == [LAYER_KEYS] * 5
    assert all(set(file) == FILE_KEYS for layer in data["layers"] for file in layer["files"])
    assert [layer["empty"] for layer in data["layers"]] == [False, True, False, False, True]
    assert data["image"] == names[0]
    assert data["wasted_bytes"] == 100_010 + 20_000
    json.dumps(data, ensure_ascii=False).encode()


def test_it_is_one_line_and_a_table_and_a_summary(first: Asked, names: tuple[str, str]) -> None:
    assert repr(first).endswith(f"({names[0]!r})")
    table = first.to_pandas()
    assert len(table) == sum(len(layer["files"]) for layer in first.data["layers"])
    assert set(table["change"]) == {"added", "changed", "removed"}
    assert "wasted" in first.summary()


def test_its_static_form_is_the_same_each_time(show: Any, names: tuple[str, str]) -> None:
    forms = {show(names[0])._repr_mimebundle_()[0]["text/html"] for _ in range(2)}
    assert len(forms) == 1
    form = forms.pop()
    assert not re.search(r"\bid=|<button|<script|sha256:", form)  # which each build makes anew
    assert f"<caption>Layers of {names[0]}, oldest first</caption>" in form
    assert "RUN echo new &gt; /etc/motd &amp;&amp; rm /etc/gone" in form
    assert "metadata only" in form
    assert "120kB wasted by 2 files" in form
    assert "of layer 1, rewritten by layer 3" in form
    assert "of layer 1, removed by layer 3" in form


def test_an_image_without_layers_is_told_in_words(engine: Any, show: Any) -> None:
    name = f"ipycontainers-test/widget-none-{os.getpid()}:1"
    recipe = io.BytesIO(b'FROM scratch\nCMD ["/a"]\n')
    engine.docker.images.build(fileobj=recipe, tag=name, rm=True)
    try:
        widget = show(name)
        assert wait_for(lambda: widget.complete)
    finally:
        engine.docker.images.remove(name)
    told = "This image has no layers, and so no files"
    assert told in widget.drawing
    assert told in widget.static()
    assert widget.ask("rows", "0:0", count=9)["told"] == "no files"


def test_nbconvert_shows_its_static_form(first: Asked, names: tuple[str, str]) -> None:
    data = first._repr_mimebundle_()[0]
    output = new_output("execute_result", data)
    notebook = new_notebook(cells=[new_code_cell("ImageLayers(…)", outputs=[output])])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert f"<caption>Layers of {names[0]}, oldest first</caption>" in page
    assert "Run this cell in a notebook" in page


def test_a_check_fails_in_words(first: Asked) -> None:
    first.check(lowest_efficiency=0.5, highest_wasted_bytes=200_000)
    with pytest.raises(CheckFailed, match="120,010 bytes are wasted, over 1,000"):
        first.check(highest_wasted_bytes=1000)


def test_an_image_that_is_not_there_is_a_line_and_its_hint(show: Any, engine: Any) -> None:
    widget = show("ipycontainers-test/nothing-of-this-name")
    with pytest.raises(NotFound) as raised:
        widget.summary()
    assert wait_for(lambda: "Error: " in widget.drawing)
    assert raised.value.message in widget.drawing
    assert "hint: %docker pull ipycontainers-test/nothing-of-this-name" in widget.drawing
    assert "Error: " in widget._repr_mimebundle_()[0]["text/html"]
    with pytest.raises(NotFound) as raised:
        show(f"sha256:{'0' * 64}").summary()
    assert raised.value.hint == "%docker images --no-trunc lists those that are here"


def test_only_the_rows_in_sight_are_answered(first: Asked) -> None:
    question = {"opened": ["srv", "srv/many"], "from": 100, "count": 50}
    answer = first.ask("rows", "0:3", **question)
    assert answer["total"] == MANY + 2
    assert [row["name"] for row in answer["rows"]] == [f"{n:05}" for n in range(98, 148)]
    assert len(first.ask("rows", "0:3", **{**question, "count": 10**6})["rows"]) == 200
    assert len(json.dumps(answer)) < 20_000


def test_a_layer_and_all_up_to_it(first: Asked) -> None:
    one = first.ask("rows", "0:2", count=100)
    marks = {row["key"]: row["change"] for row in one["rows"]}
    assert marks["etc/motd"] == "changed"
    assert marks["etc/gone"] == "removed"
    assert marks[HOSTILE] == "added"
    assert {"caf\\xe9", "a\\nb", "line\\u202egnp.txt"} <= set(marks)
    assert "bin/tool" not in marks
    whole = first.ask("rows", "0:2", whole=True, count=100)
    marks = {row["key"]: row["change"] for row in whole["rows"]}
    assert (marks["bin/tool"], marks["etc/motd"], marks["etc/gone"]) == ("", "changed", "removed")
    found = first.ask("rows", "0:4", whole=True, find="MOTD", count=100)
    assert [row["key"] for row in found["rows"]] == ["etc", "etc/motd"]
    assert found["told"] == "1 found"


def test_a_file_is_its_text_and_what_changed(first: Asked) -> None:
    text = first.ask("file", "0:2", key="etc/motd")["markup"]
    assert '<code class="line">new</code>' in text
    assert "only its beginning is shown" in text  # of 50,002 lines
    changed = first.ask("file", "0:2", key="etc/motd", way="difference")["markup"]
    assert '<code class="line removed">-old</code>' in changed
    assert '<code class="line added">+new</code>' in changed
    assert "ELF" in first.ask("file", "0:0", key="bin/tool")["markup"]
    assert "A symlink to <code>tool</code>" in first.ask("file", "0:0", key="bin/sh")["markup"]
    inert = first.ask("file", "0:2", key=HOSTILE)
    assert "&lt;b&gt;inert&lt;/b&gt;" in inert["markup"]
    assert inert["key"] == HOSTILE


def test_maps_tables_and_config_are_markup(first: Asked) -> None:
    assert 'data-map="bin"' in first.ask("map", "0:0")["markup"]
    assert 'data-map="usr/share/a"' in first.ask("map", "0:0", key="usr/share")["markup"]
    assert "/etc/motd" in first.ask("waste", "0:0")["markup"]
    assert "&lt;b&gt;x&lt;/b&gt;" in first.ask("config", "0:0")["markup"]
    assert "~1 changed" in first.ask("layer", "0:2")["markup"]
    assert "sha256:" in first.ask("layer", "0:2")["markup"]


@pytest.mark.parametrize(
    "question",
    [
        {"ask": "rows"},
        {"ask": "rows", "of": "9:0"},
        {"ask": "rows", "of": "0:-1"},
        {"ask": "rows", "of": "difference"},
        {"ask": "rows", "of": "0:0", "from": "x"},
        {"ask": "rows", "of": "0:0", "count": float("inf")},
        {"ask": "rows", "of": "0:0", "opened": 5},
        {"ask": "map", "of": "0:0", "key": "../../etc"},
        {"ask": "file", "of": "0:0", "key": "nothing"},
        {"ask": ["rows"], "of": "0:0"},
        {"ask": "steal", "of": "0:0"},
    ],
)
def test_what_no_front_end_asks_has_no_answer(first: Asked, question: dict[str, Any]) -> None:
    first._handle_custom_msg(question, [])
    assert first.said == []


def test_two_images_share_what_they_share(show: Any, names: tuple[str, str]) -> None:
    widget = show(*names)
    assert repr(widget).endswith(f"({names[0]!r}, {names[1]!r})")
    assert wait_for(lambda: widget.complete)
    assert widget.chosen == "difference"
    assert widget.drawing.count('data-step="0:') == 5
    assert re.findall(r'data-step="1:(\d)"', widget.drawing) == ["3"]
    assert widget.data["shared"] == 2
    marks = {row["path"]: row["change"] for row in widget.data["files"]}
    assert marks["/etc/motd"] == "changed"
    assert marks["/etc/extra"] == "added"
    assert marks["/srv/many/00000"] == "removed"
    rows = widget.ask("rows", "difference", find="etc/", count=100)["rows"]
    assert [(row["key"], row["change"]) for row in rows[1:]] == [
        ("etc/extra", "added"),
        ("etc/motd", "changed"),
    ]
    changed = widget.ask("file", "difference", key="etc/motd", way="difference")["markup"]
    assert "+other" in changed
    assert "2 layers are in both" in widget.summary()


def test_two_images_differ_in_their_config(show: Any, names: tuple[str, str]) -> None:
    widget = show(*names)
    assert widget.data["config"] == [
        {"key": "Env C", "one": None, "other": "d"},
        {"key": "User", "one": None, "other": "daemon"},
    ]
    assert "files and 2 config settings differ" in widget.summary()
    assert wait_for(lambda: "files and 2 config settings differ" in widget.drawing)
    shown = widget.ask("config", "difference")["markup"]
    assert f'<th scope="col">{names[1]}</th>' in shown
    assert '<th scope="row">Env C</th><td>(not set)</td><td>d</td>' in shown
    assert "Labels" not in shown
    assert "&lt;b&gt;x&lt;/b&gt;" in widget.ask("config", "1:0")["markup"]
    form = str(widget.static())
    assert shown in form
    assert '<th scope="row">/etc/extra</th><td>added</td><td></td><td>5B</td>' in form
    waste = widget.ask("waste", "difference")["markup"]
    assert waste.count("/etc/motd") == 2
    assert all(f"<code>{name}</code>" in waste for name in names)


def test_new_layers_are_lit(show: Any, names: tuple[str, str]) -> None:
    widget = show(names[0], lit=2)
    assert wait_for(lambda: widget.complete)
    assert widget.drawing.count('class="step lit"') == 1
    assert widget.drawing.count('class="step empty lit"') == 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Reads nothing more until it is set."""
    go_on = threading.Event()

    def read(*asked: Any, progress: Any, **options: Any) -> Any:
        progress(Progress(1, 3, 5_000_000, 20_000_000))
        assert go_on.wait(60)
        return reading(*asked, progress=progress, **options)

    reading = layers.read
    monkeypatch.setattr(layers, "read", read)
    monkeypatch.setattr(layers, "PATIENCE", 0.01)
    monkeypatch.setattr(cells, "is_watched", lambda: True)
    yield go_on
    go_on.set()


def test_while_an_image_is_read_its_layers_are_there(
    show: Any, names: tuple[str, str], slow: threading.Event
) -> None:
    """Nobody's cell waits for all of it, and what is stored then has the layers too."""
    widget = show(names[0])
    assert wait_for(lambda: f"Reading {names[0]}: layer 2 of 3, 5MB" in widget.progress)
    assert 'style="width:25%"' in widget.progress
    assert re.findall(r'data-step="0:(\d)"', widget.drawing) == list("01234")
    assert widget.drawing.count("metadata only") == 2 * 3  # seen, said, and in the table
    assert (widget.chosen, widget.complete) == ("0:3", False)
    before = str(widget.static())
    assert "were still being read" in before
    table = re.findall("<table>.*?</table>", before)
    slow.set()
    assert wait_for(lambda: widget.complete)
    assert widget.progress == ""
    assert table == re.findall("<table>.*?</table>", str(widget.static()))
    assert table[0] in widget.drawing


def test_two_images_lie_side_by_side_while_they_are_read(
    show: Any, names: tuple[str, str], slow: threading.Event
) -> None:
    widget = show(*names)
    assert wait_for(lambda: "Reading" in widget.progress)
    before = widget.drawing
    assert "being read" in before
    widget.chosen = "0:1"  # somebody does
    slow.set()
    assert wait_for(lambda: widget.complete)
    assert widget.chosen == "0:1"
    groups = [re.findall(r'data-step="(\S+)"', drawing) for drawing in (before, widget.drawing)]
    assert groups[0] == groups[1] == ["0:0", "0:1", "0:2", "0:3", "0:4", "1:3", "difference"]


def test_an_engine_that_dies_meanwhile_leaves_what_is_known(
    show: Any, names: tuple[str, str], slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise EngineUnavailable("gone")

    monkeypatch.setattr(layers, "read", dies)
    slow.set()
    widget = show(names[0])
    with pytest.raises(EngineUnavailable):
        widget.summary()
    assert wait_for(lambda: "gone" in widget.drawing)
    assert widget.drawing.count("data-step=") == 5
    form = widget._repr_mimebundle_()[0]["text/html"]
    assert "gone" in form
    assert f"<caption>Layers of {names[0]}, oldest first</caption>" in form


def test_a_widget_that_is_closed_reads_no_further(
    show: Any, names: tuple[str, str], slow: threading.Event
) -> None:
    widget = show(names[0])
    assert wait_for(lambda: "Reading" in widget.progress)
    widget.close()
    slow.set()
    with pytest.raises(layers._Closed):
        widget._whole()


def test_what_is_stored_is_the_same_however_long_it_took(
    kernel: Kernel, names: tuple[str, str]
) -> None:
    """First what the engine tells at once, then all of it in the same place."""
    kernel.run(
        "import threading, time\n"
        "from ipycontainers import ImageLayers\n"
        "from ipycontainers.widgets import layers\n"
        "reading, go_on, layers.PATIENCE = layers.read, threading.Event(), 0.1\n"
        "def slow(*asked, **options):\n"
        "    go_on.wait(60)\n"
        "    return reading(*asked, **options)\n"
        "layers.read = slow\n"
        f"shown = ImageLayers({names[0]!r})\n"
        "while not shown._reading.outlines: time.sleep(0.01)",
        watched=True,
    )
    first = kernel.run("shown", watched=True)
    (output,) = first.outputs
    assert f"Layers of {names[0]}" in output["data"]["text/html"]
    assert "were still being read" in output["data"]["text/html"]
    end = kernel.run(
        "go_on.set()\n"
        "for one in threading.enumerate():\n"
        "    if one.name == f'ipycontainers {shown!r}': one.join()"
    )
    updates = [it for it in end.outputs if it.get("transient") == output["transient"]]
    quick = kernel.run(f"ImageLayers({names[0]!r})").data["text/html"]
    assert [it["data"]["text/html"] for it in updates] == [quick]
    assert "still being read" not in quick
    assert updates[0]["data"].keys() == output["data"].keys()


def test_one_file_is_read_at_a_time(
    show: Any, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may have the whole archive sent, and who opens many waits for the last one only."""
    fetching, go_on, asked = [], threading.Event(), []

    def fetched(_engine: object, _images: object, _layer: int, path: str) -> Any:
        asked.append(path)
        fetching.append(path)
        assert len(fetching) == 1
        assert go_on.wait(60)
        fetching.remove(path)
        raise ValueError("no such luck")

    monkeypatch.setattr(layers, "fetched", fetched)
    widget = show(names[0])
    widget._whole()
    for number, key in enumerate(("etc/motd", "bin/tool", "usr/share/a", "usr/share/b")):
        question = {"ask": "file", "id": f"view {number}", "of": "0:0", "key": key}
        widget._handle_custom_msg(question, [])
        assert wait_for(lambda: asked)
    go_on.set()
    assert wait_for(lambda: len(widget.said) == 2)
    assert asked == ["/etc/motd", "/usr/share/b"]
    assert [said["id"] for said in widget.said] == ["view 0", "view 3"]
    assert "ValueError: no such luck" in widget.said[1]["markup"]


def test_a_cell_that_runs_again_keeps_its_newest_only(kernel: Kernel, images: Any) -> None:
    """R25"""
    kernel.run(
        "import gc, weakref\n"
        "from ipycontainers import ImageLayers\n"
        "def counted():\n"
        "    gc.collect()\n"
        "    living = [it for it in gc.get_objects() if isinstance(it, ImageLayers)]\n"
        "    return len(get_ipython().kernel.comm_manager.comms), len(living)\n"
    )
    counts = []
    for _ in range(20):
        shown = kernel.run(f"ImageLayers({images.busybox!r})", cell_id="one", watched=True)
        assert "Layers of" in shown.data["text/html"], shown.error
        assert shown.data["text/plain"] == f"ImageLayers({images.busybox!r})"
        counts.append(kernel.run("print(*counted())", cell_id="two").stdout)
    comms, living = counts[0].split()
    assert int(living) <= 2
    assert set(counts[1:]) == {f"{comms} {living}\n"}


def test_the_package_knows_it_by_name() -> None:
    assert "ImageLayers" in dir(ipycontainers)
    with pytest.raises(AttributeError, match="no attribute 'ImageLayer'"):
        _ = ipycontainers.ImageLayer
