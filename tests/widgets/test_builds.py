"""What is shown of a build while it lasts, without a page."""

from __future__ import annotations

import re
import threading
import time

from support import wait_for

from ipycontainers.building.plan import Plan, Text
from ipycontainers.building.progress import Progress
from ipycontainers.widgets.build import EVERY, BuildView

PLAN = Plan.of(Text.of("FROM a\nRUN b\nRUN <img src=x onerror=alert(1)>\n"))


def test_the_last_word_before_a_silence_is_drawn() -> None:
    progress = Progress(PLAN)
    view = BuildView("Building", PLAN, progress)
    try:
        steps = [f"Step {number}/3 : {one.text}" for number, one in enumerate(PLAN.steps, 1)]
        for line in (*steps[:2], " ---> Using cache\n", steps[2], " ---> Running in ab\n", "hi\n"):
            progress.feed({"stream": line})
        assert wait_for(lambda: "step 3 of 3" in view.drawing)
        assert wait_for(lambda: "hi\n" in view.drawing or ">hi<" in view.drawing)
        assert wait_for(lambda: re.search(r">\d\.\d s<", view.drawing))  # it can be seen to go on
        assert "cached" in view.drawing
        assert "<img" not in view.drawing
    finally:
        view.end()
    # As after an interrupt.
    assert view.summary() == "stopped in step 3 of 3"
    assert " stopped</span>" in view.drawing
    assert not [one for one in threading.enumerate() if one is view._thread]


def test_it_is_drawn_at_most_four_times_a_second() -> None:
    progress = Progress(PLAN)
    view = BuildView("Building", PLAN, progress)
    drawn: list[object] = []
    view.observe(drawn.append, "drawing")
    began = time.monotonic()
    for number in range(2000):
        progress.feed({"stream": f"Step {1 + number % 3}/3 : {PLAN.steps[number % 3].text}"})
        view.sent(number)
    assert len(drawn) <= 1 + (time.monotonic() - began) / EVERY
    view.end()
