"""The course's cards, as a learner reads them and answers by the keyboard in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import axe
import pytest
from lab import Notebook
from support import wait_for
from turns import turn

from ipycontainers.course import images
from ipycontainers.course.lab import LABEL

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hit=1>"
# Each test has a file of progress of its own.
START = """
import os
from ipycontainers.course import *
os.environ["IPYCONTAINERS_COURSE_PROGRESS"] = {file!r}
"""
# What can be pressed or scrolled in a card, in the order of the page.
CONTROLS = "button, summary, a[href], [tabindex='0']"
FOCUSED = """([card, controls]) => {
    const at = [...card.querySelectorAll(controls)].indexOf(document.activeElement);
    return [at, getComputedStyle(document.activeElement).outlineStyle];
}"""
STICK_OUT = """cards => cards.filter(
    it => it.clientWidth < 150 || it.scrollWidth > it.clientWidth + 1).map(it => it.innerText)"""
KINDS = ("claim", "correct", "ledger", "place", "prediction", "quiz", "recorded", "verdict")


@pytest.fixture(autouse=True)
def _alone(engine: Any) -> Iterator[None]:
    """At the exercise of notebook 00, with its image, and nothing made for it yet."""
    images.ensure("ipyc/toolbox:1", connection=engine)
    with turn("00", engine.candidate.address):
        _remove(engine)
        yield
        _remove(engine)


def _remove(engine: Any) -> None:
    for one in engine.list_containers(labels={LABEL: "00-ready"}):
        engine.remove(one["Id"])


@pytest.fixture
def course(cells: Callable[..., Notebook], request: Any) -> Callable[..., Notebook]:
    """course(text, …) opens a notebook whose cells have run; the third is the first of them. The
    side bar is shut: a narrow page would have no room for it."""

    def run(*texts: str) -> Notebook:
        start = START.format(file=f"{request.node.name}.json")
        notebook = cells(start, *texts)
        notebook.page.keyboard.press("Control+b")
        for number in range(1, len(texts) + 2):
            notebook.cell(number).run()
            notebook.wait_until_idle()
        return notebook

    return run


def _card(notebook: Notebook, number: int) -> Any:
    return notebook.cell(number).locator.locator(".card").first


def _walk(notebook: Notebook, card: Any) -> list[tuple[int, str]]:
    """Where Tab leads to, from a card's first control on, and how that is marked."""
    page, controls = notebook.page, card.locator(CONTROLS)
    controls.first.focus()
    found = []
    for _ in range(controls.count()):
        element = card.element_handle()
        at, outline = page.evaluate(FOCUSED, [element, CONTROLS])
        found.append((at, outline))
        page.keyboard.press("Tab")
    return found


def test_every_control_is_reached_by_tab_and_answers_to_enter(
    course: Callable[..., Notebook],
) -> None:
    notebook = course(
        "predict('00-system')", "predict('01-worlds')", "quiz('01')", "check('00-ready')"
    )
    page = notebook.page
    for number in range(2, 6):
        card = _card(notebook, number)
        count = card.locator(CONTROLS).count()
        assert count >= 1
        marks = _walk(notebook, card)
        assert [at for at, _ in marks] == list(range(count)), number
        assert all(outline == "solid" for _, outline in marks), number
    listed, rows, quiz, check = (_card(notebook, number) for number in range(2, 6))
    for card, name, said in (
        (listed, "docker", "Kept."),
        (rows, "files in /: different", "Choose before"),
        (quiz, "the text of your cell", "Not so."),
    ):
        button = card.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        card.locator("[aria-pressed=true]").wait_for()
        assert button.get_attribute("aria-pressed") == "true"
        card.locator(".said", has_text=said).wait_for()
        assert card.locator("[aria-pressed=true]").count() == 1
        assert button.evaluate("it => it === document.activeElement")
    # The hint opens without the kernel, and is no answer of the check.
    check.locator("summary").focus()
    page.keyboard.press("Enter")
    assert wait_for(lambda: check.get_by_text("Run the cell above the check").is_visible())


def test_a_ledger_follows_and_the_focus_stays(course: Callable[..., Notebook]) -> None:
    notebook = course("verdict('C9')", "ledger('04a')", "predict('00-system', 'c')")
    page = notebook.page
    verdict, ledger, prediction = (_card(notebook, number) for number in range(2, 5))
    ledger.get_by_text("0 of ").wait_for()
    button = verdict.get_by_role("button", name="wrong as worded", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    verdict.locator(".said", has_text="We say so too.").wait_for()
    ledger.get_by_text("1 of ").wait_for()
    assert button.evaluate("it => it === document.activeElement")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    verdict.locator(".said", has_text="We say: wrong as worded.").wait_for()
    assert verdict.locator("[aria-pressed=true]").all_inner_texts() == ["holds under a condition"]
    assert prediction.locator("[aria-pressed=true]").all_inner_texts() == ["docker"]


HOSTILE_CELLS = (
    f"%%container --keep --label course=00-ready ipyc/toolbox:1\necho '{HOSTILE}'",
    "check('00-ready')",
    f"found('00-ready', {HOSTILE!r})",
    f"measured('C9', {HOSTILE!r})",
    "verdict('C9', 'holds')",
    "ledger('04a')",
)


def test_what_others_wrote_is_text(course: Callable[..., Notebook]) -> None:
    """A container's words, a learner's answer, what was measured: in each card that shows them."""
    notebook = course(*HOSTILE_CELLS)
    for number in range(3, 8):
        shown = _card(notebook, number)
        assert wait_for(lambda card=shown: HOSTILE in card.inner_text()), number
    assert notebook.page.locator(".card img").count() == 0
    assert notebook.page.evaluate("window.hit") is None


def test_cards_are_for_all_in_each_theme_and_width(course: Callable[..., Notebook]) -> None:
    """Nobody is left out, as axe-core judges, and nothing sticks out of its room."""
    notebook = course(
        "display(here(), claim('C7', 'C12'), predict('00-system', 'c'))",
        "predict('01-worlds', ['b', 'b', 'a', 'b'])",
        "display(expect('00-system', 'Linux', prediction='00-system'), recorded('01-worlds'))",
        "quiz('01', 0, 2)",
        "display(check('00-ready'), hint('00-ready'), found('00-ready', 'a' * 400))",
        "display(verdict('C12', 'holds'), ledger('01'))",
        "display(fishbowl(), colophon())",
    )
    page, cards = notebook.page, notebook.page.locator(".card")
    found = " ".join(cards.evaluate_all("cards => cards.map(it => it.className)"))
    assert set(found.split()) >= {"card", "working", "hint", *KINDS}
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        for width in (400, 1400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert wait_for(lambda: cards.evaluate_all(STICK_OUT) == []), (theme, width)
            assert axe.violations(page, ".card") == [], (theme, width)
