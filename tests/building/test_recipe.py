"""What another cell of --append finds, as if all cells were one Dockerfile."""

from __future__ import annotations

from ipycontainers.building.plan import Plan, Text
from ipycontainers.building.recipe import Recipe

TEXT = """\
ARG G=1
FROM alpine AS one
ARG LOST
FROM one
ARG G
ARG A="x y" B=2
RUN make
"""


def test_arguments_hold_to_the_end_of_their_stage() -> None:
    text = Recipe(TEXT).on("lab", "# escape=`\n\nRUN `\n a\n")
    assert text.content.splitlines() == [
        "# escape=`",
        "ARG G=1",
        "FROM lab",
        "ARG G",
        'ARG A="x y" B=2',
        "",
        "RUN `",
        " a",
    ]
    assert [(step.text.split()[0], step.line) for step in Plan.of(text).steps] == [
        ("ARG", 1),
        ("FROM", 1),
        ("ARG", 1),
        ("ARG", 1),
        ("RUN", 4),
    ]
    assert [text.cell_line(number) for number in (1, 2, 5, 6)] == [2, 1, 1, 3]


def test_what_was_given_holds_for_those_that_are_known() -> None:
    given = {"G": "3", "B": None, "LOST": "4", "OTHER": "5"}
    assert Recipe(TEXT, given).carried == {"G": "3", "B": None}
    assert Recipe("", given).carried == {}
    assert Recipe("FROB", given).carried == {}


def test_cells_become_one_dockerfile() -> None:
    first = Recipe().then(Text.of("FROM a\nARG V=1\n\n"), "FROM a\nARG V=1\n\n", {})
    cell = "RUN b\n"
    second = first.then(first.on("lab", cell), cell, {"V": "2"})
    assert second == Recipe("FROM a\nARG V=1\nRUN b\n", {"V": "2"})
    # What another kernel built is known by its name alone.
    assert Recipe().then(Recipe().on("lab", cell), cell, {}).text == "FROM lab\nRUN b\n"


def test_directives_do_not_come_into_the_middle() -> None:
    odd = "# escape=`\nRUN b\n"
    first = Recipe("FROM a\nARG V\n")
    assert first.then(first.on("lab", odd), odd, {}).text == (
        "# escape=`\nFROM lab\nARG V\nRUN b\n"
    )
    plain = "RUN a \\\n b\n"
    ticks = Recipe("# escape=`\nFROM a\n")
    assert ticks.then(ticks.on("lab", plain), plain, {}).text == f"FROM lab\n{plain}"
