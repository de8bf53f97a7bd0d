"""What a script writes into the course's pages: the line that leads on, the index, the glossary.

    stale = navigate(folder)                 write them, and say which files changed
    stale = navigate(folder, check=True)     only say which would

Each notebook's last cell of text ends with a line: the one before, the contents, the next. The
index in README.md stands between two marks. Titles come from the notebooks, minutes and claims from
the catalogue.

Knows: the notebooks' files. Does not know: what they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import catalogue, copies
from .catalogue import words

BEGIN, END = "<!-- index: written by `ipycontainers course nav` -->", "<!-- end of the index -->"
RULE = "\n\n---\n\n"


def navigate(folder: Path, *, check: bool = False) -> list[str]:
    """The names of the files that were not as they are to be. Raises Invalid where ``folder`` has
    no notebook of the course."""
    paths = copies.of_the_course(folder)
    titles = {path: title(copies.load(path)) for path in paths}
    stale = [
        path.name
        for at, path in enumerate(paths)
        if _navigated(path, _line(paths, titles, at), check=check)
    ]
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    made = _indexed(text, "\n".join(_index(paths, titles)))
    if made != text:
        stale.append(readme.name)
        if not check:
            readme.write_text(made, encoding="utf-8")
    return stale


def title(notebook: copies.Notebook) -> str:
    """Its H1."""
    text = "".join(notebook["cells"][0]["source"])
    found = re.match(r"# (.+)", text)
    return found[1].strip() if found else ""


def _navigated(path: Path, line: str, *, check: bool) -> bool:
    notebook = copies.load(path)
    last = next(one for one in reversed(notebook["cells"]) if one["cell_type"] == "markdown")
    before = "".join(last["source"])
    made = f"{before.partition(RULE)[0].rstrip()}{RULE}{line}"
    last["source"] = made.splitlines(keepends=True)
    if made != before and not check:
        copies.store(notebook, path)
    return made != before


def _line(paths: Sequence[Path], titles: dict[Path, str], at: int) -> str:
    parts = []
    if at:
        before = paths[at - 1]
        parts.append(f"← [{titles[before]}]({before.name})")
    parts.append(f"[{words('pages.contents')}](README.md)")
    if at + 1 < len(paths):
        after = paths[at + 1]
        parts.append(f"[{titles[after]}]({after.name}) →")
    return " · ".join(parts)


def _index(paths: Sequence[Path], titles: dict[Path, str]) -> Iterator[str]:
    heads = words("pages.heads").split("|")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    total = 0
    for path in paths:
        name = copies.number(path)
        told = catalogue.notebook(name)
        total += told["minutes"]
        claims = ", ".join(told["claims"]) or "–"
        images = ", ".join(f"`{one}`" for one in told["images"]) or "–"
        yield (
            f"| {name} | [{told['title']}]({path.name}) | {titles[path]} | {claims} | {images} "
            f"| {told['minutes']} |"
        )
    hours, minutes = divmod(total, 60)
    yield ""
    yield words("pages.total", hours=hours, minutes=minutes)


def _indexed(text: str, index: str) -> str:
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{index}\n\n{END}{after}"
