"""What the catalogue says: a language as a whole or not at all, values that stay values, ids."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from ipycontainers.course import answer, catalogue, lesson
from ipycontainers.course.catalogue import Exercise, filled, legible
from ipycontainers.errors import Invalid

COURSE = Path(catalogue.__file__).parent
# Of commands for a terminal, which speak English as the rest of the package does.
FOR_A_TERMINAL = {"busybox.py", "command.py", "copies.py", "images.py", "pages.py", "recipes.py"}
MODULES = [file for file in sorted(COURSE.glob("*.py")) if file.name not in FOR_A_TERMINAL]
# Whose file is there: words may come first.
THERE = [it for it in catalogue.notebooks() if [*(REPOSITORY / "notebooks").glob(f"{it}-*.ipynb")]]
LESSONS = sorted((COURSE / "lessons").glob("n*.py"))


# --- languages ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the catalogue with a second language, Xa, whose texts are the English ones in
    brackets; it is the learner's."""
    copied = tmp_path / "catalogue"
    shutil.copytree(catalogue.FOLDER, copied)
    (copied / "xa").mkdir()
    for file in (copied / "en").glob("*.json"):
        (copied / "xa" / file.name).write_text(json.dumps(_bracketed(json.loads(file.read_text()))))
    monkeypatch.setattr(catalogue, "FOLDER", copied)
    monkeypatch.setenv("LANG", "xa_AR.UTF-8")
    _forget()
    yield copied
    _forget()


def _forget() -> None:
    catalogue.languages.cache_clear()
    catalogue._file.cache_clear()


def _bracketed(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _bracketed(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_bracketed(one, key) for one in value]
    is_text = isinstance(value, str) and key not in catalogue._FIXED and value
    return f"[{value}]" if is_text else value


def _change(file: Path, change: Any) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_a_language_that_is_whole_is_used(folder: Path) -> None:
    assert catalogue.languages() == ("en", "xa")
    assert catalogue.words("quiz.right") == "[Right.]"
    assert catalogue.claim("C9").text.startswith("[")
    assert (catalogue.claim("C9").notebook, catalogue.claim("C9").verdict) == ("04a", "wrong")


def test_one_that_is_asked_for_by_name_goes_before_that_of_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYCONTAINERS_COURSE_LANGUAGE", "en")
    assert catalogue.words("quiz.right") == "Right."


INCOMPLETE = {
    "one text is missing": ("words", lambda it: it.pop("quiz.right")),
    "one text is empty": ("words", lambda it: it.update({"quiz.right": "  "})),
    "one text is too many": ("words", lambda it: it.update({"quiz.more": "more"})),
    "a claim is missing": ("claims", lambda it: it.pop("C9")),
    "a verdict was translated": ("claims", lambda it: it["C9"].update(verdict="falso")),
    "a claim is another notebook's": ("claims", lambda it: it["C9"].update(notebook="02")),
    "another choice is right": ("01", lambda it: it["predictions"]["01-worlds"].update(right=9)),
    "a choice is missing": ("01", lambda it: it["predictions"]["01-worlds"]["choices"].pop()),
}


@pytest.mark.parametrize("how", INCOMPLETE)
def test_one_that_is_not_whole_is_not_used_at_all(folder: Path, how: str) -> None:
    file, change = INCOMPLETE[how]
    _change(folder / "xa" / f"{file}.json", change)
    assert catalogue.languages() == ("en",)
    assert catalogue.words("quiz.right") == "Right."
    assert not catalogue.claim("C9").text.startswith("[")


@pytest.mark.parametrize("text", [None, "", "{", "\xff"])
def test_a_file_that_is_missing_or_none_makes_a_language_unused(
    folder: Path, text: str | None
) -> None:
    file = folder / "xa" / "claims.json"
    file.unlink() if text is None else file.write_bytes(text.encode("latin-1"))
    assert catalogue.languages() == ("en",)


def test_what_is_shipped_is_whole() -> None:
    folders = {one.name for one in catalogue.FOLDER.iterdir() if one.is_dir()}
    assert set(catalogue.languages()) == folders


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["{0.__class__}", "{name}", "{other}", "%s %(name)s", "{{}}", "\\1 \\g<0>", "{"]
)
def test_a_value_is_put_in_and_not_looked_at(value: str) -> None:
    assert filled("<{name}> {other}", {"name": value, "other": 7}) == f"<{value}> 7"


def test_other_braces_stand_for_themselves() -> None:
    text = "docker inspect -f '{{.State.ExitCode}}' {name}; {} {unknown} {a.b} {0}"
    assert filled(text, {"name": "x", "a": "y"}) == text.replace("{name}", "x")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two\nlines\tand more", "two lines and more"),
        ("\x1b[2Jgone\x00", "\\x1b[2Jgone\\x00"),
        ("\u202eevil", "\\u202eevil"),
        ("\udc80", "\\x80"),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_a_value_can_be_read(value: object, shown: str) -> None:
    assert legible(value) == shown


def test_a_value_is_bounded() -> None:
    assert legible("a" * 10_000_000) == "a" * (catalogue.LONGEST - 1) + "…"
    assert len(legible("\0" * 10_000)) == catalogue.LONGEST


def test_a_reason_takes_its_values_from_a_container() -> None:
    exercise = Exercise("x", "do it", {"runs": "{name} still runs"}, {"": "look at {name}"})
    hostile = answer.keep_working("runs", name="{0.__class__}<b>\n\x1b[0m")
    assert exercise.words(hostile) == "{0.__class__}<b> \\x1b[0m still runs"
    assert exercise.hint(hostile) == "look at {0.__class__}<b> \\x1b[0m"


def test_the_words_of_a_check_that_all_share_have_their_values() -> None:
    said = Exercise("x", "do it").words(answer.cannot("no-engine", why="no socket"))
    assert said == "No engine runs here: no socket"


def test_a_reason_without_words_stops_nobody() -> None:
    assert Exercise("x", "do it").words(answer.almost("what-is-this")) == "what-is-this"


def test_a_hint_looks_at_the_mistake_then_at_the_state_then_there_is_one_for_all() -> None:
    hints = {"runs": "stop it", "not started": "begin", "": "read on"}
    exercise = Exercise("x", "do it", {}, hints)
    assert exercise.hint(answer.keep_working("runs")) == "stop it"
    assert exercise.hint(answer.not_started()) == "begin"
    assert exercise.hint(answer.almost("other")) == "read on"
    assert Exercise("x", "do it").hint(answer.almost("other")) == "do it"


# --- ids ------------------------------------------------------------------------------------

UNKNOWN = {
    "claim": (lambda: catalogue.claim("c9"), "C9"),
    "notebook": (lambda: catalogue.notebook("4a"), "01"),
    "path": (lambda: catalogue.notebook("../en/words"), "01"),
    "file": (lambda: catalogue.notebook("claims"), "01"),
    "prediction": (lambda: catalogue.question("01-world"), "01-worlds"),
    "prediction of no notebook": (lambda: catalogue.question("worlds"), "01"),
    "exercise": (lambda: catalogue.exercise("01-nothing"), ""),
    "empty": (lambda: catalogue.question(""), "01"),
    "no text": (lambda: catalogue.question(7), "01"),  # type: ignore[arg-type]
    "check": (lambda: lesson.check_of("01-nothing"), ""),
    "check of no notebook": (lambda: lesson.check_of("../x"), ""),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_not_there_is_said_with_what_is(what: str) -> None:
    ask, there = UNKNOWN[what]
    with pytest.raises(Invalid) as raised:
        ask()
    assert raised.value.message.startswith("there is no ")
    assert there in raised.value.hint


# --- what is in it --------------------------------------------------------------------------


def test_every_claim_is_judged_by_one_notebook() -> None:
    claims = catalogue.claims()
    assert [one.id for one in claims] == [f"C{number}" for number in range(1, 34)]
    assert {one.verdict for one in claims} <= set(catalogue.VERDICTS)
    assert all(one.text and one.because and one.sentence for one in claims)


def test_a_claim_of_a_notebook_is_a_claim() -> None:
    known = {one.id for one in catalogue.claims()}
    for name in catalogue.notebooks():
        assert set(catalogue.notebook(name).get("claims", ())) <= known, name


@pytest.mark.parametrize("name", THERE)
def test_a_notebooks_words_are_whole(name: str) -> None:
    told = catalogue.notebook(name)
    assert all(told[key] for key in ("title", "question", "minutes"))
    for kind in ("predictions", "quizzes"):
        for one in told.get(kind, {}):
            _is_sound(catalogue.question(one, kind), is_judged=kind == "quizzes")
            assert one.startswith(f"{name}-")
    for one in told.get("exercises", {}):
        assert one.startswith(f"{name}-")
        assert lesson.check_of(one)
        assert catalogue.exercise(one).task


def _is_sound(question: catalogue.Question, *, is_judged: bool) -> None:
    assert question.text, question.id
    assert len(question.choices) > 1, question.id
    right, count = question.right, len(question.choices)
    if right is None:
        assert not is_judged, question.id
        assert question.id in lesson.of(question.id).right_of, question.id
    else:
        rows = right if isinstance(right, list) else [right]
        assert len(rows) == (len(question.rows) or 1), question.id
        assert all(0 <= one < count for one in rows), question.id
    if not isinstance(question.why, str):
        assert len(question.why) == count, question.id


def test_a_recall_question_is_about_an_earlier_notebook() -> None:
    for name in catalogue.notebooks():
        for one in catalogue.quizzes(name):
            assert one.about, one.id
            assert one.about < name, one.id


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_what_a_check_can_say_has_words_with_these_values(file: Path) -> None:
    """Of each call such as keep_working("runs", name=…)."""
    told = catalogue.notebook(file.stem[1:]).get("exercises", {})
    shared = {"not-started": "", "correct": ""}
    for call in _calls(file, {"not_started", "keep_working", "almost", "correct", "cannot"}):
        given = {word.arg for word in call.keywords}
        if not call.args or not isinstance(call.args[0], ast.Constant) or None in given:
            continue
        reason = str(call.args[0].value)
        every = [one["reasons"][reason] for one in told.values() if reason in one["reasons"]]
        # Two exercises may have two texts for it.
        texts = every or [shared[reason]]
        wanted = [set(re.findall(r"\{(\w+)\}", text)) for text in texts]
        assert any(names <= given for names in wanted), f"{reason}: {wanted}"


def _calls(file: Path, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in names:
                yield node


# --- where the words are --------------------------------------------------------------------


def test_every_text_of_the_package_is_used_and_every_used_one_is_there() -> None:
    there = set(json.loads((catalogue.FOLDER / "en" / "words.json").read_text(encoding="utf-8")))
    patterns = []
    for file in sorted(COURSE.glob("*.py")):
        for call in _calls(file, {"words", "get"}):
            patterns += [_pattern(it) for arg in call.args[:1] for it in _texts_of(arg)]
    fixed = {text for text in patterns if "*" not in text and "." in text}
    assert sorted(fixed - there) == []
    regex = re.compile("|".join(re.escape(one).replace(r"\*", ".+") for one in patterns if one))
    assert sorted(key for key in there if not regex.fullmatch(key)) == []


def _texts_of(node: ast.AST) -> Iterator[ast.AST]:
    """The keys that an expression can be: also those of a choice between two or of a table."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        yield from node.value.values
    else:
        yield node


def _pattern(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(it.value) if isinstance(it, ast.Constant) else "*" for it in node.values)
    return ""


# Keys, names of classes and types, Python's own words: what stands in code and is not shown.
NOT_SHOWN = {
    *(state.value for state in answer.State),
    "ipycontainers course",
    "a text",
    "int | Sequence[int]",
    "module ",
    " has no attribute ",
    "card ",
}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_no_text_that_a_learner_sees_stands_in_code(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert [it for it in _literals(tree) if IS_PROSE.search(it) and it not in NOT_SHOWN] == []


# Words with a blank between them, or with one at an end, as pieces of an f-string have.
IS_PROSE = re.compile(
    r"[A-Za-z]{2}[,.;:]? +[A-Za-z]|^ +[a-z]{2}|[a-z]{2}[,.;:]? +$|^[A-Z][a-z]+[.!?]$"
)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_no_label_for_who_listens_stands_in_code(file: Path) -> None:
    labels = {"aria_label", "title", "alt", "label", "caption"}
    for call in _calls(file, {"element", "card", "table", "_wide", "_button"}):
        found = [it.value for it in call.keywords if it.arg in labels]
        assert [it.value for it in found if isinstance(it, ast.Constant)] == []


@pytest.mark.parametrize("text", ["Made with", "there is no ", " of all", "Right.", "is: x"])
def test_such_a_text_would_be_found(text: str) -> None:
    assert IS_PROSE.search(text)


def _literals(tree: ast.AST) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in skipped:
            yield node.value


def test_a_task_breaks_its_lines_between_sentences_only() -> None:
    """Who shows one breaks them where there is room."""
    begins = re.compile(r"[A-Z%]|[a-c]: |found\(|ask\(")
    names = [name for it in THERE for name in catalogue.notebook(it).get("exercises", {})]
    for name in names:
        lines = catalogue.exercise(name).task.splitlines()
        assert [line for line in lines if not begins.match(line)] == [], name
