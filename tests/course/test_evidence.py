"""What a container printed is read whole where it is short, and never more than a bound."""

from __future__ import annotations

import os
from typing import Any

from ipycontainers.course import evidence
from ipycontainers.course.lab import Lab


def test_what_it_printed_is_its_standard_output(lab: Lab, attempt: Any) -> None:
    container = lab.engine.inspect(attempt("t-out", "echo one; echo two >&2; echo three"))
    assert evidence.printed(lab, container) == "one\nthree\n"


def test_of_a_flood_the_first_part_is_read(lab: Lab, attempt: Any) -> None:
    container = lab.engine.inspect(attempt("t-flood", "yes | head -c 1000000"))
    text = evidence.printed(lab, container)
    assert 10_000 < len(text) <= evidence.MOST
    assert set(text) == {"y", "\n"}


def test_a_container_that_is_gone_has_printed_nothing(lab: Lab, attempt: Any) -> None:
    container = lab.engine.inspect(attempt("t-gone", "echo one"))
    lab.engine.remove(container["Id"])
    assert evidence.printed(lab, container) == ""


def test_a_strangers_text_is_one_short_line_without_controls() -> None:
    assert evidence.quoted("\n \x1b[31mred\nmore") == "\\x1b[31mred"
    assert len(evidence.quoted("a" * 1000)) == evidence.LONG
    assert evidence.quoted(" \n") == ""


def test_variables_code_and_name_are_those_that_it_was_made_with(lab: Lab, attempt: Any) -> None:
    called = f"t-facts-{os.getpid()}"
    made = attempt("t-facts", "exit 3", environment={"A": "1=2"}, name=called)
    container = lab.engine.inspect(made)
    assert evidence.variables(container)["A"] == "1=2"
    assert (evidence.code(container), evidence.name(container)) == (3, called)


def test_a_file_of_a_container_is_read_when_its_program_has_ended(lab: Lab, attempt: Any) -> None:
    container = {
        "Id": attempt(
            "t03", "echo gold > /t; ln -s /t /link; dd if=/dev/zero of=/big bs=1M count=1"
        )
    }
    assert evidence.file(lab, container, "/t") == b"gold\n"
    assert evidence.file(lab, container, "/no") is None
    assert evidence.file(lab, container, "/bin") is None
    assert evidence.file(lab, container, "/link") is None
    assert evidence.file(lab, container, "/big") == bytes(evidence.MOST)
