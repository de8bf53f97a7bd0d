"""What must be in an image: layers, what deleting does not do, one file, and the build cache.

Knows: what the course's images hold, what a build leaves. Does not know: words.
"""

from __future__ import annotations

from typing import Any, Final

from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.recipes import BIG
from ipycontainers.errors import NotFound
from ipycontainers.layers import look, read
from ipycontainers.oci.changes import DIRECTORY
from ipycontainers.oci.contents import Contents
from ipycontainers.oci.tree import state

lesson = Lesson("07")

TOOLBOX: Final = "ipyc/toolbox:1"
SMALLER, FIRST, SECOND = "ipyc/07-smaller", "ipyc/07-first", "ipyc/07-second"
BYTES: Final = "5000000"
# What the exercise's files may add to the toolbox, in bytes.
LITTLE: Final = 10_000


@lesson.expects("07-layers")
def _rows_and_layers(_lab: Lab, value: Any) -> bool:
    return bool(value == [9, 5])


@lesson.expects("07-rm")
def _more(_lab: Lab, value: Any) -> bool:
    """In MB: the deleted file."""
    return bool(value == round(BIG / 1e6, 1))


@lesson.expects("C22")
def _one_file(_lab: Lab, value: Any) -> bool:
    """So many files, and what its program has said."""
    return bool(value == [1, "one file, and it runs\n"])


@lesson.expects("C23")
def _not_on_the_host(_lab: Lab, value: Any) -> bool:
    """Whether the host lacks tools that ran, and the kernel modules in the image."""
    return bool(value == [True, "none"])


# --- exercises ------------------------------------------------------------------------------


@lesson.checks("07-smaller")
def _smaller(lab: Lab) -> Answer:
    image = _contents(lab, SMALLER)
    if image is None:
        return not_started()
    there = state(image.files)
    if "/work/big" in there:
        return keep_working("visible")
    said = _text(lab, image, "/work/size")
    if said is None:
        return keep_working("lost")
    if said.strip() != BYTES:
        return keep_working("text", found=quoted(said) or "nothing")
    base = read(lab.engine, TOOLBOX)
    if image.size > base.size + LITTLE:
        sizes = {"size": f"{image.size / 1e6:.1f}", "base": f"{base.size / 1e6:.1f}"}
        was_big = any(one.path == "/work/big" for one in image.wasted)
        return almost("hidden", **sizes) if was_big else keep_working("large", **sizes)
    wanted = {*state(base.files), "/work/size"}
    more = [path for path, one in there.items() if path not in wanted and one.kind != DIRECTORY]
    return almost("more", found=quoted(more[0])) if more else correct()


@lesson.checks("07-cache")
def _cache(lab: Lab) -> Answer:
    first, second = _contents(lab, FIRST), _contents(lab, SECOND)
    if first is None:
        return not_started()
    if second is None:
        return keep_working("second")
    slow = [_maker(image, "/slow") for image in (first, second)]
    if "" in slow:
        return keep_working("no-slow")
    versions = [(_text(lab, image, "/version") or "").strip() for image in (first, second)]
    if "" in versions:
        return keep_working("no-version")
    if versions[0] == versions[1]:
        return keep_working("same-version", found=quoted(versions[0]))
    return correct() if slow[0] == slow[1] else keep_working("again")


def _contents(lab: Lab, image: str) -> Contents | None:
    try:
        return read(lab.engine, image)
    except NotFound:
        return None


def _text(lab: Lab, image: Contents, path: str) -> str | None:
    """Of a file as containers of the image have it."""
    try:
        here = look(lab.engine, image, len(image.layers) - 1, path).here
    except NotFound:
        return None
    return (here.text or "") if here else None


def _maker(image: Contents, path: str) -> str:
    """The newest layer that has the file; "" where there is none."""
    if path not in state(image.files):
        return ""
    made = (one for one in image.layers if path in {entry.path for entry in one.files})
    return [one.diff_id for one in made][-1]
