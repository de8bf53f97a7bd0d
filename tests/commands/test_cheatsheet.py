"""docs/cheatsheet.md is what the table says."""

from __future__ import annotations

from support import REPOSITORY

from ipycontainers.commands import cheatsheet
from ipycontainers.commands.table import VERBS


def test_the_page_is_the_tables() -> None:
    page = REPOSITORY / "docs" / "cheatsheet.md"
    hint = "python -m ipycontainers.commands.cheatsheet > docs/cheatsheet.md"
    assert page.read_text(encoding="utf-8") == cheatsheet.text(), hint


def test_each_verb_and_flag_stands_in_it() -> None:
    page = cheatsheet.text()
    for verb in VERBS:
        assert all(f"`{name}" in page for name in verb.names if not verb.refused)
        assert all(flag.names[-1] in page for flag in verb.flags)


def test_its_tables_are_tables() -> None:
    """A cell with a line break would be the end of one."""
    rows = [line for line in cheatsheet.text().splitlines() if "|" in line]
    wrong = [row for row in rows if not row.startswith(("| ", "|-"))]
    assert wrong == []
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}
