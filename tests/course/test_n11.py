"""The checks of notebook 11, from the wrong attempts to the right one, and its six numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from docker.errors import APIError
from support import REPOSITORY

from ipycontainers.course import catalogue, copies, lesson
from ipycontainers.course.catalogue import VERDICTS
from ipycontainers.course.lab import NONE, Lab
from ipycontainers.course.lessons import n03, n08
from ipycontainers.course.lessons.n11 import MOST, PROOF, PROOFS, REWRITE
from ipycontainers.course.progress import Progress

RIGHT = {name: [it.verdicts[0], it.number] for name, it in PROOFS.items()}
OURS = {name: it["model"] for name, it in catalogue.notebook("11")["sentences"].items()}
C9 = "Processes and files are a container's own, the kernel is shared with the host."
C17 = "Its process needs what it needs anywhere; the engine adds some memory."

Handed = Callable[[str, object], tuple[str, str]]


@pytest.fixture
def handed(progress: Progress) -> Handed:
    """handed("11-proof", {…}) → (state, reason) of the check; both have words in the catalogue."""

    def look(exercise: str, value: object) -> tuple[str, str]:
        progress.keep("answers", exercise, value)
        answer = lesson.check_of(exercise)(Lab(NONE))
        words = catalogue.exercise(exercise)
        assert not re.search(r"\{\w+\}", words.words(answer))
        assert answer.reason in words.reasons
        assert answer.reason == "correct" or answer.reason in words.hints
        return answer.state.value, answer.reason

    return look


# --- six numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", [PROOF, REWRITE])
def test_before_anything_is_handed_in_it_has_not_begun(handed: Handed, exercise: str) -> None:
    assert handed(exercise, None) == ("not started", "not-started")


@pytest.mark.parametrize("given", ["wrong", 3, ["wrong", 0], {}, {"C99": ["wrong", 0]}])
def test_what_is_no_list_of_claims_is_said_so(handed: Handed, given: object) -> None:
    assert handed(PROOF, given) == ("keep working", "form")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"C1": ["condition", 200]}, "number"),
        ({"C1": ["holds", 2]}, "verdict"),
        ({"C8": ["opinion", 0]}, "verdict"),
        ({"C8": ["sometimes", 0]}, "word"),
        ({"C8": [0, "wrong"]}, "pair"),
        ({"C8": "wrong"}, "pair"),
        ({"C8": ["wrong"]}, "pair"),
        ({"C8": ["wrong", None]}, "pair"),
        ({"C27": ["wrong", "nan"]}, "number"),
    ],
)
def test_one_that_is_not_right_is_named(
    handed: Handed, change: Mapping[str, object], reason: str
) -> None:
    assert handed(PROOF, {**RIGHT, **change}) == ("almost", reason)
    assert handed(PROOF, change) == ("keep working", reason)


def test_five_are_almost_six(handed: Handed) -> None:
    assert handed(PROOF, {"C1": RIGHT["C1"]}) == ("keep working", "missing")
    five = {name: it for name, it in RIGHT.items() if name != "C25"}
    assert handed(PROOF, five) == ("almost", "missing")


def test_six_are_right_as_the_course_says_and_as_can_be_argued(handed: Handed) -> None:
    assert handed(PROOF, RIGHT) == ("correct", "correct")
    argued = {name: [it.verdicts[-1], str(it.number)] for name, it in PROOFS.items()}
    assert handed(PROOF, argued) == ("correct", "correct")
    shown = {name: [catalogue.words(f"verdict.{it[0]}"), it[1]] for name, it in RIGHT.items()}
    assert handed(PROOF, shown) == ("correct", "correct")


def test_the_first_verdict_is_the_courses() -> None:
    assert all(catalogue.claim(name).verdict == it.verdicts[0] for name, it in PROOFS.items())
    assert all(set(it.verdicts) < set(VERDICTS) for it in PROOFS.values())


def test_the_numbers_are_what_this_engine_gives(lab: Lab, attempt: Any) -> None:
    image = lab.engine.inspect_image("ipyc/toolbox:1")
    assert PROOFS["C1"].number == round(image["Size"] / 1e6)
    assert PROOFS["C7"].number == len(n03.CHANGES["second"])
    assert PROOFS["C8"].number == sum("a process" in one for one in n03.LIFE[:1])
    assert PROOFS["C25"].number == n08.LISTED["rows"]
    boots = {_printed(lab, attempt("t11", "cat /proc/sys/kernel/random/boot_id")) for _ in range(3)}
    assert PROOFS["C21"].number == len(boots)


def test_one_of_three_programs_runs(lab: Lab, attempt: Any) -> None:
    def runs(script: str, **options: Any) -> bool:
        try:
            return _printed(lab, attempt("t11", script, **options)) == "it runs\n"
        except APIError:  # it does not start
            return False

    found = [
        runs("echo it runs"),
        runs("echo it runs", image="ipyc/wrongcpu:1"),
        runs("/ls-of-the-host / && echo it runs", volumes=["/bin/ls:/ls-of-the-host:ro"]),
    ]
    assert found == [True, False, False]
    assert PROOFS["C27"].number == sum(found)


def _printed(lab: Lab, container: str) -> str:
    from ipycontainers.course import evidence

    return evidence.printed(lab, lab.engine.inspect(container))


# --- two sentences ------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["a sentence", 3, ["a", "b"], {"C9": 3, "C17": C17}])
def test_what_is_no_pair_of_sentences_is_said_so(handed: Handed, given: object) -> None:
    assert handed(REWRITE, given) == ("keep working", "form")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"C9": " "}, ("keep working", "missing")),
        ({"C9": catalogue.claim("C9").text.upper()}, ("keep working", "same")),
        ({"C9": f"It is completely isolated. {C9}"}, ("keep working", "false")),
        ({"C9": "It depends."}, ("keep working", "fact")),
        ({"C9": "It shares the kernel with its host."}, ("almost", "fact")),
        ({"C9": "It has processes, files and a kernel of its own."}, ("keep working", "false")),
        ({"C9": f"{C9} It does not share the kernel."}, ("keep working", "false")),
        ({"C9": "Files and processes are isolated, and so is the kernel."}, ("almost", "fact")),
        ({"C17": "Its process needs some memory."}, ("keep working", "fact")),
        ({"C17": "Its process needs as much as any, and the engine."}, ("almost", "fact")),
        ({"C17": "The engine takes no more memory than its process."}, ("almost", "fact")),
        ({"C17": "Besides the process, the engine needs none."}, ("keep working", "false")),
        ({"C17": C17 + " And so on." * 30}, ("almost", "long")),
    ],
)
def test_a_sentence_without_the_facts_is_none(
    handed: Handed, change: Mapping[str, str], expected: tuple[str, str]
) -> None:
    assert handed(REWRITE, {"C9": C9, "C17": C17, **change}) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"C9": C9, "C17": C17},
        OURS,
        {"C9": f"It is not completely isolated: {C9}", "C17": C17},
        {"C9": C9.replace("'", "’"), "C17": C17},
    ],
)
def test_sentences_with_all_facts_are_right(handed: Handed, given: Mapping[str, str]) -> None:
    assert handed(REWRITE, given) == ("correct", "correct")


@pytest.mark.parametrize(
    "words",
    [
        {"C9": "kernel share process"},
        {"C9": "kernel, share, process, files, network, names"},
        {"C9": "kernel share process files network same"},
        {"C9": "kernel and share and process and files"},
        {"C9": "the kernel, the share, the process, the files"},
        {"C9": "shared kernel, own processes, own files"},
        {"C17": "process engine more"},
        {"C17": "process, engine, more, memory, on top, add"},
        {"C17": "the process, the engine, the memory, on top"},
    ],
)
def test_a_list_of_words_is_no_sentence(handed: Handed, words: Mapping[str, str]) -> None:
    assert handed(REWRITE, {"C9": C9, "C17": C17, **words}) == ("almost", "list")


@pytest.mark.parametrize(
    "sentence",
    [
        "Processes are isolated, kernel is shared.",
        "Only the kernel is shared, files are not.",
        "It has no kernel of its own, but files of its own.",
        "It's isolated in its processes and files, not in the kernel.",
        "Shares the kernel with its host, has its own processes and files.",
        "Everything but the kernel is isolated: files, network, processes.",
        "Containers share the host's kernel, although each sees only its own files.",
        "Unlike a virtual machine with its own kernel, it shares the host's; files are its own.",
        "No container is completely isolated: it shares the kernel and has processes of its own.",
        "It is not true that it is completely isolated: files are, the kernel is common to all.",
        "A container does not share processes or files with its host, but it shares the kernel.",
        "The container's processes run on the host kernel, in their own namespaces.",
    ],
)
def test_other_honest_sentences_on_c9_are_right_too(handed: Handed, sentence: str) -> None:
    assert handed(REWRITE, {"C9": sentence, "C17": C17}) == ("correct", "correct")


@pytest.mark.parametrize(
    "sentence",
    [
        "Process plus engine need more memory.",
        "Besides the process the engine's daemon needs memory.",
        "There's the process, and there's the engine's shim on top.",
        "The process takes no more memory, but the engine's shim does.",
        "The program itself takes no more, but dockerd and a shim come on top.",
        "The process takes as much as outside; containerd and one shim for each add to it.",
        "Each container has a shim that takes a few extra megabytes next to its process.",
        "A process takes no more memory inside than outside, but the engine adds some of its own.",
    ],
)
def test_other_honest_sentences_on_c17_are_right_too(handed: Handed, sentence: str) -> None:
    assert handed(REWRITE, {"C9": C9, "C17": sentence}) == ("correct", "correct")


def test_ours_are_shown_only_when_theirs_are_right(handed: Handed, progress: Progress) -> None:
    exercise = catalogue.exercise(REWRITE)
    for given, shows in (({"C9": "It depends.", "C17": C17}, False), (OURS, True)):
        progress.keep("answers", REWRITE, given)
        answer = lesson.check_of(REWRITE)(Lab(NONE))
        told = exercise.words(answer) + (exercise.hint(answer) if not shows else "")
        assert all((model in told) == shows for model in OURS.values())
    assert all(len(model) <= MOST for model in OURS.values())


# --- the text -----------------------------------------------------------------------------------


def test_the_text_counts_our_verdicts_right() -> None:
    (notebook,) = (REPOSITORY / "notebooks").glob("11-*.ipynb")
    cells = {
        it["id"]: " ".join("".join(it["source"]).split()) for it in copies.load(notebook)["cells"]
    }
    said = re.search(
        r"(\d+) of the (\d+) claims hold, (\d+) hold under a condition, "
        r"(\d+) are wrong as they are worded, and (\d+) cannot",
        cells["11-saw"],
    )
    assert said
    count = Counter(it.verdict for it in catalogue.claims())
    holds, total, *others = map(int, said.groups())
    assert total == count.total()
    assert [holds, *others] == [count[it] for it in VERDICTS]


def test_ten_questions_have_their_right_answers_all_over_the_place() -> None:
    right = [one.right for one in catalogue.quizzes("11")]
    assert len(right) == 10
    assert all(right.count(one) >= 2 for one in range(3))
