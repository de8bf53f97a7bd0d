"""Arrays and tables: to another Python and back, the same to the type; and without libraries."""

# ruff: noqa: DTZ001  # moments without a zone are values too

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import pytest
from another import Inside
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import library

from ipycontainers.errors import Invalid
from ipycontainers.exchange import Packed, pack, unpack

np = library("numpy")

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _dtypes() -> st.SearchStrategy[Any]:
    from hypothesis.extra import numpy as strategies

    simple = strategies.scalar_dtypes().filter(lambda dtype: dtype.itemsize > 0)
    return simple | strategies.array_dtypes(simple, max_size=3)


@FEW
@given(st.data())
def test_an_array_comes_back_to_the_bit(full: Inside, data: st.DataObject) -> None:
    from hypothesis.extra import numpy as strategies

    shape = data.draw(strategies.array_shapes(min_dims=0, min_side=0, max_side=4))
    value = data.draw(strategies.arrays(data.draw(_dtypes()), shape))
    if data.draw(st.booleans()):
        value = np.asfortranarray(value)
    back = full.echo(value)
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert back.tobytes() == value.tobytes()
    assert back.flags.writeable


def test_views_and_single_numbers_come_back(full: Inside) -> None:
    whole = np.arange(24).reshape(4, 6)
    for value in (whole[::2, 1::2], whole.T, whole[::-1], np.broadcast_to(np.int8(3), (2, 2))):
        back = full.echo(value)
        assert back.dtype == value.dtype
        assert (back == value).all()
    for number in (np.float32(1.5), np.int64(-3), np.datetime64("2026-01-31", "s"), np.str_("ä")):
        back = full.echo({"in": [number]})["in"][0]
        assert (type(back), back) == (type(number), number)


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, "a", None], dtype=object),
        np.ma.masked_array([1, 2], [True, False]),
        np.zeros(1, [("a", "O")]),
    ],
    ids=["objects", "masked", "records of objects"],
)
def test_an_array_that_is_no_plain_bytes_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="-i mine"):
        pack(value, "mine")


def test_an_array_is_lists_where_there_is_no_numpy(bare: Inside) -> None:
    for value in (
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(24, dtype=">i2").reshape(2, 3, 4)),
        np.array([True, False]),
        np.array([1 + 2j], "c8"),
        np.array([1.5], "f2"),
        np.array([["ä", "b"], ["cd", ""]]),
        np.array([b"x", b""]),
        np.zeros((2, 0, 3), "u1"),
        np.zeros((0, 2)),
        np.array(7),
    ):
        assert bare.echo(value) == value.tolist()
    times = np.array(["2026-01-31T12:00:00.5", "NaT"], "M8[ms]")
    assert bare.echo(times) == [dt.datetime(2026, 1, 31, 12, 0, 0, 500_000), None]
    assert bare.echo(np.array([90], "m8[m]")) == [dt.timedelta(minutes=90)]


def test_an_array_of_the_standard_library_becomes_numpys(bare: Inside) -> None:
    import array

    packed = pack(array.array("h", [1, -2]), "v")
    back = unpack(Packed(packed.kind, packed.meta, bytes(packed.data)))
    assert (back.dtype, back.tolist()) == (np.int16, [1, -2])


def test_an_array_is_not_copied() -> None:
    value = np.zeros(1000)
    packed = pack(value, "v")
    assert np.shares_memory(np.frombuffer(packed.data), value)


# --- tables -----------------------------------------------------------------------------------

ROWS = [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": 2.5}]


def _pandas() -> Any:
    pd = library("pandas")
    return pd.DataFrame(
        {
            "int": pd.Series([1, 2], dtype="int8"),
            "float": [1.5, None],
            "text": ["a", None],
            "objects": [[1, "x"], {"k": dt.date(2026, 1, 31)}],
            "mixed": [1, "x"],
            "Int": pd.array([1, None], "Int64"),
            "UInt": pd.array([1, None], "UInt8"),
            "Float": pd.array([1.5, None], "Float64"),
            "boolean": pd.array([True, None], "boolean"),
            "bool": [True, False],
            "string": pd.array(["a", None], "string"),
            "when": pd.to_datetime(["2026-01-31", None]),
            "zone": pd.to_datetime(["2026-01-31", None]).tz_localize("Europe/Berlin"),
            "span": pd.to_timedelta([1, None], "s"),
            "category": pd.Categorical(["x", None], ["y", "x"], ordered=True),
            3: [1, 2],
            ("a", "b"): [1, 2],
        }
    )


def test_a_table_of_pandas_comes_back_the_same(full: Inside) -> None:
    pd = library("pandas")
    frame = _pandas()
    two = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", "y"])
    numbers = pd.DataFrame({"v": [1.0, 2.0]}, index=[10, 20])
    for value in (
        frame,
        frame.iloc[:0],
        frame[["int", "text"]].set_index(["text"]),
        frame[["int", "text"]].set_index(["int", "text"], append=True),
        pd.DataFrame({"v": [1, 2]}, pd.date_range("2026", periods=2, freq="D", name="day")),
        pd.DataFrame({"v": [1, 2]}, pd.RangeIndex(5, 9, 2)),
        pd.DataFrame([[1, 2]], columns=two),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        numbers,
    ):  # fmt: skip
        pd.testing.assert_frame_equal(full.echo(value), value)
    for name in ("int", "text", "when", "category"):
        pd.testing.assert_series_equal(full.echo(frame[name]), frame[name])
    pd.testing.assert_frame_equal(full.echo({"in": [frame]})["in"][0], frame)


def _polars() -> Any:
    pl = library("polars")
    return pl.DataFrame(
        {
            "int": pl.Series([1, None], dtype=pl.UInt16),
            "float": [1.5, None],
            "bool": [True, None],
            "text": ["a", None],
            "bytes": [b"a", None],
            "date": [dt.date(2026, 1, 31), None],
            "time": [dt.time(1, 2), None],
            "when": [dt.datetime(2026, 1, 31), None],
            "zone": pl.Series([dt.datetime(2026, 1, 31)] * 2).dt.replace_time_zone("Europe/Berlin"),
            "span": [dt.timedelta(1), None],
            "list": [[1], None],
            "struct": [{"a": 1}, None],
            "none": [None, None],
            "category": pl.Series(["x", None], dtype=pl.Categorical),
            "enum": pl.Series(["x", None], dtype=pl.Enum(["y", "x"])),
        }
    )


def test_a_table_of_polars_comes_back_the_same(full: Inside) -> None:
    library("polars")
    from polars.testing import assert_frame_equal, assert_series_equal

    frame = _polars()
    assert_frame_equal(full.echo(frame), frame)
    assert_series_equal(full.echo(frame["int"]), frame["int"])


def test_a_table_of_arrow_comes_back_the_same(full: Inside) -> None:
    pa = library("pyarrow")
    table = pa.table(
        {
            "int": pa.array([1, None], pa.int16()),
            "float": [1.5, None],
            "decimal": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(10, 2)),
            "text": pa.array(["a", None], pa.large_string()),
            "date": pa.array([dt.date(2026, 1, 31), None]),
            "when": pa.array([dt.datetime(2026, 1, 31), None], pa.timestamp("ns", "Europe/Berlin")),
            "nested": pa.array([[{"a": 1, "b": None}], None]),
            "key": pa.array(["x", None]).dictionary_encode(),
        }
    )
    table = table.replace_schema_metadata({"who": "me"})
    back = full.echo(table)
    assert back.equals(table, check_metadata=True)
    assert full.echo(table.to_batches()[0]).equals(table, check_metadata=True)


@pytest.mark.parametrize("make", ["pandas", "polars", "pyarrow"])
def test_a_table_is_rows_where_there_is_no_library(bare: Inside, make: str) -> None:
    made = library(make)
    table = made.Table.from_pylist(ROWS) if make == "pyarrow" else made.DataFrame(ROWS)
    back = bare.echo(table)
    assert [row["a"] for row in back] == [1, 2]
    assert [row["b"] for row in back] == ["x", None]
    assert back[1]["c"] == 2.5
    missing = back[0]["c"]
    assert missing is None or missing != missing  # pandas knows no other absence in floats


def test_tables_of_every_kind_become_rows_of_pythons_own(bare: Inside) -> None:
    row = bare.echo(_polars().drop("span"))[0]
    assert row["date"] == dt.datetime(2026, 1, 31)
    assert row["zone"] == dt.datetime(2026, 1, 30, 23, tzinfo=dt.timezone.utc)
    assert (row["category"], row["enum"], row["struct"]) == ("x", "x", {"a": 1})


def test_a_table_that_cannot_go_names_its_column() -> None:
    pd = library("pandas")
    for column in (pd.period_range("2026", periods=1), [object()]):
        with pytest.raises(Invalid) as caught:
            pack(pd.DataFrame({"fine": [1], "odd": column}), "mine")
        assert "-i mine" in caught.value.message
        assert "'odd'" in caught.value.message
    pl = library("polars")
    with pytest.raises(Invalid, match="collect"):
        pack(pl.LazyFrame({"a": [1]}), "mine")


Maker = Callable[[], Any]


@pytest.mark.parametrize(
    ("make", "others"),
    [(_pandas, ("polars", "arrow")), (_polars, ("pandas", "arrow"))],
    ids=["pandas", "polars"],
)
def test_a_table_arrives_in_another_librarys_form(
    make: Maker, others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its own library is missing: the names and the first row stay."""
    import importlib.util

    from ipycontainers.exchange import inside
    from ipycontainers.exchange.inside import tables

    table = make()
    if "mixed" in table:
        table = table[["int", "float", "text", "Int", "boolean", "when", "zone", "category"]]
    own = type(table).__module__.partition(".")[0]
    for other in others:
        other_library = tables.FAMILIES[other].LIBRARY
        library(other_library)
        sent = inside.leave(table)

        def found(name: str, wanted: str = other_library) -> Any:
            return name == wanted or None

        with monkeypatch.context() as patch:
            patch.setattr(importlib.util, "find_spec", found)
            back = inside.arrive(sent[0], sent[1], bytearray(sent[2]))
        assert type(back).__module__.partition(".")[0] == other_library != own
        names = back.column_names if other == "arrow" else list(back.columns)
        assert names == list(table.columns)
        assert len(back) == len(table)


@FEW
@given(
    st.sampled_from(["pandas", "polars", "arrow"]),
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.none() | st.text(max_size=2),
                "values": st.lists(st.none() | st.integers(), max_size=2),
            },
            optional={
                "mask": st.lists(st.booleans(), max_size=2),
                "zone": st.sampled_from(["Europe/Berlin", "x", "../x"]),
                "categories": st.lists(st.text(max_size=1), max_size=2),
                "dtype": st.sampled_from(
                    ["Int64", "string", "Time", "Enum", "object", "int8[pyarrow]"]
                ),
                "range": st.lists(st.integers(), max_size=3),
            },
        ),
        max_size=3,
    ),
    st.booleans(),
)
def test_no_table_at_all_does_anything_else(family: str, columns: list[Any], index: bool) -> None:
    """It is a table, or an error in words."""
    node = {"family": family, "columns": columns, "index": columns if index else []}
    said = "-o mine"
    try:
        unpack(Packed("value", {"tree": {"table": node}}, b""), "mine")
    except Invalid as error:
        said = error.message
    assert "-o mine" in said
