"""What is an image: its parts, what it lacks, its variables, and two exercises.

Knows: what the course's images hold, and what engines add to it. Does not know: words.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ipycontainers.course import evidence, images
from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import PODMAN, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.course.recipes import BIG
from ipycontainers.errors import NotFound
from ipycontainers.oci.programs import interpreter

lesson = Lesson("02")

TOOLBOX, LAYERS, WEB = "ipyc/toolbox:1", "ipyc/layers:1", "ipyc/web:1"
BUILT: Final = "ipyc/02-small"
RUNS, NOT_FOUND = 0, 1  # choices of 02-ls
# What a Dockerfile of two lines may add to the toolbox, in bytes.
NOTHING: Final = 100_000
# Half of the last digit of what is measured in MB.
ROUNDED: Final = 0.051
# Of an engine that keeps images in containerd's store.
COMPRESSED: Final = "io.containerd.snapshotter"


@lesson.expects("C1")
def _size(lab: Lab, value: Any) -> bool:
    """In MB: that of the files. An engine that keeps layers compressed counts otherwise."""
    if not isinstance(value, int | float):
        return False
    if COMPRESSED in str(lab.info.get("DriverStatus")):
        return value >= BIG / 1e6
    return abs(value - int(lab.engine.inspect_image(LAYERS)["Size"]) / 1e6) <= ROUNDED


@lesson.expects("C2")
def _added(lab: Lab, value: Any) -> bool:
    always = {"/dev", "/etc", "/proc", "/sys"}
    more = {"/run", "/var"} if lab.tier == PODMAN else set()
    return isinstance(value, Sequence) and always <= set(value) <= always | more


@lesson.expects("C3")
def _command_of(lab: Lab, value: Any) -> bool:
    """The file says the same as the engine."""
    return bool(value == lab.engine.inspect_image(LAYERS)["Config"]["Cmd"])


@lesson.expects("C4")
def _status(_lab: Lab, value: Any) -> bool:
    """Exit code 127 is what shells say of what is not found."""
    return bool(value == (0 if _is_whole() else 127))


@lesson.answers("02-ls")
def _ls(_lab: Lab) -> int:
    return RUNS if _is_whole() else NOT_FOUND


def _is_whole() -> bool:
    """Whether the host's ls needs no loader."""
    program = shutil.which("ls")
    return program is not None and not interpreter(program)


@lesson.expects("C5")
def _variables(_lab: Lab, value: Any) -> bool:
    """The image's, the one that was given, and no other."""
    return bool(value == ["World", "learner", "absent"])


@lesson.expects("C6")
def _configuration(_lab: Lab, value: Any) -> bool:
    """The course's images bring no file below etc."""
    return bool(value == 0)


# --- exercises ------------------------------------------------------------------------------


@lesson.checks("02-command")
def _command(lab: Lab) -> Answer:
    given = Progress.here().of("answers").get("02-command")
    if given is None:
        return not_started()
    words, wanted = _words(given), _command_in(lab, WEB)
    if words == wanted:
        return correct()
    if words and words == wanted[: len(words)]:
        return almost("part", count=len(wanted) - len(words))
    if sorted(words) == sorted(wanted) or set(wanted) < set(words):
        is_history = {"CMD", "#(nop)"} & set(words)
        return almost("history") if is_history else almost("order")
    for image in (LAYERS, TOOLBOX):
        if words == _command_in(lab, image):
            return keep_working("other-image", image=image)
    return keep_working("other", given=quoted(" ".join(words)) or "nothing")


def _command_in(lab: Lab, image: str) -> list[str]:
    config: Mapping[str, Any] = lab.engine.inspect_image(image)["Config"]
    return [str(word) for word in config["Cmd"]]


def _words(given: object) -> list[str]:
    """Of a list, and of a text as JSON, docker's templates and shells write a list."""
    if isinstance(given, list):
        return [str(word) for word in given]
    text = str(given).strip()
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        return [str(word) for word in parsed]
    try:
        return shlex.split(text.replace("[", " ").replace("]", " ").replace(",", " "))
    except ValueError:  # a quotation mark too many
        return text.split()


@lesson.checks("02-small")
def _small(lab: Lab) -> Answer:
    images.ensure(TOOLBOX, connection=lab.engine)
    try:
        image = lab.engine.inspect_image(BUILT)
    except NotFound:
        return not_started()
    if not (image.get("RootFS") or {}).get("Layers"):
        return keep_working("empty")
    if int(image["Size"]) > int(lab.engine.inspect_image(TOOLBOX)["Size"]) + NOTHING:
        return keep_working("big", size=f"{int(image['Size']) / 1e6:.1f}")
    return _has_run(lab, str(image["Id"]))


def _has_run(lab: Lab, image: str) -> Answer:
    made = lab.made_for("02-small")
    of_it = [one for one in made if one["Image"] == image]
    if not of_it:
        return almost("older") if made else almost("not-run")
    if code := evidence.code(of_it[0]):
        return keep_working("failed", code=code)
    if "small" not in evidence.printed(lab, of_it[0]).split():
        return almost("silent")
    return correct()
