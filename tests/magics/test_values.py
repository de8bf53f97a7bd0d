"""-i and -o: Python values into a cell and out of it, in one-shots and in sessions."""

from __future__ import annotations

import pytest

VALUES = (
    "n, x, t, l, d = 5, float('inf'), 'two\\nlines\\n', [1, (2, None)], {'a': {1, 2}, 3: b'\\xff'}"
)


@pytest.fixture
def ready(shared_kernel):
    assert shared_kernel.run(VALUES).status == "ok"
    yield shared_kernel
    for name in ("vsh", "vpy"):
        shared_kernel.run(f"%container stop {name}")


PYTHON = {"one-shot": "", "session": "-s vpy"}
SHELL = {"one-shot": "", "session": "-s vsh"}


@pytest.mark.parametrize("how", PYTHON)
def test_python_gets_values_as_themselves_and_gives_them_back(ready, images, how):
    line = f"%%container {PYTHON[how]} -i n,x,t,l,d,size=len(l) -o back,mine=theirs {images.python}"
    shown = ready.run(f"{line}\nback = [n, x, t, l, d]\ntheirs = size\nprint(type(l).__name__)")
    assert shown.stdout == "list\n", shown.error
    assert ready.run("print(back == [n, x, t, l, d], mine)").stdout == "True 2\n"


@pytest.mark.parametrize("how", SHELL)
def test_a_shell_gets_variables_and_files(ready, images, how):  # R14
    line = f"%%container {SHELL[how]} -i n,t,l -o m,text {images.busybox}"
    shown = ready.run(f'{line}\nm=$((n + 1)); text=$t; echo "${{l##*/}}"; env | grep -c "^n=5"')
    assert shown.stdout == "l.json\n1\n", shown.error
    assert ready.run("print([m, text])").stdout == "['6', 'two\\nlines\\n']\n"


@pytest.mark.parametrize(("image", "options"), [("python", PYTHON), ("busybox", SHELL)])
@pytest.mark.parametrize("how", PYTHON)
def test_a_name_that_was_not_set_is_told_and_the_others_come(ready, images, image, options, how):
    line = f"%%container {options[how]} -o nosuch,one {getattr(images, image)}"
    failed = ready.run(f"{line}\none='1'")
    assert failed.error.evalue == "-o nosuch: the cell did not set it"
    assert ready.run("print(repr(one))").stdout == "'1'\n"


@pytest.mark.parametrize("how", PYTHON)
def test_a_value_that_cannot_come_out_is_named_and_the_others_come(ready, images, how):
    line = f"%%container {PYTHON[how]} -o stream,two {images.python}"
    failed = ready.run(f"{line}\nimport sys\nstream, two = sys.stdout, 2")
    assert failed.error.ename == "CellFailed"
    assert failed.error.evalue.startswith("-o stream: a ")
    assert "can travel" in failed.error.traceback[1]
    assert ready.run("print(two)").stdout == "2\n"


@pytest.mark.parametrize("how", PYTHON)
def test_values_come_from_a_cell_that_sys_exit_ends(ready, images, how):
    line = f"%%container {PYTHON[how]} -o three,nosuch {images.python}"
    failed = ready.run(f"{line}\nimport sys\nthree = 3\nsys.exit()")
    assert failed.error.evalue == "-o nosuch: the cell did not set it"
    assert ready.run("print(three)").stdout == "3\n"


def test_a_cell_without_them_does_not_load_what_carries_them(kernels, images, engine):
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    assert kernel.run(f"%%container {images.busybox}\necho hi").stdout == "hi\n"
    asked = "import sys; print([n for n in sys.modules if n in ('ipycontainers.exchange', 'nh3')])"
    assert kernel.run(asked).stdout == "[]\n"


@pytest.mark.parametrize("how", PYTHON)
def test_what_was_set_before_an_exception_comes(ready, images, how):
    failed = ready.run(f"%%container {PYTHON[how]} -o four {images.python}\nfour = 4\n1 / 0")
    assert failed.status == "error"
    assert ready.run("print(four)").stdout == "4\n"


def test_what_cannot_travel_is_named_before_anything_runs(ready, images):
    failed = ready.run(f"%%container -i f=open {images.busybox}\necho ran")
    assert failed.error.ename == "Invalid"
    assert "-i f" in failed.error.evalue
    assert failed.stdout == ""


@pytest.mark.parametrize("how", SHELL)
def test_a_name_that_there_is_not_is_told_before_anything_is_pulled(ready, engine, how):  # R15
    before = engine.list_containers(labels=ready.labels)
    failed = ready.run(f"%%container {SHELL[how]} -i nosuch registry.invalid/none\necho hi")
    assert failed.error.ename == "NameError"
    assert failed.error.evalue == "name 'nosuch' is not defined"
    assert failed.error.traceback[0] == "NameError: name 'nosuch' is not defined"
    assert failed.stdout == ""
    assert len(engine.list_containers(labels=ready.labels)) == len(before)


@pytest.mark.parametrize("how", SHELL)
def test_variables_that_are_not_exported_come_out_whole(ready, images, how):  # R14
    body = "v=$((10+1))\nw='two\nlines\n'"
    assert ready.run(f"%%container {SHELL[how]} -o v -o w {images.busybox}\n{body}").status == "ok"
    assert ready.run("print((v, w))").stdout == "('11', 'two\\nlines\\n')\n"


@pytest.mark.parametrize("how", SHELL)
def test_an_exported_function_confuses_nothing(ready, images, how):
    body = "f(){ echo\n}; export -f f; v='a b'"
    result = ready.run(f"%%container {SHELL[how]} -o v {images.debian} bash\n{body}")
    assert (result.error, result.stderr) == (None, "")
    assert ready.run("print(v)").stdout == "a b\n"


def test_an_expression_that_fails_is_named(ready, images):
    failed = ready.run(f"%%container -i k=1/0 {images.busybox}\necho ran")
    assert failed.error.evalue == "-i 1 / 0: ZeroDivisionError: division by zero"


def test_an_interpreter_without_values_says_so(ready, images):
    failed = ready.run(f"%%container -i n {images.debian} perl\nprint 1")
    assert "perl takes no values" in failed.error.evalue


def test_a_session_that_takes_no_values_is_not_opened(ready, images):
    failed = ready.run(f"%%container -s none -i k=1 {images.busybox} cat\nx")
    assert "cat takes no values" in failed.error.evalue
    assert "no session none" in ready.run("%container stop none").error.evalue


@pytest.mark.parametrize("how", SHELL)
def test_a_value_too_large_for_a_variable_is_a_file(ready, images, how):
    ready.run("large = 'x' * 200_000")
    line = f"%%container {SHELL[how]} -i large {images.busybox}"
    assert ready.run(f"{line}\nwc -c <$large").stdout.strip() == "200000"


def test_an_array_goes_in_and_comes_out(ready, images):
    made = ready.run("import numpy; a = numpy.arange(6.0).reshape(2, 3)")
    assert made.status == "ok", made.error
    line = f"%%container -i a -o rows {images.python}"
    assert ready.run(f"{line}\nrows = [sum(row) for row in a]").status == "ok"
    assert ready.run("print(rows)").stdout == "[3.0, 12.0]\n"


def test_a_file_and_a_folder_go_in_and_come_out(ready, images, notebook_folder):
    folder = notebook_folder / "given"
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text("1\n")
    ready.run(f"from pathlib import Path; given = Path({str(folder)!r})")
    line = f"%%container -i given {images.busybox}"
    assert ready.run(f"{line}\ncat $given/a.txt").stdout == "1\n"


LARGE = {
    "busybox": "b=1; c=$(head -c 3000 /dev/zero | tr '\\0' x)",
    "python": "b = '1'; c = 'x' * 3000",
}


@pytest.mark.parametrize("how", PYTHON)
@pytest.mark.parametrize(("image", "options"), [("python", PYTHON), ("busybox", SHELL)])
def test_more_than_the_limit_is_refused_and_the_option_named(ready, images, image, options, how):
    line = f"%%container {options[how]} {{}} -o b,c {getattr(images, image)}"
    failed = ready.run(f"{line.format('--output-limit 2k')}\n{LARGE[image]}")
    assert failed.error.evalue.startswith("-o c: all values together have more than 2,048 bytes")
    assert "--output-limit 8k allows more" in str(failed.error)
    allowed = ready.run(f"{line.format('--output-limit 8k')}\n{LARGE[image]}")
    assert allowed.status == "ok", allowed.error
    assert ready.run("print(b, len(c))").stdout == "1 3000\n"


@pytest.mark.parametrize("how", SHELL)
def test_a_file_larger_than_the_limit_is_refused_and_the_option_named(ready, images, how):
    line = f"%%container {SHELL[how]} --output-limit 2k -o f {images.busybox}"
    failed = ready.run(f"{line}\nhead -c 3000000 /dev/zero >/.ipycontainers/values/f.bin")
    assert failed.error.evalue.startswith("-o f: all values together have more than 2,048 bytes")
    assert "--output-limit 8k allows more" in str(failed.error)


def test_a_line_takes_no_values(ready, images):
    for option in ("-i n", "-o m"):
        failed = ready.run(f"%container {option} {images.busybox} echo")
        assert "-i and -o are for a cell" in failed.error.evalue


def test_a_text_that_lost_its_quotes_is_told(ready, images):
    failed = ready.run(f"%%container -i greeting='hello' {images.busybox}\ntrue")
    assert failed.error.evalue == "name 'hello' is not defined"
    assert "NAME='text'" in str(failed.error)
    failed = ready.run(f"%%container -i nosuch {images.busybox}\ntrue")
    assert "hint" not in str(failed.error)


@pytest.mark.parametrize(("image", "how"), [("python", PYTHON), ("busybox", SHELL)])
def test_values_that_exit_takes_along_are_told(ready, images, image, how):
    line = f"%%container {how['session']} -o gone {getattr(images, image)}"
    failed = ready.run(f"{line}\ngone=1\n{'exit()' if image == 'python' else 'exit'}")
    assert failed.error.evalue.startswith("-o gone: lost, since the cell has ended")
