"""What a notebook shows of an error, and what may be copied from it."""

from __future__ import annotations

from ipycontainers.errors import CellFailed, Invalid


def test_an_error_is_its_message_and_its_hint() -> None:
    assert Invalid("no option --cap", "did you mean --cap-add?")._render_traceback_() == [
        "Invalid: no option --cap",
        "  hint: did you mean --cap-add?",
    ]


def test_without_a_hint_there_is_one_line() -> None:
    assert Invalid("no image")._render_traceback_() == ["Invalid: no image"]


def test_a_failed_cell_shows_its_command_too() -> None:
    error = CellFailed("exit code 1 in x", exit_code=1, command="docker run --rm x false")
    assert error._render_traceback_() == [
        "CellFailed: exit code 1 in x",
        "  the same in a terminal: docker run --rm x false",
    ]


def test_a_command_of_several_lines_is_copied_as_it_ran() -> None:
    command = "docker run --rm -i x python3 - <<'EOF'\nif 1:\n    exit(3)\n\nEOF"
    error = CellFailed("exit code 3 in x", "look at line 2", exit_code=3, command=command)
    shown = "\n".join(error._render_traceback_())
    assert shown.startswith("CellFailed: exit code 3 in x\n  hint: look at line 2\n")
    assert shown.endswith(f"  the same in a terminal:\n{command}")
