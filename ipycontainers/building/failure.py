"""What went wrong with a build, in a line of the cell and what to do.

Knows: the engines' words. Does not know: how a build is made.
"""

from __future__ import annotations

import re

from ipycontainers.client import pull
from ipycontainers.client.translate import PROGRAM, of_start, one_line
from ipycontainers.errors import CellFailed, ContainerError, Invalid, Unsupported

from .plan import Plan, Text
from .progress import Progress, Step

SHOWN = 100  # characters of an instruction in a message
_PREFIX = re.compile(
    r"^building the image: |^(?:failed to parse|error parsing) \S+: |"
    r"^dockerfile parse error (?:on )?line (?P<line>\d+): |^Syntax error - "
)
_NO_FILE = re.compile(
    r"file not found|no such file or directory|no source files|no items matching", re.IGNORECASE
)


def of_documents(plan: Plan) -> Unsupported:
    """Where an engine would take the lines of a here-document for instructions."""
    return Unsupported(
        f"line {plan.documents} of the cell: here-documents need BuildKit, and the API of this "
        "engine builds without it",
        "COPY a file of --context instead; the engine that comes along reads here-documents",
    )


def of_text(error: ContainerError, plan: Plan, text: Text) -> ContainerError:
    """What the engine says of the Dockerfile, before the first step."""
    reason, line = _without_prefix(error.message, text)
    if not line and plan.error and _without_prefix(plan.error, text)[0] == reason:
        line = plan.line
    error.message = f"{_where(line)}{reason}"
    return error


def of_step(progress: Progress, plan: Plan, text: Text, *, has_context: bool) -> ContainerError:
    """What the engine said last."""
    failure, step = progress.failure, progress.current
    assert failure
    if step is None:
        return of_text(Invalid(failure.message), plan, text)
    if plan.line and not step.line:  # Podman judges a line when it comes to it, in long words
        return Invalid(f"{_where(plan.line)}{_without_prefix(plan.error, text)[0]}")
    place = f"step {progress.number} of {len(progress.steps)}"
    if step.line:
        place += f", line {step.line} of the cell"
    told = one_line(step.text, SHOWN)
    if failure.code and step.text[:4].upper() == "RUN ":
        return CellFailed(f"exit code {failure.code} in {place}: {told}", exit_code=failure.code)
    if PROGRAM.search(failure.message):  # the runtimes' words, with all of their own steps
        error = of_start(500, failure.message, "")
        code = getattr(error, "exit_code", None) or 1
        return CellFailed(f"{place}, {told}: {error.message}", error.hint, exit_code=code)
    if image := base(step.text):
        error = pull.failure(failure.message, image)
        if error.hint:  # it is a pull that failed, and there is something to be done
            return CellFailed(f"{place}, {told}: {error.message}", error.hint, exit_code=1)
    return CellFailed(
        f"{place}, {told}: {failure.message}",
        _hint(step, failure.message, has_context=has_context),
        exit_code=failure.code or 1,
    )


def base(step: str) -> str:
    """The image that a FROM names, as far as it can be told without values."""
    names = [word for word in step.split()[1:] if not word.startswith("--")]
    return names[0] if step[:5].upper() == "FROM " and names and "$" not in names[0] else ""


def _hint(step: Step, message: str, *, has_context: bool) -> str:
    takes = step.text.upper().startswith(("COPY ", "ADD "))
    if not takes or "--from" in step.text or not _NO_FILE.search(message):
        return ""
    if has_context:
        return "is it in the folder of --context, and not left out by its .dockerignore?"
    return "no folder is sent to the engine: --context . sends the notebook's"


def _without_prefix(message: str, text: Text) -> tuple[str, int]:
    """The reason alone, and the line of the cell where the words name one of the Dockerfile."""
    line = 0
    while found := _PREFIX.match(message):
        line = text.cell_line(int(found["line"])) if found["line"] else line
        message = message[found.end() :]
    return message, line


def _where(line: int) -> str:
    return f"line {line} of the cell: " if line else ""
