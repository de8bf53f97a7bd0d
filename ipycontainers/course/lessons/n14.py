"""Building: what comes from the cache, what stages leave behind, and what layers still have.

Knows: the images that the exercises ask for. Does not know: words.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import NotFound
from ipycontainers.layers import read
from ipycontainers.oci.changes import REMOVED
from ipycontainers.oci.contents import Contents

lesson = Lesson("14")

LEAKY, ORDER, IGNORE = "ipyc/leaky:mine", "ipyc/order:mine", "ipyc/ignore:mine"
MARK = "secret.sha256"  # the label with the secret's fingerprint
FOLDERS = "another one"  # what the file says after the image was built
COPIED = re.compile(r"(?:.*#\(nop\)\s+)?(?:COPY|ADD)\b")  # in a history
SECRET, BIG, APP = "password.txt", "data.bin", "app.sh"


@lesson.expects("14-cache")
def cached(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """Of the steps before, with and after the file that has changed."""
    return list(value) == [True, False, False]


@lesson.expects("14-stages")
def left_behind(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """The product is there, the tools are not, and the image has not their size."""
    return list(value) == [True, False, False]


@lesson.checks("14-secret")
def secret(lab: Lab) -> Answer:
    """By the fingerprint in the image's label; the secret itself is nowhere but in a layer."""
    given = Progress.here().of("answers").get("14-secret")
    if given is None:
        return not_started()
    try:
        config = lab.engine.inspect_image(LEAKY).get("Config") or {}
    except NotFound:
        return keep_working("no-image")
    mark = (config.get("Labels") or {}).get(MARK)
    if not mark:
        return keep_working("no-image")
    told = str(given).strip()
    if hashlib.sha256(told.encode(errors="replace")).hexdigest() == mark:
        return correct()
    reasons = {mark: "fingerprint", f"sha256:{mark}": "fingerprint", FOLDERS: "folder"}
    name = "name" if told.lstrip("/") == SECRET else "other"
    return keep_working(reasons.get(told, name))


@lesson.checks("14-order")
def order(lab: Lab) -> Answer:
    """By the layers that have the two files, the oldest first."""
    contents = _contents(lab, ORDER)
    if contents is None:
        return not_started()
    tool, page = _made(contents, "/tool"), _made(contents, "/page.html")
    if not tool:
        return keep_working("no-tool")
    if not page:
        return keep_working("no-page")
    if tool == page:
        return almost("together")
    is_slow = not COPIED.match(contents.layers[tool[-1]].created_by)  # a stage made it before
    return keep_working("page-first") if is_slow and tool[-1] > page[0] else correct()


@lesson.checks("14-ignore")
def ignore(lab: Lab) -> Answer:
    """By the names of files, wherever the recipe has put them; in layers below too."""
    contents = _contents(lab, IGNORE)
    if contents is None:
        return not_started()
    names = {_name(one.path) for one in contents.tree() if one.change != REMOVED}
    if SECRET in names:
        return keep_working("secret")
    if BIG in names:
        return keep_working("big")
    everywhere = {_name(one.path) for files in contents.files for one in files}
    for hidden in (SECRET, BIG):
        if hidden in everywhere:
            return almost("layer", file=hidden)
    return correct() if APP in names else keep_working("no-app")


def _contents(lab: Lab, image: str) -> Contents | None:
    try:
        return read(lab.engine, image)
    except NotFound:
        return None


def _made(contents: Contents, path: str) -> list[int]:
    """The numbers of the layers that have the file; none if a container has it not."""
    if not any(one.path == path and one.change != REMOVED for one in contents.tree()):
        return []
    return [
        number
        for number, files in enumerate(contents.files)
        if any(one.path == path and one.change != REMOVED for one in files)
    ]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
