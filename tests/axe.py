"""What axe-core, Deque's judge of accessibility, has against a part of a page.

    assert axe.violations(page, ".image-layers") == []

Its one file of JavaScript is taken from the package axe-playwright-python, which is npm's axe-core
as a wheel, so that no Node.js is needed.

Knows: axe-core. Does not know: what is judged.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

RUN = """async (selector) => {
    const found = await axe.run({ include: [[selector]] }, { resultTypes: ["violations"] });
    return found.violations;
}"""
SERIOUS = {"serious", "critical"}


def violations(page: Any, selector: str) -> list[str]:
    """The serious ones in what ``selector`` finds: the rule, why, and where."""
    # JupyterLab's body has no height and hides what sticks out of it, so that axe took all of the
    # page for hidden, and judged no colours.
    page.evaluate("document.body.style.minHeight = '100vh'")
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    return [
        f"{one['id']}: {node['failureSummary']} {node['html'][:300]}"
        for one in page.evaluate(RUN, selector)
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
