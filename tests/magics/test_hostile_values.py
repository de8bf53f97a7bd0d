"""-o from a container that answers with anything but a value: an error that names the variable.

Each answer comes from a real container. In Python the cell puts a function of its own in the
place of the one that packs values, both in a session and in a cell of its own; in a shell it
leaves files in the folder of values. Frames that are none are in tests/sessions/test_hostile.py,
every tree, file and tar that is none in tests/exchange.

Knows: where values lie in a container. Does not know: who judges them.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow  # all of them together

TAR = """
import io, tarfile
def tar(name, data=b"!", mode="w", **fields):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode=mode) as made:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        for field, value in fields.items():
            setattr(entry, field, value)
        made.addfile(entry, io.BytesIO(data))
    return archive.getvalue()
class Bomb:
    def __reduce__(self): return print, ("a pickle was opened",)
import pickle
bomb = pickle.dumps(Bomb())
"""
ARRAY = '{"tree": {"array": {"dtype": %r, "shape": %s, "order": "C", "data": [0, 8]}}}'
ANSWERS = {
    "a pickle": '"pickle", {}, bomb',
    "an array of objects": f'"value", {ARRAY % ("|O", [1])}, b"12345678"',
    "an array that overflows": f'"value", {ARRAY % ("<f8", [2**61, 8])}, b"12345678"',
    "JSON that is half": '"value", {"json": 7}, b\'{"tuple\'',
    "JSON without an end": '"value", {"json": 1 << 40}, b""',
    "deep JSON": '"value", {"json": 1000000}, b"[" * 1000000',
    "a name that climbs": '"path", {}, tar("../../../../tmp/beside")',
    "an absolute name": '"path", {}, tar("/tmp/beside")',
    "a link outside": '"path", {}, tar("x", b"", type=tarfile.SYMTYPE, linkname="../../etc")',
    "another name of a file of the host":
        '"path", {}, tar("x", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")',
    "a bomb of gzip": '"path", {}, tar("x", bytes(10000000), "w:gz")',
    "half a tar": '"path", {}, tar("x", bytes(100000))[:5000]',
}  # fmt: skip
# Where the function lies, in a session and in a cell of its own.
PACKING = {
    "session": "import sys; sys.modules['ipycontainers_agent.values'].leave = lambda _: (answer)",
    "one-shot": (
        "import sys; once = next(module for name, module in sys.modules.items() "
        "if name.endswith('.once')); once.leave = lambda _: (answer)"
    ),
}
OPTIONS = {"session": "-s hostile", "one-shot": ""}


@pytest.fixture
def hostile(shared_kernel):
    """A kernel whose variables x and good say whether a value came out."""
    assert shared_kernel.run("x = good = 'untouched'").status == "ok"
    yield shared_kernel
    assert "opened" not in shared_kernel.run("print(x)").stdout
    for name in ("hostile", "hostile-sh"):
        shared_kernel.run(f"%container stop {name}")


@pytest.mark.parametrize("how", PACKING)
@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_of_python_that_is_no_value(hostile, images, tmp_path, what, how):
    body = f"{TAR}\nx = 1\nanswer = {ANSWERS[what]}\n{PACKING[how]}"
    failed = hostile.run(f"%%container {OPTIONS[how]} -o x {images.python}\n{body}")
    assert failed.error, failed.stdout
    assert "-o x" in failed.error.evalue, failed.error
    assert "pickle was opened" not in failed.stdout + failed.stderr
    shown = hostile.run("import os; print(x, os.path.exists('/tmp/beside'))")
    assert shown.stdout == "untouched False\n"
    if how == "session":
        assert hostile.run("%%container -s hostile\nprint('alive')").stdout == "alive\n"


FILES = {
    "a pickle": r"printf '\200\004\225\014\0\0\0\0\0\0\0\214\002os\224.' >$V/x.npy",
    "half an array": r"printf '\223NUMPY\001\0v\0{' >$V/x.npy",
    "a header of 4 GiB": r"printf '\223NUMPY\002\0\377\377\377\377{' >$V/x.npy",
    "deep JSON": "head -c 200000 /dev/zero | tr '\\0' '[' >$V/x.json",
    "a bomb of holes": "truncate -s 8G $V/x.bin || dd of=$V/x.bin bs=1 seek=8G count=0 2>/dev/null",
    "a link to a file of the host": "ln -s /etc/hostname $V/x.txt",
    "a folder with a link outside": "mkdir $V/x; ln -s ../../../../etc $V/x/up",
    "a folder with an absolute link": "mkdir $V/x; ln -s /etc/passwd $V/x/p",
    "a pipe": "mkfifo $V/x.json",
}


@pytest.mark.parametrize("how", ["session", "one-shot"])
@pytest.mark.parametrize("what", FILES)
def test_a_file_of_a_shell_that_is_no_value(hostile, images, what, how):
    option = {"session": "-s hostile-sh", "one-shot": ""}[how]
    body = f"V=/.ipycontainers/values\n{FILES[what]}\ngood=1"
    failed = hostile.run(f"%%container {option} -o good,x {images.busybox}\n{body}")
    assert failed.error, failed.stdout
    assert "-o x" in failed.error.evalue, failed.error
    assert hostile.run("print(x)").stdout == "untouched\n"
    if how == "session":
        assert hostile.run("%%container -s hostile-sh\necho alive").stdout == "alive\n"
