"""Files that a shell's cell leaves: read as what their suffix says, whoever wrote them."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

import pytest
from support import library

from ipycontainers.errors import Invalid
from ipycontainers.exchange import Packed, files, pack, unpack


def _read(suffix: str, data: bytes) -> Any:
    return unpack(Packed("file", {"suffix": suffix}, data), "mine")


def _npy(header: str, content: bytes = b"", version: int = 1) -> bytes:
    text = header.encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + content


def test_numpy_reads_what_is_written_and_the_other_way_round() -> None:
    np = library("numpy")
    for value in (
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        np.array(["ä", "bc"]),
        np.zeros(2, [("ä", "i4"), ("b", "f8", (2,))]),
        np.array(1.5),
        np.zeros((0, 3)),
    ):
        suffix, parts = files.written(unpack(pack(value, "v")))
        assert suffix == ".npy"
        data = b"".join(parts)
        read = np.load(io.BytesIO(data), allow_pickle=False)
        for back in (read, _read(".npy", data)):
            assert (back.dtype, back.shape) == (value.dtype, value.shape)
            assert (back == value).all()
        saved = io.BytesIO()
        np.save(saved, value)
        assert (_read(".npy", saved.getvalue()) == value).all()


def _ran(*_: Any) -> None:
    pytest.exit("unpickled")


class Bomb:
    def __reduce__(self) -> Any:
        return _ran, ()


def _object_array() -> bytes:
    return _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", pickle.dumps([Bomb()]))


HOSTILE = {
    "a pickle in .npy": (".npy", _object_array()),
    "a pickle as .npy": (".npy", pickle.dumps(Bomb())),
    "a pickle as .json": (".json", pickle.dumps(Bomb())),
    "an .npz": (".npy", b"PK\3\4" + bytes(100)),
    "a header of 4 GiB": (".npy", b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(100)),
    "a header of half a MiB": (".npy", _npy("(" * 500_000, b"", 2)),
    "a header of deep brackets": (".npy", _npy("(" * 9000)),
    "a header of many signs": (".npy", _npy("-" * 9000 + "1")),
    "a header that computes": (".npy", _npy("{'descr': __import__('os').abort()}")),
    "a header that is a list": (".npy", _npy("[1, 2]")),
    "a header with one key more": (
        ".npy", _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), 'more': 1}", bytes(8))),
    "a shape too large": (
        ".npy", _npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**62},)}}", bytes(8))),
    "a shape that is a number": (
        ".npy", _npy("{'descr': '<f8', 'fortran_order': False, 'shape': 1}", bytes(8))),
    "half a .npy": (".npy", b"\x93NUMPY\1\0"),
    "an empty .npy": (".npy", b""),
    "deep JSON": (".json", b"[" * 200_000),
    "a giant number": (".json", b"9" * 200_000),
    "JSON that is half": (".json", b'{"a": '),
    "JSON that is no UTF-8": (".json", b'"\xff"'),
    "Arrow garbage": (".arrow", b"ARROW1\0\0" + bytes(range(256)) * 4),
    "an Arrow message of 2 GiB": (".arrow", b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(100)),
    "an empty .arrow": (".arrow", b""),
    "no table": (".csv", b""),
    "a zip as .csv": (".csv", zipfile.ZIP_DEFLATED.to_bytes(4, "big") + b'"\0\xff"\n"' * 9),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_an_error_in_words(what: str) -> None:
    suffix, data = HOSTILE[what]
    if suffix in {".csv", ".arrow"}:
        library("pandas" if suffix == ".csv" else "pyarrow")
    with pytest.raises(Invalid) as caught:
        _read(suffix, data)
    assert "-o mine" in caught.value.message


def _stream(table: Any, **options: Any) -> bytes:
    pa = library("pyarrow")
    sink = pa.BufferOutputStream()
    new = pa.ipc.new_file if options.pop("file", False) else pa.ipc.new_stream
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("file", [True, False])
def test_arrow_is_read_and_its_bombs_are_not(file: bool) -> None:
    pa = library("pyarrow")
    table = pa.table(
        {"a": [1, None], "b": ["x", "y"], "c": pa.array(["k", "k"]).dictionary_encode()}
    )
    assert _read(".arrow", _stream(table, file=file)).equals(table)
    bomb = pa.table({"a": [0] * 1_000_000})
    squeezed = _stream(bomb, compression="zstd", file=file)
    assert len(squeezed) < 10_000
    with pytest.raises(Invalid, match="compressed"):
        _read(".arrow", squeezed)


def test_every_cut_and_changed_arrow_file_is_a_table_or_an_error() -> None:
    pa = library("pyarrow")
    whole = _stream(pa.table({"a": [1, None], "b": ["x", "y"]}))
    for place in range(0, len(whole), 3):
        for data in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            try:
                _read(".arrow", data)
            except Invalid as error:
                said = error.message
            else:
                said = "-o mine"
            assert "-o mine" in said


def test_an_old_pyarrow_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pa = library("pyarrow")
    data = _stream(pa.table({"a": [1]}))
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    with pytest.raises(Invalid, match="unpickle"):
        _read(".arrow", data)


def test_tables_are_csv_for_a_shell() -> None:
    pd = library("pandas")
    frame = pd.DataFrame({"n": [1, 2], "text": ["a,b", 'q"']})
    suffix, parts = files.written(frame)
    assert (suffix, b"".join(parts)) == (".csv", b'n,text\n1,"a,b"\n2,"q"""\n')
    pd.testing.assert_frame_equal(_read(".csv", b"".join(parts)), frame)


def test_json_is_any_programs_json() -> None:
    value = {"nan": float("nan"), "set": {1}, (1, 2): [b"x", None, True]}
    suffix, parts = files.written(value)
    assert suffix == ".json"
    assert b"".join(parts) == b'{"nan": null, "set": [1], "(1, 2)": ["x", null, true]}\n'
