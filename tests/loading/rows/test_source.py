"""Opening, choosing and reading the user's rows."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy_format
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.row_chunks import split_into_chunks, take
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from tests.helpers.error_texts import own_text


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def write_header(descr: Any, shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """A .npy with any header."""
    stream = io.BytesIO()
    npy_format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def raw_header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", npy(np.ones(2)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", npy(np.zeros(2)))
    return stream.getvalue()


def flipped_byte() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.random.default_rng(0).normal(size=500))
    content = bytearray(stream.getvalue())
    content[1000] ^= 0xFF
    return bytes(content)


def source(**arrays: np.ndarray) -> RowSource:
    named = list(arrays) != ["data"]
    return RowSource(
        path="x.npz" if named else "x.npy",
        sha256=None,
        arrays=arrays,
        length=len(next(iter(arrays.values()))),
        named=named,
    )


ORDINARY = {
    "float32": np.arange(12, dtype=np.float32).reshape(4, 3),
    "float16": np.arange(12, dtype=np.float16).reshape(4, 3),
    "uint8 images": np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3),
    "bool": np.array([[True], [False]]),
    "strings": np.array(["red", "grün", ""]),
    "bytes": np.array([[b"a"], [b"bc"]]),
    "big-endian": np.arange(12, dtype=">f8").reshape(4, 3),
    "fortran": np.asfortranarray(np.arange(24, dtype=np.int64).reshape(4, 3, 2)),
    "one row": np.ones((1, 5)),
    "flat": np.arange(7),
}


@pytest.mark.parametrize("array", ORDINARY.values(), ids=ORDINARY)
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_ordinary_arrays_are_read_as_they_were_saved(
    array: np.ndarray, save: Callable[..., None], tmp_path: Path
) -> None:
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, array) if save is np.save else save(path, data=array)
    rows = open_rows(path)
    complete = take(rows, {"in": "data"}, np.arange(len(array)))["in"]
    some = take(rows, {"in": "data"}, np.array([0, len(array) - 1]))["in"]
    assert (rows.length, rows.named) == (len(array), save is not np.save)
    assert complete.dtype == array.dtype.newbyteorder("=")
    assert complete.dtype.isnative
    assert complete.flags.c_contiguous
    assert complete.flags.writeable
    np.testing.assert_array_equal(complete, array)
    np.testing.assert_array_equal(some, array[[0, -1]])


def test_a_source_carries_its_path_and_fingerprint(tmp_path: Path) -> None:
    path, content = tmp_path / "x.npy", npy(np.zeros((2, 2), dtype=np.float32))
    path.write_bytes(content)
    rows = open_rows(path)
    assert (rows.path, rows.sha256) == (str(path), hashlib.sha256(content).hexdigest())


def test_arrays_of_files_are_mapped_and_read_only(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.ones((3, 2)), b=np.zeros(3, dtype=np.int8))
    for array in open_rows(tmp_path / "x.npz").arrays.values():
        assert not array.flags.owndata
        assert not array.flags.writeable


REFUSED = {
    "empty": b"",
    "text": b"1,2,3\n4,5,6\n",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "pickle": pickle.dumps([1]),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(50),
    "binary": bytes(range(1, 20)),
    "header cut": npy(np.ones(4))[:20],
    "header nonsense": raw_header(b"os.system('x')\n"),
    "header nested": raw_header(b"(" * 9000 + b"\n"),
    "header huge": raw_header(b"{" + b" " * 30000 + b"}\n"),
    "objects": write_header("|O", (2,), pickle.dumps([1, 2])),
    "records": write_header([("a", "<f4")], (1,), bytes(4)),
    "complex": npy(np.ones(2, dtype=complex)),
    "dates": npy(np.array(["2020-01-01"], dtype="M8[D]")),
    "spans": npy(np.array([1], dtype="m8[s]")),
    "longdouble": write_header("<f16", (1,), bytes(16)),
    "S0": write_header("|S0", (10**12,)),
    "U0": write_header("<U0", (3,)),
    "short": npy(np.ones((4, 2)))[:-3],
    "extra": npy(np.ones((4, 2))) + b"PK",
    "promises more than memory": write_header("<f4", (2**40, 2**40)),
    "0-d": npy(np.array(1.0)),
    "zero rows": npy(np.ones((0, 3))),
    "no features": npy(np.ones((3, 0))),
    "negative": write_header("<f4", (-1, 3)),
    "npz without arrays": zipped({}),
    "keras model": zipped({"config.json": b"{}"}),
    "zip of text": zipped({"a.csv": b"1"}),
    "npz of a damaged member": zipped({"a.npy": b"nothing"}),
    "npz of a short member": zipped({"a.npy": npy(np.ones(9))[:-1]}),
    "npz of objects": zipped({"a.npy": write_header("|O", (1,))}),
    "excel": zipped({"[Content_Types].xml": b"<x/>"}),
    "feather": b"ARROW1\0\0",
    "old excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "json records": b'[{"a": 1}, {"a": 2}]',
    "json lines": b'{"a": 1}\n{"a": 2}\n',
    "json arrays": b"[[1.5, 2], [3, 4]]",
    "numbers in brackets": b"[[1.5 2.0]\n [3.0 4.0]]",
    "npz cut": zipped({"a.npy": npy(np.ones(9))})[:-30],
    "npz flipped": flipped_byte(),
    "npz lengths": zipped({"a.npy": npy(np.ones(3)), "b.npy": npy(np.ones(4))}),
    "npz many": zipped({f"{n}.npy": b"" for n in range(1001)}),
    "npz escape": zipped({"a\x1b[31m.csv": b"1"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_with_their_reason_in_three_lines(
    case: str, tmp_path: Path, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(REFUSED[case])
    with pytest.raises(DataError) as refused:
        open_rows(path)
    assert refused.value.exit_code == 2
    assert "x.npy" in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_damage_anywhere_is_a_data_error_or_harmless(save: Callable[..., None], tmp_path: Path) -> None:
    stream, rng = io.BytesIO(), np.random.default_rng(0)
    save(stream, np.arange(60.0).reshape(20, 3))
    messages = []
    for _ in range(200):
        content = bytearray(stream.getvalue())
        content[rng.integers(len(content))] = rng.integers(256)
        (tmp_path / "x.npy").write_bytes(content[: rng.integers(len(content) // 2, 2 * len(content))])
        try:
            assert open_rows(tmp_path / "x.npy").length > 0
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert max(len(message.splitlines()) for message in messages) <= 3


def test_two_members_of_one_name_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "x.npz").write_bytes(twice())
    with pytest.raises(DataError) as refused:
        open_rows(tmp_path / "x.npz")
    assert own_text(refused.value, tmp_path) == wording


def test_a_compressed_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    size = 3 * 2**30
    header = write_header("<f4", (size // 4,))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24  # the unpacked size in the archive's directory
    content[place : place + 4] = (len(header) + size).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError) as refused:
        open_rows(tmp_path / "x.npz")
    assert own_text(refused.value, tmp_path) == wording


def test_missing_files_name_a_similar_file(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "x_test.npy").write_bytes(npy(np.ones(2)))
    with pytest.raises(UsageError) as similar:
        open_rows(tmp_path / "x_tset.npy")
    with pytest.raises(UsageError) as nowhere:
        open_rows(tmp_path / "nowhere" / "x.npy")
    assert [own_text(refused.value, tmp_path) for refused in (similar, nowhere)] == wording


def test_directories_and_devices_are_not_read(tmp_path: Path, wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as directory:
        open_rows(tmp_path)
    with pytest.raises(UsageError) as device:
        open_rows(Path(os.devnull))
    assert [own_text(refused.value, tmp_path) for refused in (directory, device)] == wording


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_files_say_so(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(npy(np.ones(2)))
    (tmp_path / "x.npy").chmod(0)
    with pytest.raises(UsageError) as refused:
        open_rows(tmp_path / "x.npy")
    assert isinstance(refused.value.__cause__, PermissionError)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="resident memory is read from the process table"
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype=np.float32, shape=(100_000, 512))
    rows = open_rows(tmp_path / "big.npy")
    before = resident()
    peak = max(
        resident()
        for numbers in split_into_chunks(np.arange(rows.length), 4096)
        if take(rows, {"x": "data"}, numbers)
    )
    assert rows.sha256 is not None
    assert peak - before < 60e6


def test_chunks_cover_every_row_once() -> None:
    assert [chunk.tolist() for chunk in split_into_chunks(np.arange(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_rows_are_taken_in_the_order_asked_for() -> None:
    rows = source(data=np.arange(10))
    for wanted in ([4, 5, 6], [0, 2, 1, 3], [9, 0], [3], []):
        np.testing.assert_array_equal(
            take(rows, {"x": "data"}, np.array(wanted, dtype=np.int64))["x"], wanted
        )


def test_a_missing_file_in_a_folder_that_cannot_be_listed_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match="does not exist"):
        open_rows(tmp_path / "x.npy")
