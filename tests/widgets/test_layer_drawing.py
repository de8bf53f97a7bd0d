"""Instructions as in a Dockerfile; what an image says is text."""

from __future__ import annotations

import io

import pytest
from layers import Made, file, image_archive, oci_archive, tar

from ipycontainers.oci import saved
from ipycontainers.widgets import layer_drawing as drawing
from ipycontainers.widgets.layer_answers import steps
from ipycontainers.widgets.layer_drawing import Step, instruction

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.mark.parametrize(
    ("created_by", "shown"),
    [
        ('/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'),
        ('/bin/sh -c #(nop)  CMD ["sh" "-c" "a \\"b\\" c"]', 'CMD ["sh", "-c", "a \\"b\\" c"]'),
        ('CMD ["sh" "-c"]', 'CMD ["sh", "-c"]'),
        ('CMD ["sh", "-c"]', 'CMD ["sh", "-c"]'),
        ("/bin/sh -c #(nop) ADD file:1 in / ", "ADD file:1 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("|1 A=b /bin/sh -c make", "RUN make"),
        ("RUN |1 A=b /bin/sh -c make # buildkit", "RUN make"),
        ("COPY a b # buildkit", "COPY a b"),
        ("", "(what made it is not recorded)"),
    ],
)
def test_an_instruction_is_that_of_a_dockerfile(created_by: str, shown: str) -> None:
    assert instruction(created_by) == shown


def test_a_bar_is_to_scale_and_begins_where_the_one_below_ends() -> None:
    listed = [Step("0:0", 1, "ADD", 300, False), Step("0:1", 2, "RUN", 100, False)]
    drawn = drawing.steps([("", listed)], "Layers")
    assert "left:min(0.00%, 100% - 2px);width:max(75.00%, 2px)" in drawn
    assert "left:min(75.00%, 100% - 2px);width:max(25.00%, 2px)" in drawn


def test_metadata_is_named_so_and_has_no_bar() -> None:
    drawn = drawing.steps([("", [Step("0:0", 1, "CMD", 0, True)])], "Layers")
    assert "metadata only" in drawn
    assert 'class="bar"' not in drawn


def listed(image: int, *steps: str) -> list[Step]:
    """Those that begin with # are metadata."""
    return [
        Step(f"{image}:{number}", number + 1, text, 1, text.startswith("#"))
        for number, text in enumerate(steps)
    ]


def test_metadata_is_in_both_images_where_both_have_it() -> None:
    one = listed(0, "base", "#ENV A", "#ENV B", "COPY", "#CMD", "#USER", "RUN one", "#CMD")
    two = listed(1, "base", "#ENV B", "#ENV C", "COPY", "#CMD", "RUN two", "#CMD")
    groups = drawing.together(one, two, 2)
    assert [[step.key for step in group] for group in groups] == [
        ["0:0", "0:2", "0:3", "0:4"],
        ["0:1", "0:5", "0:6", "0:7"],
        ["1:2", "1:5", "1:6"],
    ]
    same = drawing.together(one, one, 3)
    assert same == (one, [], [])
    assert drawing.together(one, two, 0) == ([], one, two)


def test_a_digest_that_is_the_diff_id_is_said_to_be() -> None:
    same = drawing.details(Step("0:0", 1, "RUN", 1, False, "sha256:a", "sha256:a"), {})
    assert "so the digest is the diff ID" in same
    packed = drawing.details(Step("0:0", 1, "RUN", 1, False, "sha256:b", "sha256:a"), {})
    assert "sha256:b" in packed
    assert "The engine" not in packed
    unknown = drawing.details(Step("0:0", 1, "RUN", 1, False, "", "sha256:a"), {})
    assert "does not say its digest" in unknown


def test_layers_are_stored_alike_whichever_engine_has_them() -> None:
    """One keeps them as they came, another has none but unpacked ones."""
    tars = [tar(file("a", b"1")), tar(file("b", b"2"))]
    history = {"history": [{"created_by": text} for text in ("ADD", "RUN")]}
    archives = image_archive(Made(tars, config=history)), oci_archive(Made(tars, True, history))
    read = [saved.read(io.BytesIO(archive), "test:1") for archive in archives]
    assert read[0].layers[0].digest != read[1].layers[0].digest
    tables = {drawing.layers_table(steps(contents.layers), "Layers") for contents in read}
    assert len(tables) == 1


def test_what_is_shown_of_a_hostile_config_is_bounded() -> None:
    """An image's config may have 4 MB, and a page takes no more than 1 MB a second."""
    many = listed(0, *(f"RUN {'x' * 300}" for number in range(10_000)))
    long = Step("0:0", 1, "RUN " + "x" * 4_000_000, 1, False)
    drawn = [
        drawing.steps([("", many)], "Layers"),
        drawing.layers_table(many, "Layers"),
        drawing.steps([("", [long])], "Layers"),
        drawing.details(long, {}),
        drawing.layers_table([long], "Layers"),
        drawing.config({"Labels": {"x": "y" * 4_000_000}, "Env": ["A=" + "z" * 4_000_000]}),
        drawing.config({str(number): "" for number in range(100_000)}),
        drawing.compared_configs(["a", "b"], [("Env A", "x" * 4_000_000, None)] * 3),
    ]
    assert max(map(len, drawn)) < 1_500_000
    assert all("more" in one or " …" in one for one in drawn)


def test_nothing_that_an_image_says_is_markup() -> None:
    step = Step("0:0", 1, HOSTILE, 1, False, HOSTILE, HOSTILE)
    drawn = [
        drawing.steps([(HOSTILE, [step])], HOSTILE),
        drawing.details(step, {}),
        drawing.waste([(HOSTILE, 1, "removed")], 1),
        drawing.config({"Labels": {"x": HOSTILE}, HOSTILE: [HOSTILE], "Cmd": HOSTILE}),
        drawing.heading(HOSTILE, [("Size", HOSTILE)]),
        drawing.text([HOSTILE]),
        drawing.difference([f"+{HOSTILE}"]),
        drawing.failure(HOSTILE, HOSTILE),
        drawing.layers_table([step], HOSTILE),
        drawing.compared_configs([HOSTILE, "b"], [(HOSTILE, {HOSTILE: 1}, [HOSTILE])]),
    ]
    for one in drawn:
        assert "<img" not in one
        assert "&lt;img" in one


def test_a_long_waste_is_cut_and_says_so() -> None:
    rows = [(f"/f{number}", 1, "removed") for number in range(300)]
    drawn = drawing.waste(rows, 300)
    assert drawn.count("<tr>") == 201
    assert "300B wasted by 300 files" in drawn
    assert "… and 100 more" in drawn


def test_a_line_of_a_difference_has_its_sign_and_its_kind() -> None:
    drawn = drawing.difference(["@@ -1 +1 @@", "-a", "+b", " c"])
    for word, line in (("removed", "-a"), ("added", "+b"), ("same", " c")):
        assert f'<code class="line {word}">{line}</code>' in drawn
