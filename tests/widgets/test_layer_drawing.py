"""Instructions as in a Dockerfile; what an image says is text."""

from __future__ import annotations

import pytest

from ipycontainers.widgets import layer_drawing as drawing
from ipycontainers.widgets.layer_drawing import Step, instruction

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.mark.parametrize(
    ("created_by", "shown"),
    [
        ('/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'),
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
