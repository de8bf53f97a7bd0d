"""What a shell is told of values, read by the shells that are here."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import require

from ipycontainers.errors import Invalid
from ipycontainers.exchange import exports, pack, shell, unpack, wrap_shell

SHELLS = [["sh"], ["bash"], ["busybox", "sh"]]
FEW = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _exports(**values: Any) -> shell.Exports:
    return exports({name: pack(value, name) for name, value in values.items()})


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
@FEW
@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_a_shell_reads_every_text_as_it_is(words: list[str], text: str) -> None:
    require(shutil.which(words[0]), "docker", f"no {words[0]} here")
    script = _exports(v=text).script + b'printf %s "$v"'
    asked = subprocess.run(words, input=script, capture_output=True, check=True)
    assert asked.stdout == text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (10**30, "1" + "0" * 30),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (-0.5, "-0.5"),
        ("\udcff", "\udcff"),
        (dt.date(2026, 1, 31), "2026-01-31"),
        (dt.datetime(2026, 1, 31, 12, tzinfo=dt.timezone.utc), "2026-01-31T12:00:00+00:00"),
    ],
)
def test_single_values_are_exported_text(value: Any, text: str) -> None:
    assert (
        _exports(v=value).script == b"export v='" + text.encode("utf-8", "surrogateescape") + b"'\n"
    )


@pytest.mark.parametrize(
    ("value", "suffix"),
    [([1], ".json"), ({}, ".json"), ((1,), ".json"), ({1}, ".json"), (b"x", ".bin"),
     ("a\0b", ".txt"), ("x" * 131_070, ".txt")],
)  # fmt: skip
def test_everything_else_is_a_file_with_its_type(value: Any, suffix: str) -> None:
    assert _exports(v=value).script == f"export v='/.ipycontainers/values/v{suffix}'\n".encode()


def test_all_exports_together_have_a_limit() -> None:
    values = {f"v{n:02}": "x" * 100_000 for n in range(30)}
    script = _exports(**values).script
    assert 900_000 < len(script) < shell.EXPORTS_LIMIT + 10_000
    assert script.count(b".txt'") == 20


def test_a_name_that_no_shell_can_have_is_refused() -> None:
    with pytest.raises(Invalid, match="-i ä"):
        _exports(ä=1)
    with pytest.raises(Invalid, match="-o ä"):
        wrap_shell("", {}, ["ä"])


def test_the_limit_of_what_comes_out_is_none_of_what_goes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert unpack.__kwdefaults__
    monkeypatch.setitem(unpack.__kwdefaults__, "limit", 10)
    assert b"b.bin" in _exports(b=bytes(100), d=dt.date(2026, 1, 31)).script


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
def test_saving_says_what_is_set_now(words: list[str], tmp_path: Path) -> None:
    """Also where an earlier cell had set it, and whatever options the shell has."""
    require(shutil.which(words[0]), "docker", f"no {words[0]} here")
    (tmp_path / "saved").mkdir()
    (tmp_path / "values" / "deep").mkdir(parents=True)
    (tmp_path / "values" / "d.csv").touch()
    save = shell.saving(list("abcd")).replace("/.ipycontainers", str(tmp_path))
    folder = f"{tmp_path}/values"
    script = f"set -efuCx; a='1\n'; b={folder}/d.csv; c={folder}/deep/..\n{save}\nset +x\n"
    ran = subprocess.run(words, input=script.encode(), capture_output=True, check=True)
    assert b"saved" not in ran.stdout + ran.stderr
    saved = {name: (tmp_path / "saved" / name).read_text() for name in "abcd"}
    assert saved == {
        "a": "=1\n",
        "b": f"@{folder}/d.csv",
        "c": f"={folder}/deep/..",
        "d": f"@{folder}/d.csv",
    }
    script = f"unset a; b=2\n{save}"
    subprocess.run(words, input=script.encode(), capture_output=True, check=True)
    assert [(tmp_path / "saved" / name).read_text() for name in "ab"] == ["-", "=2"]
