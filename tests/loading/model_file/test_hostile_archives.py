"""read_archive refuses every broken or hostile file with a message of its own."""

from __future__ import annotations

import pathlib
import stat
import struct
import zipfile
from collections.abc import Callable

import h5py
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive
from tests.helpers import crafted_archives as crafted

HDF5 = crafted.weights_with(len)
PARTS = {
    "metadata.json": b"{}",
    "config.json": b'{"class_name": "Sequential", "config": {}}',
    "model.weights.h5": HDF5,
}


def _whole() -> bytes:
    return crafted.zipped(PARTS)


def _with_link() -> bytes:
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return crafted.zipped(PARTS, (link, b"/etc/passwd"))


def _encrypted() -> bytes:
    data = bytearray(_whole())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def _overlapping() -> bytes:
    data = bytearray(_whole())
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 7)
    return bytes(data)


def _bit_flipped() -> bytes:
    data = bytearray(_whole())
    data[data.find(HDF5) + len(HDF5) // 2] ^= 0x10
    return bytes(data)


def _deflated(name: str, size: int) -> bytes:
    return crafted.zipped(PARTS | {name: b" " * size}, compression=zipfile.ZIP_DEFLATED)


def _without(name: str) -> bytes:
    return crafted.zipped({member: data for member, data in PARTS.items() if member != name})


def _crowded() -> bytes:
    return crafted.zipped(PARTS | {f"assets/{at}": b"" for at in range(100_000)})


FILES: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "text": lambda: b"hello\nworld\n" * 9,
    "git-lfs": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "hdf5": lambda: HDF5,
    "pickle": lambda: b"\x80\x04\x95\x10\x00\x00\x00",
    "gzip": lambda: b"\x1f\x8b\x08\x00",
    "tflite": lambda: b"\x1c\x00\x00\x00TFL3\x00\x00",
    "noise": lambda: bytes(range(256)),
    "empty-zip": lambda: crafted.zipped({}),
    "truncated": lambda: _whole()[:-300],
    "head-only": lambda: _whole()[:40],
    "other-zip": lambda: crafted.zipped({"archive/data.pkl": b"x"}),
    "no-config": lambda: _without("config.json"),
    "no-metadata": lambda: _without("metadata.json"),
    "no-weights": lambda: _without("model.weights.h5"),
    "bit-flip": _bit_flipped,
    "traversal": lambda: crafted.zipped(PARTS | {"assets/../../x": b""}),
    "backslash": lambda: crafted.zipped(PARTS | {"assets/..\\x": b""}),
    "foreign-member": lambda: crafted.zipped(PARTS | {"/etc/cron": b""}),
    "symlink": _with_link,
    "encrypted": _encrypted,
    "overlap": _overlapping,
    "prefix": lambda: b"PK\x03\x04" + b"hidden" + _whole(),
    "bzip2": lambda: crafted.zipped(PARTS, compression=zipfile.ZIP_BZIP2),
    "bomb": lambda: _deflated("assets/big", 30 << 20),
    "huge-config": lambda: _deflated("config.json", 65 << 20),
    "large-directory": _crowded,
    "many-members": lambda: crafted.zipped(PARTS | {f"assets/{at}": b"" for at in range(3000)}),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_files_that_are_not_a_valid_archive_are_refused(
    tmp_path: pathlib.Path, make: Callable[[], bytes], wording: SnapshotAssertion
) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(make())
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, custom_objects=True, allow_unsafe=True)
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


def test_a_member_that_occurs_twice_is_refused(tmp_path: pathlib.Path, wording: SnapshotAssertion) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = crafted.zipped(PARTS, ("config.json", b"{}"))
    (tmp_path / "m.keras").write_bytes(data)
    with pytest.raises(RefusedError) as refusal:
        read_archive(tmp_path / "m.keras")
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


@pytest.mark.parametrize("size", range(0, 2000, 97))
def test_an_archive_cut_anywhere_is_refused(tmp_path: pathlib.Path, size: int) -> None:
    data = _whole()
    (tmp_path / "m.keras").write_bytes(data[: len(data) * size // 2000])
    with pytest.raises(RefusedError):
        read_archive(tmp_path / "m.keras")


CONFIGS: dict[str, object] = {
    "key-twice": b'{"class_name": "A", "class_name": "B"}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"a": 1}',
    "latin-1": b'{"a": "\xe9"}',
    "cut": b'{"class_name": ',
    "deep": b"[" * 200_000,
    "just-too-deep": b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    "list": b"[]",
    "long-number": b'{"a": ' + b"9" * 10_000 + b"}",
    "no-model": {"a": 1},
    "nameless": crafted.config_with({"class_name": 7, "config": {}}),
    "list-module": crafted.config_with({"class_name": "A", "module": [], "config": {}}),
    "no-function": crafted.config_with({"class_name": "function", "module": "builtins", "config": {}}),
    "negative": crafted.config_with(crafted.dense(units=-1)),
    "huge": crafted.config_with(crafted.dense(units=10**9)),
    "huge-kernel": crafted.config_with(crafted.layer("Conv2D", kernel_size=[3, 10**8])),
    "many-layers": crafted.config_with(*[crafted.dense()] * 3000),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_configs_that_keras_did_not_write_are_refused(
    tmp_path: pathlib.Path, config: object, wording: SnapshotAssertion
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", config)
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, custom_objects=True, allow_unsafe=True)
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


def test_metadata_are_read_as_strictly(tmp_path: pathlib.Path, wording: SnapshotAssertion) -> None:
    path = crafted.write_archive(
        tmp_path / "m.keras", metadata_json=b'{"keras_version": "3.15.1", "keras_version": "2"}'
    )
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


def test_metadata_without_a_version_are_enough(tmp_path: pathlib.Path) -> None:
    archive = read_archive(crafted.write_archive(tmp_path / "m.keras", metadata_json=b"{}"))
    assert (archive.keras_version, archive.saved_on) == ("", "")


def _external(file: h5py.File) -> None:
    file.create_dataset("layers/x/vars/0", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("layers/x", layout)


def _bomb(file: h5py.File) -> None:
    file.create_dataset(
        "layers/x/vars/0",
        (1_000_000_000,),
        "f4",
        chunks=(1 << 20,),
        compression=("gzip"),
        fillvalue=1.0,
    )


def _chunk_bomb(file: h5py.File) -> None:
    file.create_dataset(
        "layers/x/vars/0", (4,), "f4", chunks=(1 << 28,), maxshape=(None,), compression="gzip"
    )


def _cycle(file: h5py.File) -> None:
    file["layers/again"] = file["layers"]


def _soft(file: h5py.File) -> None:
    file["layers/soft"] = h5py.SoftLink("/layers/dense/vars/0")


def _external_link(file: h5py.File) -> None:
    file["layers/out"] = h5py.ExternalLink("other.h5", "/")


def _named_type(file: h5py.File) -> None:
    file["layers/type"] = np.dtype("f4")


WEIGHTS: dict[str, Callable[[h5py.File], object]] = {
    "external-data": _external,
    "virtual": _virtual,
    "shape-bomb": _bomb,
    "chunk-bomb": _chunk_bomb,
    "cycle": _cycle,
    "soft-link": _soft,
    "external-link": _external_link,
    "named-type": _named_type,
    "complex": lambda file: file.create_dataset("c", data=np.zeros(2, "complex64")),
    "compound": lambda file: file.create_dataset("c", data=np.zeros(2, [("a", "i1")])),
    "no-shape": lambda file: file.create_dataset("c", data=h5py.Empty("f4")),
    "lzf": lambda file: file.create_dataset("c", data=np.zeros(100), compression="lzf"),
}


@pytest.mark.parametrize("change", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_read_other_files_or_exhaust_memory_are_refused(
    tmp_path: pathlib.Path, change: Callable[[h5py.File], object], wording: SnapshotAssertion
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", weights=crafted.weights_with(change))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


@pytest.mark.parametrize("at", [8, 20, 96, 200, 600])
def test_a_damaged_weights_file_is_refused_or_read_but_never_crashes(tmp_path: pathlib.Path, at: int) -> None:
    damaged = HDF5[:at] + b"\xff" * 24 + HDF5[at + 24 :]
    try:
        archive = read_archive(crafted.write_archive(tmp_path / "m.keras", weights=damaged))
    except RefusedError as refusal:
        assert "model.weights.h5" in refusal.what  # noqa: PT017
    else:
        assert len(archive.weights) <= 2


@pytest.mark.parametrize("weights", [b"", b"not hdf5", HDF5[:500]], ids=["empty", "text", "cut"])
def test_a_weights_member_that_is_not_hdf5_is_damaged(
    tmp_path: pathlib.Path, weights: bytes, wording: SnapshotAssertion
) -> None:
    with pytest.raises(RefusedError) as refusal:
        read_archive(crafted.write_archive(tmp_path / "m.keras", weights=weights))
    assert crafted.refusal_text(refusal.value, tmp_path) == wording
