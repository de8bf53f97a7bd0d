"""What a learner has done is kept, whatever else writes the file or was in it."""

from __future__ import annotations

import threading
from pathlib import Path

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
