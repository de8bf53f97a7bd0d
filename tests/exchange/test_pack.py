"""Every type, from the kernel to another Python and back; and what no hostile one can do."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from another import Inside
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import library

from ipycontainers.errors import ContainerError, Invalid
from ipycontainers.exchange import Packed, pack, unpack
from ipycontainers.exchange.inside import tree


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types all through, nan being nan."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, complex):
        return same([one.real, one.imag], [other.real, other.imag])
    if isinstance(one, dt.datetime):
        return one == other and one.utcoffset() == other.utcoffset() and one.fold == other.fold
    return one == other


# --- Python's own types -----------------------------------------------------------------------

ZONES = (
    st.none()
    | st.timezones()
    | st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone)
)
HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.dates()
)
SINGLE = (
    HASHABLE
    | st.integers(2**63, 2**5000)
    | st.floats()
    | st.complex_numbers()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=ZONES)
    | st.times()
    | st.timedeltas()
    | st.binary().map(bytearray)
)
VALUES = st.recursive(
    SINGLE | st.sets(HASHABLE) | st.frozensets(HASHABLE),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(HASHABLE | st.tuples(HASHABLE, HASHABLE), inner)
    ),
    max_leaves=20,
)
FEW = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(VALUES)
def test_a_value_comes_back_as_it_went(bare: Inside, value: Any) -> None:
    back = bare.echo(value)
    assert same(back, value), (back, value)


def test_half_characters_and_many_values(bare: Inside) -> None:
    floats = [n / 7 for n in range(5000)] + [float("inf"), -0.0]
    for value in (
        "\ud800\udc00 \udcff",
        list(range(100_000)),
        [2**64] * 2000,
        floats,
        {"x" * 50_000: ["y" * 50_000]},
    ):
        assert bare.echo(value) == value


def test_a_zone_keeps_its_name(bare: Inside) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    back = bare.echo(dt.datetime(2026, 7, 1, tzinfo=zone))
    assert back.tzinfo.key == "Europe/Berlin"
    assert back.utcoffset() == dt.timedelta(hours=2)


def test_a_subclass_arrives_as_what_it_is_based_on(bare: Inside) -> None:
    from collections import Counter, OrderedDict, namedtuple

    point = namedtuple("point", "x y")(1, 2)  # noqa: PYI024  # the untyped one too
    assert same(bare.echo(point), (1, 2))
    assert same(bare.echo(Counter("aab")), {"a": 2, "b": 1})
    assert same(bare.echo(OrderedDict(a=1)), {"a": 1})


def test_paths_come_as_files_and_folders(bare: Inside, full: Inside, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x").write_bytes(b"1")
    (folder / "deep" / "run").write_bytes(b"#!")
    (folder / "deep" / "run").chmod(0o755)
    (folder / "link").symlink_to("deep/x")
    back = bare.echo(folder)
    assert (back / "link").read_bytes() == b"1"
    assert (back / "deep" / "run").stat().st_mode & 0o111
    assert bare.echo(folder / "deep" / "x").read_bytes() == b"1"


# --- what cannot go ---------------------------------------------------------------------------


class Odd:
    pass


def _holding_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append([value])
    return value


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    return value


def _growing() -> list[Any]:
    value: list[Any] = []
    for _ in range(90):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Odd(), "Odd"),
        ([1, {"a": Odd()}], "Odd"),
        (print, "builtin_function_or_method"),
        (Odd, "type"),
        (_holding_itself(), "holds itself"),
        (_deep(), "deep"),
        (Path("/no/such/file"), "no file"),
        ([Path("/")], "PosixPath"),
    ],
)
def test_a_value_that_cannot_go_is_refused_by_name(value: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        pack(value, "mine")
    assert "-i mine" in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint


def test_a_value_that_grows_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST", 1000)
    with pytest.raises(Invalid, match="more than 1000 values"):
        pack(_growing(), "mine")


# --- a hostile container ----------------------------------------------------------------------


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> Any:
        return pytest.exit, ("unpickled",)


def _tree(node: Any) -> Packed:
    return Packed("value", {"tree": node}, b"\0" * 64)


def _array(**fields: Any) -> Packed:
    whole = {"dtype": "<f8", "shape": [8], "order": "C", "data": [0, 64]}
    return _tree({"array": {**whole, **fields}})


def _table(*columns: Any, **fields: Any) -> Packed:
    return _tree({"table": {"family": "pandas", "columns": list(columns), **fields}})


def _nodes(deep: int) -> Any:
    node: Any = []
    for _ in range(deep):
        node = {"tuple": [node]}
    return node


HOSTILE: dict[str, Packed] = {
    "an unknown kind": Packed("pickle", {}, pickle.dumps(Bomb())),
    "no meta": Packed("value", {}, pickle.dumps(Bomb())),
    "JSON longer than the data": Packed("value", {"json": 100}, b"1"),
    "JSON of less than nothing": Packed("value", {"json": -1}, b"1"),
    "JSON that is none": Packed("value", {"json": 3}, b"\xff\xfe{"),
    "JSON half": Packed("value", {"json": 7}, b'{"tuple'),
    "JSON of a wrong size": Packed("value", {"json": "7"}, b"1"),
    "too much JSON": Packed("value", {"json": 1 << 27}, b""),
    "a pickle's tag": _tree({"pickle": [0, 64]}),
    "two tags": _tree({"tuple": [], "set": []}),
    "no tag": _tree({}),
    "a giant number": Packed("value", {"json": 10**6}, b"9" * 10**6),
    "digits that are none": _tree({"int": "0xg"}),
    "a number that is no text": _tree({"int": 5}),
    "deep nodes": _tree(_nodes(250)),
    "deep JSON": Packed("value", {"json": 10**6}, b"[" * 10**6),
    "a blob outside": _tree({"bytes": [60, 5]}),
    "a blob before": _tree({"bytes": [-5, 5]}),
    "a blob of a negative size": _tree({"bytes": [10, -5]}),
    "a blob nowhere": _tree({"bytes": ["0", 1]}),
    "numbers of half a number": _tree({"floats": [0, 12]}),
    "a blob of one number": _tree({"bytes": [1]}),
    "a set of what has no hash": _tree({"set": [[]]}),
    "pairs of three": _tree({"dict": [[1, 2, 3]]}),
    "a moment that is none": _tree({"datetime": [2026, 13, 1, 0, 0, 0, 0, 0, None, None]}),
    "a moment of ten thousand hours": _tree({"datetime": [2026, 1, 1, 0, 0, 0, 0, 0, 1e9, None]}),
    "a zone that is a path": _tree(
        {"datetime": [2026, 1, 1, 0, 0, 0, 0, 0, None, "../../etc/passwd", 0]}
    ),
    "a span too long": _tree({"timedelta": [10**12, 0, 0]}),
    "a decimal that is none": _tree({"decimal": "x"}),
    "a decimal that is a list": _tree({"decimal": [[]]}),
    "an array of objects": _array(dtype="|O"),
    "an array of objects in a record": _array(dtype=[["a", "|O8"]]),
    "an array with too few bytes": _array(shape=[9]),
    "an array with too many bytes": _array(shape=[7]),
    "an array that overflows": _array(shape=[2**61, 8, 2**3]),
    "an array of negative length": _array(shape=[-8]),
    "an array of half a length": _array(shape=[8.0]),
    "an array of a thousand dimensions": _array(shape=[1] * 1000),
    "an array of nothing, often": _array(dtype="|S0", shape=[2**60], data=[0, 0]),
    "an array in no order": _array(order="X"),
    "a dtype that is a program": _array(dtype="__import__('os').abort()"),
    "a dtype of deep records": _array(dtype=[["a", [["a", [["a", [["a", [["a", [["a", [["a", [[
        "a", [["a", [["a", [["a", "<f8"]]]]]]]]]]]]]]]]]]]]]]),
    "a dtype of a giant field": _array(dtype=[["a", "<f8", [2**40]]]),
    "a truth value that is neither": Packed(
        "value", {"tree": {"array": {"dtype": "|b1", "shape": [1], "order": "C", "data": [0, 1]}}},
        b"\2",
    ),
    "a table with columns of two lengths": _table(
        {"name": "a", "values": [1]}, {"name": "b", "values": [1, 2]}
    ),
    "a table of an unknown family": _tree({"table": {"family": "os", "columns": []}}),
    "a table without columns": _tree({"table": {"family": "pandas"}}),
    "a table whose column is a number": _table({"name": "a", "values": 7}),
    "a table with a wrong mask": _table({"name": "a", "values": [1], "mask": [True, False]}),
    "a table with a dtype to import": _table({"name": "a", "values": [1], "dtype": "os.system"}),
    "a table with codes outside": _table(
        {"name": "a", "values": {"array": {"dtype": "<i8", "shape": [1], "order": "C",
         "data": [0, 8]}}, "categories": []}
    ),
    "an Arrow schema that is garbage": _tree(
        {"table": {"family": "arrow", "columns": [{"name": "a", "values": [1]}],
                   "schema": {"bytes": [0, 64]}}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_value_is_an_error_in_words(what: str) -> None:
    if what == "an Arrow schema that is garbage":
        library("pyarrow")
    if what.startswith("a truth") or "outside" in what:
        library("numpy")
    with pytest.raises(Invalid) as caught:
        unpack(HOSTILE[what], "mine")
    assert "-o mine" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_value_larger_than_the_limit_is_refused() -> None:
    with pytest.raises(Invalid, match="-o mine: all values together have more than 1,000"):
        unpack(Packed("value", {"tree": None}, bytes(1001)), "mine", limit=1000)


@FEW
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(sorted(tree._DECODERS)), inner, min_size=1, max_size=1)
    | st.dictionaries(
        st.sampled_from(["dtype", "shape", "order", "data", "family", "columns", "name", "values",
                         "mask", "zone", "categories", "index", "labels"]), inner),
))  # fmt: skip
def test_no_tree_at_all_does_anything_else(node: Any) -> None:
    _judge(_tree(node))


def _judge(packed: Packed) -> None:
    """A value, or an error of ours that names it; any other exception passes."""
    said = "-o mine"
    try:
        unpack(packed, "mine")
    except ContainerError as error:
        said = error.message
    assert "-o mine" in said


@FEW
@given(st.binary(max_size=200), st.integers(-1, 300))
def test_no_bytes_at_all_do_anything_else(data: bytes, size: int) -> None:
    for kind in ("value", "path"):
        _judge(Packed(kind, {"json": size, "name": "x"}, data))


def test_an_array_of_very_many_empty_ones_is_refused(bare: Inside) -> None:
    """Where each is a list of its own."""
    np = library("numpy")
    with pytest.raises(AssertionError, match="very many empty"):
        bare.echo(np.zeros((2**40, 0)))


@pytest.mark.parametrize("module", ["numpy", "pandas", "polars", "pyarrow"])
def test_a_library_is_imported_only_where_a_value_needs_it(module: str) -> None:
    script = (
        "import sys; from ipycontainers import exchange as e\n"
        "for v in (1, 'x', [1.5], {'a': b'b'}): e.unpack(e.pack(v, 'v'))\n"
        f"print({module!r} in sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert asked.stdout == b"False\n"


def test_a_path_that_leads_nowhere_is_told_what_a_path_means(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is no file and no folder") as caught:
        pack(tmp_path / "missing", "p")
    assert caught.value.hint.startswith("of a pathlib.Path the file or folder is sent")
