"""Values into and out of containers that run one cell, on the engine under test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import library

Once = Callable[..., Any]


def test_python_gets_values_and_gives_them_back(once: Once) -> None:
    values = {"table": [{"a": 1}, {"a": None}], "when": dt.date(2026, 1, 31), "big": 2**200}
    ran = once("python", "python", "table.append(big)\nlater = when", values, ["table", "later"])
    assert (ran.exit_code, ran.out, ran.err) == (0, "", "")
    assert ran.values == {"table": [{"a": 1}, {"a": None}, 2**200], "later": dt.date(2026, 1, 31)}


# R14
def test_a_shells_variables_come_back_whole(once: Once) -> None:
    text = "v=$((10+1))\nw='two\nlines\n'\nexport w"
    ran = once("busybox", "shell", text, {}, ["v", "nosuch", "w"])
    assert ran.values == {"v": "11", "w": "two\nlines\n"}
    assert ran.unset == ("nosuch",)
    assert (ran.exit_code, ran.out, ran.err) == (0, "", "")


def test_a_shell_is_given_exported_text(once: Once) -> None:
    values = {"quoted": 'it\'s $HOME `id`\n\\ "x" ', "yes": True, "none": None, "pi": 3.25}
    text = 'env -u PATH awk \'BEGIN { printf "%s|%s|%s|%s", ENVIRON["quoted"], ENVIRON["yes"], '
    text += 'ENVIRON["none"], ENVIRON["pi"] }\''
    ran = once("busybox", "shell", text.replace("env -u PATH ", ""), values)
    assert ran.out == f"{values['quoted']}|true||3.25"


@pytest.mark.parametrize("image", ["busybox", "debian"])
def test_the_exit_code_and_the_lines_of_a_shell_cell_stay(once: Once, image: str) -> None:
    ran = once(image, "shell", "v=1\nset -e\nfalse\nv=2", {"x": "a\nb"}, ["v"])
    assert (ran.exit_code, ran.values) == (1, {"v": "1"})
    ran = once(image, "shell", "set -x; trap 'exit 7' EXIT\nv=1\nnosuchcommand\n", {}, ["v"])
    assert (ran.exit_code, ran.values) == (7, {"v": "1"})
    assert " 3: nosuch" in ran.err or image == "busybox"  # whose ash counts none
    assert "ipycontainers" not in ran.err


def test_a_file_of_the_folder_comes_back_as_what_it_is(once: Once, tmp_path: Path) -> None:
    (tmp_path / "a.b.txt").write_text("hello")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "x").write_text("1")
    values = {"file": tmp_path / "a.b.txt", "folder": tmp_path / "folder", "numbers": [1, None]}
    text = (
        'echo "$file $folder $numbers"; cat "$file" "$folder/inner/x" "$numbers"\n'
        'echo more >> "$file"; echo 2 > "$folder/y"\n'
        "echo '{\"a\": [1.5]}' > /.ipycontainers/values/made.json"
    )
    ran = once("busybox", "shell", text, values, ["file", "folder", "made"])
    folder = "/.ipycontainers/values"
    assert ran.out == (
        f"{folder}/file.txt {folder}/folder {folder}/numbers.json\nhello1[1, null]\n"
    )
    assert ran.values["file"] == "hellomore\n"
    assert ran.values["made"] == {"a": [1.5]}
    assert sorted(p.name for p in ran.values["folder"].iterdir()) == ["inner", "y"]


def test_a_text_too_large_for_the_environment_is_a_file(once: Once) -> None:
    fits, large = "x" * 131_067, "x" * 131_068
    text = 'echo "${#fit} $big"; exec wc -c "$big"'
    ran = once("busybox", "shell", text, {"fit": fits, "big": large})
    path = "/.ipycontainers/values/big.txt"
    assert ran.out == f"131067 {path}\n131068 {path}\n"


def test_an_exported_function_confuses_nothing(once: Once) -> None:
    text = "f(){ echo\n}; export -f f; v=right"
    ran = once("debian", "shell", text, {}, ["v"], program=("bash",))
    assert (ran.exit_code, ran.values, ran.err) == (0, {"v": "right"}, "")


def test_a_traceback_of_python_shows_the_cell_alone(once: Once) -> None:
    text = "x = 1\ndef f():\n    return 1 / 0\nf()\n"
    ran = once("python", "python", text, {}, ["x"])
    assert (ran.exit_code, ran.values) == (1, {"x": 1})
    lines = ran.err.splitlines()
    assert lines[1:3] == ['  File "/.ipycontainers/cell", line 4, in <module>', "    f()"]
    assert "    return 1 / 0" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "run.py" not in ran.err


def test_a_python_cell_ends_as_it_likes(once: Once) -> None:
    ran = once("python", "python", "import sys; y = 2; sys.exit(7)", {}, ["y", "z"])
    assert (ran.exit_code, ran.values, ran.unset) == (7, {"y": 2}, ("z",))
    ran = once("python", "python", "raise KeyboardInterrupt", {}, ["y"])
    assert ran.exit_code == 130
    ran = once("python", "python", "import sys; sys.exit('words')", {}, ["y"])
    assert (ran.exit_code, ran.err) == (1, "words\n")


def test_what_the_container_cannot_send_is_refused_by_name(once: Once) -> None:
    ran = once("python", "python", "a = open('/dev/null'); b = 1", {}, ["a", "b"])
    assert ran.values == {"b": 1}
    assert "TextIOWrapper" in ran.refused["a"]


def test_main_is_the_cells_own(once: Once) -> None:
    text = "print(__name__, sorted(n for n in globals() if n[0] != '_'))"
    assert once("python", "python", text, {"v": 1}).out == "__main__ ['v']\n"


def test_python_gets_a_path_and_an_array_without_numpy(once: Once, tmp_path: Path) -> None:
    np = library("numpy")
    (tmp_path / "data.tar.gz").write_bytes(b"zipped")
    text = "import os\nname = os.fspath(data)\ncontent = data.read_bytes()\nback = grid"
    values = {"data": tmp_path / "data.tar.gz", "grid": np.arange(6).reshape(2, 3)}
    ran = once("python", "python", text, values, ["name", "content", "back", "data"])
    assert ran.values["name"] == "/.ipycontainers/values/data.tar.gz"
    assert ran.values["content"] == b"zipped"
    assert ran.values["back"] == [[0, 1, 2], [3, 4, 5]]
    assert ran.values["data"].read_bytes() == b"zipped"
