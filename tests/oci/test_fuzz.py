"""Layers whose bytes were changed at random: unpacked or refused, never anything else.

``test_unpack`` makes whole layers of hostile entries; here the tar itself is broken.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import examples

from ipycontainers.errors import ContainerError
from ipycontainers.oci import unpack

STAYS = [HealthCheck.function_scoped_fixture]  # tmp_path, which each example leaves empty
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["change", "cut", "double", "insert"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=24),
    ),
    min_size=1,
    max_size=6,
)


def _whole(kind: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=kind) as tar:
        for name, fields in {
            "folder": {"type": tarfile.DIRTYPE, "mode": 0o755},
            "folder/file": {"size": 600},
            "folder/" + "long" * 50: {"size": 3},
            "link": {"type": tarfile.SYMTYPE, "linkname": "folder/file"},
            "hard": {"type": tarfile.LNKTYPE, "linkname": "folder/file"},
            "folder/.wh.gone": {},
            "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
            "n\u00e4me": {"size": 2, "uid": 1000, "mtime": 1.5},
        }.items():
            entry = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return made.getvalue()


WHOLE = {"gnu": _whole(tarfile.GNU_FORMAT), "pax": _whole(tarfile.PAX_FORMAT)}


def mutated(data: bytes, mutations: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, what in mutations:
        place = int(where * len(data))
        if kind == "change":
            data = data[:place] + what + data[place + len(what) :]
        elif kind == "insert":
            data = data[:place] + what + data[place:]
        elif kind == "double":
            data = data[:place] + data[max(0, place - 512) :]
        else:
            data = data[: place + 1]
    return data


@given(
    form=st.sampled_from(["gnu", "pax"]),
    mutations=MUTATIONS,
    overlay=st.booleans(),
    packed=st.booleans(),
)
@settings(max_examples=examples(100), deadline=None, suppress_health_check=STAYS)
def test_a_broken_layer_is_refused_or_stays_inside(
    tmp_path: Path,
    form: str,
    mutations: list[tuple[str, float, bytes]],
    overlay: bool,
    packed: bool,
) -> None:
    host = tmp_path / "host"
    root = host / "root"
    root.mkdir(parents=True)
    (host / "file").write_text("of the host")
    data = mutated(gzip.compress(WHOLE[form], mtime=0) if packed else WHOLE[form], mutations)
    try:
        with suppress(ContainerError):
            unpack.layer(io.BytesIO(data), root, overlay=overlay)
        assert {path.name for path in host.iterdir()} == {"file", "root"}
        assert (host / "file").read_text() == "of the host"
    finally:
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o700)
        shutil.rmtree(host)
