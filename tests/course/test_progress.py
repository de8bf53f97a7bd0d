"""What a learner has done is kept, whatever else writes the file or was in it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.course.progress import Progress


def test_what_is_kept_is_there_for_the_next_notebook(tmp_path: Path) -> None:
    Progress(tmp_path / "p.json").keep("verdicts", "C9", "wrong")
    assert Progress(tmp_path / "p.json").of("verdicts") == {"C9": "wrong"}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 7}', '{"version": 1, "checks": 3}', "[" * 100_000]
)
def test_a_file_that_is_no_progress_is_set_aside_and_lost_to_nobody(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "p.json"
    file.write_text(text)
    progress = Progress(file)
    progress.keep("verdicts", "C9", "wrong")
    assert progress.of("verdicts") == {"C9": "wrong"}
    assert progress.set_aside is not None
    assert progress.set_aside.read_text() == text


def test_two_notebooks_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    def write(who: int) -> None:
        progress = Progress(tmp_path / "p.json")
        for number in range(20):
            progress.keep("checks", f"{who}-{number}", number)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Progress(tmp_path / "p.json").of("checks")) == 80
    assert [one.name for one in tmp_path.iterdir()] == ["p.json"]


def test_two_kernels_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ipycontainers.course.progress import Progress\n"
        "progress = Progress(Path('p.json').absolute())\n"
        "for number in range(40): progress.keep('checks', sys.argv[1] + str(number), 1)"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, who], cwd=tmp_path) for who in "ab"]
    assert [one.wait(60) for one in both] == [0, 0]
    assert len(Progress(tmp_path / "p.json").of("checks")) == 80


def test_what_another_kernel_has_put_in_place_of_a_damaged_file_stays(tmp_path: Path) -> None:
    """It is read, found damaged, and replaced before it can be set aside."""
    path = tmp_path / "p.json"

    class Late(Progress):
        def _file(self) -> Any:
            found = super()._file()
            if found is None and not path.with_suffix(".damaged-1.json").exists():
                Progress(path).keep("verdicts", "C1", "holds")
            return found

    path.write_text("{")
    late = Late(path)
    assert late.of("verdicts") == {"C1": "holds"}
    assert late.set_aside is None
    assert [one.name for one in tmp_path.glob("*.json")] == ["p.json", "p.damaged-1.json"]


def test_each_damaged_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    for number in (1, 2):
        path.write_text(f"damaged {number}")
        assert Progress(path).of("checks") == {}
    assert path.with_suffix(".damaged-1.json").read_text() == "damaged 1"
    assert path.with_suffix(".damaged-2.json").read_text() == "damaged 2"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "p.json").write_text('{"version": 1, "verdicts": {"C1": "holds"}}')
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


AS_USER = """
import os, sys
from pathlib import Path
from ipycontainers.course.progress import Progress
if os.getuid() == 0:
    os.setuid(65534)
progress = Progress(Path("p.json"))
progress.keep("verdicts", "C9", "wrong")
print(progress.of("verdicts"), progress.unsaved)
"""


def test_where_nothing_can_be_written_it_is_kept_for_the_kernel_and_said(closed: Path) -> None:
    for folder in closed.parents:  # pytest's are its user's alone
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    script = [sys.executable, "-c", AS_USER]
    ran = subprocess.run(script, cwd=closed, capture_output=True, text=True, check=True)
    assert ran.stdout == "{'C1': 'holds', 'C9': 'wrong'} Permission denied\n"
    assert (closed / "p.json").read_text() == '{"version": 1, "verdicts": {"C1": "holds"}}'


def test_what_could_not_be_written_is_written_when_it_can_be(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "later" / "p.json")
    progress.keep("verdicts", "C9", "wrong")
    assert (progress.of("verdicts"), progress.unsaved) == (
        {"C9": "wrong"},
        "No such file or directory",
    )
    progress.path.parent.mkdir()
    progress.keep("verdicts", "C1", "holds")
    assert progress.unsaved == ""
    assert Progress(progress.path).of("verdicts") == {"C9": "wrong", "C1": "holds"}


def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "p.json").mkdir()
    progress = Progress(tmp_path / "p.json")
    assert progress.of("checks") == {}
    progress.keep("checks", "01-door", 1)
    assert (progress.of("checks"), progress.unsaved) == ({"01-door": 1}, "Is a directory")
    assert [one.name for one in tmp_path.iterdir()] == ["p.json"]


def test_text_that_is_no_unicode_is_kept(tmp_path: Path) -> None:
    Progress(tmp_path / "p.json").keep("measured", "C9", "\udc80 \u202e ü")
    assert Progress(tmp_path / "p.json").of("measured") == {"C9": "\udc80 \u202e ü"}


def test_who_wants_to_know_hears_of_each_change(tmp_path: Path) -> None:
    class Listener:
        heard = 0

        def hear(self) -> None:
            self.heard += 1

    progress, one, gone = Progress(tmp_path / "p.json"), Listener(), Listener()
    progress.call(one.hear)
    progress.call(gone.hear)
    reference = weakref.ref(gone)
    del gone
    assert reference() is None
    progress.keep("checks", "01-door", 1)
    progress.forget()
    assert (one.heard, progress.of("checks")) == (2, {})


def test_a_kernel_has_one_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Progress.here() is Progress.here()
    assert Progress.here().path == tmp_path / "course-progress.json"
    monkeypatch.setenv("IPYCONTAINERS_COURSE_PROGRESS", str(tmp_path / "other.json"))
    assert Progress.here().path == tmp_path / "other.json"
