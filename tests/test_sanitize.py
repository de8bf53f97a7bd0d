"""The file for nbval is one file, and replaces only what differs from run to run."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from support import REPOSITORY

from ipycontainers.cli import main


def shipped(capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["nbval-sanitize"]) == 0
    return Path(capsys.readouterr().out.strip())


def test_the_package_has_the_repositorys(capsys: pytest.CaptureFixture[str]) -> None:
    there = REPOSITORY / "notebooks" / "nbval.cfg"
    assert shipped(capsys).read_bytes() == there.read_bytes()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"Id: sha256:{'ab12' * 16}", "Id: ID"),
        ("0123456789ab Up", "ID Up"),
        ("pid:[4026531836]", "pid:[NUMBER]"),
        ("at 2026-11-26T18:00:00.123Z", "at TIME"),
        ("5 layers of 9 rows, 2.0 MB", "5 layers of 9 rows, 2.0 MB"),
        ("exit code 137", "exit code 137"),
        ("abcdefabcdef 123456789012", "abcdefabcdef 123456789012"),
    ],
)
def test_it_replaces_what_means_nothing(
    text: str, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(shipped(capsys))
    for section in parser.sections():
        rule = parser[section]
        text = re.sub(rule["regex"], rule["replace"], text)
    assert text == seen
