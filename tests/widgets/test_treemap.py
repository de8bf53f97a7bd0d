"""Rectangles are as large as what they stand for, and no two lie on one another."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some
from support import examples

from ipycontainers.oci.changes import Entry
from ipycontainers.oci.tree import Tree
from ipycontainers.widgets.treemap import boxes, treemap

SIZES = some.lists(some.integers(1, 1_000_000), min_size=1, max_size=60)


@settings(max_examples=examples(50), deadline=None)
@given(SIZES)
def test_areas_are_to_scale_and_fill_all(sizes: list[int]) -> None:
    sizes.sort(reverse=True)
    laid = boxes(sizes)
    areas = [box.width * box.height / 10_000 for box in laid]
    for area, size in zip(areas, sizes, strict=True):
        assert abs(area - size / sum(sizes)) < 0.002
    for number, one in enumerate(laid):
        assert one.left + one.width < 100.05
        assert one.top + one.height < 100.05
        for other in laid[number + 1 :]:
            across = min(one.left + one.width, other.left + other.width)
            down = min(one.top + one.height, other.top + other.height)
            apart = across - max(one.left, other.left), down - max(one.top, other.top)
            assert min(apart) < 0.05


def test_as_in_the_paper() -> None:
    """Bruls et al., figure 4: the sides are 6 and 4, the first row holds 6 and 6."""
    first, second, third, *_ = boxes([6, 6, 4, 3, 2, 2, 1], 6 / 4)
    assert (first.left, first.top, first.width, first.height) == (0, 0, 50, 50)
    assert (second.left, second.top, second.width, second.height) == (0, 50, 50, 50)
    assert (third.left, third.top) == (50, 0)


def made(*files: tuple[str, int]) -> Tree:
    listed = (Entry(path, "added", "file", size, 0o644, 0, 0) for path, size in files)
    return Tree({entry.path: entry for entry in listed})


def test_a_name_stays_text() -> None:
    drawn = treemap(made(("/<img src=x onerror=alert(1)>", 5)))
    assert "<img" not in drawn
    assert "&lt;img src=x onerror=alert(1)&gt;, 5B, 100 %" in drawn


def test_what_is_small_is_one_together() -> None:
    drawn = treemap(made(*((f"/f{number}", 1000 - number) for number in range(200))))
    assert drawn.count("<button") == 48
    assert "152 others" in drawn


def test_what_nobody_could_see_is_left_out() -> None:
    drawn = treemap(made(("/large", 1_000_000), ("/small", 10)))
    assert drawn.count("<button") == 1
    assert "small" not in drawn


def test_no_bytes_are_said() -> None:
    assert "No bytes here." in treemap(made(("/empty", 0)))
