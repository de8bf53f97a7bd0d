"""Docker's layout of text and numbers."""

from __future__ import annotations

import pytest

from ipycontainers.commands import columns


def test_columns_are_three_apart_and_ten_wide() -> None:
    text = "NAMES\tIMAGE\tPORTS\nweb\tnginx:1.27-alpine\t\n"
    assert columns.tabulated(text) == (
        "NAMES     IMAGE               PORTS\nweb       nginx:1.27-alpine   \n"
    )


def test_a_column_is_a_run_of_lines_that_have_it() -> None:
    assert columns.tabulated("a\tb\nplain\nlonger than that\tc") == (
        "a         b\nplain\nlonger than that   c"
    )


def test_many_cells_are_laid_out_too() -> None:
    assert columns.tabulated("\t" * 5000, least=1, padding=1) == " " * 5000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
        (3599, "59 minutes"), (3600, "About an hour"), (2 * 86400 - 1800, "2 days"),
        (14 * 86400, "2 weeks"), (60 * 86400, "2 months"), (730 * 86400, "2 years"),
        (47 * 3600, "47 hours"),
    ],
)  # fmt: skip
def test_ages(seconds: float, said: str) -> None:
    assert columns.age(seconds) == said


def test_what_is_cut_ends_in_dots() -> None:
    assert columns.cut("short", 20) == "short"
    assert columns.cut("x" * 30, 20) == "x" * 19 + "…"
    assert columns.cut("容器" * 10, 20) == "容器" * 4 + "容…"


def test_nothing_quoted_is_a_control() -> None:
    assert columns.quoted('a "b"\n\x1b[2J\u202e') == '"a \\"b\\"\\n\\x1b[2J\\u202e"'


def test_ports_in_a_row_are_one() -> None:
    def port(
        inside: int, outside: int = 0, address: str = "", kind: str = "tcp"
    ) -> dict[str, object]:
        return {"PrivatePort": inside, "PublicPort": outside, "IP": address, "Type": kind}

    assert columns.ports([port(81), port(80), port(90), port(53, kind="udp")]) == (
        "80-81/tcp, 53/udp, 90/tcp"
    )
    assert columns.ports([port(80, 8080, "0.0.0.0"), port(80, 8080, "::"), port(443)]) == (
        "443/tcp, 0.0.0.0:8080->80/tcp, :::8080->80/tcp"
    )
    assert columns.ports([port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")]) == (
        "0.0.0.0:80-81->80-81/tcp"
    )


def test_a_date_of_year_one_is_one() -> None:
    assert columns.date(-62135596800).startswith(("0001-01-01", "0001-01-02"))
