"""Every broken or hostile file of the safety table is refused, each with its own words and fast."""

from __future__ import annotations

import pathlib
import stat
import struct
import zipfile
from collections.abc import Callable

import h5py
import numpy as np
import pytest

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


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (bytes, r"the file is empty"),
    "text": (lambda: b"hello\nworld\n" * 9, r"a text file"),
    "git-lfs": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        r"a git-lfs pointer",
    ),
    "hdf5": (lambda: HDF5, r"an HDF5 file"),
    "pickle": (lambda: b"\x80\x04\x95\x10\x00\x00\x00", r"a Python pickle"),
    "gzip": (lambda: b"\x1f\x8b\x08\x00", r"a gzip file"),
    "tflite": (lambda: b"\x1c\x00\x00\x00TFL3\x00\x00", r"a TensorFlow Lite model"),
    "noise": (lambda: bytes(range(256)), r"does not begin as a zip archive"),
    "empty-zip": (lambda: crafted.zipped({}), r"an empty zip archive"),
    "truncated": (lambda: _whole()[:-300], r"cut short or damaged"),
    "head-only": (lambda: _whole()[:40], r"cut short or damaged"),
    "other-zip": (
        lambda: crafted.zipped({"archive/data.pkl": b"x"}),
        r"not a complete Keras model: .* \(it holds 'archive/data\.pkl'\)",
    ),
    "no-config": (lambda: _without("config.json"), r"config\.json missing"),
    "no-metadata": (lambda: _without("metadata.json"), r"metadata\.json missing"),
    "no-weights": (lambda: _without("model.weights.h5"), r"model\.weights\.h5 missing"),
    "bit-flip": (_bit_flipped, r"model\.weights\.h5 inside the archive is damaged \(Bad CRC-32"),
    "traversal": (
        lambda: crafted.zipped(PARTS | {"assets/../../x": b""}),
        r"'assets/\.\./\.\./x' has a path that leads out",
    ),
    "backslash": (lambda: crafted.zipped(PARTS | {"assets/..\\x": b""}), r"has a path that leads out"),
    "stranger": (
        lambda: crafted.zipped(PARTS | {"/etc/cron": b""}),
        r"'/etc/cron', which Keras does not write",
    ),
    "symlink": (_with_link, r"'assets/link' is a link"),
    "encrypted": (_encrypted, r"is encrypted"),
    "overlap": (_overlapping, r"overlap"),
    "prefix": (lambda: b"PK\x03\x04" + b"hidden" + _whole(), r"10 bytes stand before"),
    "bzip2": (
        lambda: crafted.zipped(PARTS, compression=zipfile.ZIP_BZIP2),
        r"uses a compression that Keras does not",
    ),
    "bomb": (lambda: _deflated("assets/big", 30 << 20), r"'assets/big' unpacks to more than 200 times"),
    "huge-config": (
        lambda: _deflated("config.json", 65 << 20),
        r"'config\.json' is larger than any real one",
    ),
    "crowd": (_crowded, r"table of contents takes"),
    "crowd-2": (lambda: crafted.zipped(PARTS | {f"assets/{at}": b"" for at in range(3000)}), r"3003 members"),
}


@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=FILES)
def test_files_that_are_no_sound_archive_are_refused(
    tmp_path: pathlib.Path, make: Callable[[], bytes], words: str
) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(make())
    with pytest.raises(RefusedError, match=words):
        read_archive(path, custom_objects=True, allow_unsafe=True)


def test_a_member_that_stands_twice_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = crafted.zipped(PARTS, ("config.json", b"{}"))
    (tmp_path / "m.keras").write_bytes(data)
    with pytest.raises(RefusedError, match=r"the member 'config\.json' twice"):
        read_archive(tmp_path / "m.keras")


def test_a_legacy_file_says_how_to_save_it_again(tmp_path: pathlib.Path) -> None:
    (tmp_path / "old.h5").write_bytes(HDF5)
    with pytest.raises(RefusedError) as refusal:
        read_archive(tmp_path / "old.h5")
    assert "save it again as .keras" in str(refusal.value)
    (tmp_path / "m.weights.h5").write_bytes(HDF5)
    with pytest.raises(RefusedError, match="holds weights only"):
        read_archive(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("size", range(0, 2000, 97))
def test_an_archive_cut_anywhere_is_refused(tmp_path: pathlib.Path, size: int) -> None:
    data = _whole()
    (tmp_path / "m.keras").write_bytes(data[: len(data) * size // 2000])
    with pytest.raises(RefusedError):
        read_archive(tmp_path / "m.keras")


CONFIGS: dict[str, tuple[object, str]] = {
    "key-twice": (b'{"class_name": "A", "class_name": "B"}', r"config\.json has the key 'class_name' twice"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), r"begins with a byte order mark"),
    "bom": (b'\xef\xbb\xbf{"a": 1}', r"begins with a byte order mark"),
    "latin-1": (b'{"a": "\xe9"}', r"is not UTF-8 \(byte 7\)"),
    "cut": (b'{"class_name": ', r"is not valid JSON"),
    "deep": (b"[" * 200_000, r"nests deeper than 100 levels"),
    "deep-ish": (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", r"nests deeper than 100 levels"),
    "list": (b"[]", r"holds a list where a JSON object is expected"),
    "long-number": (b'{"a": ' + b"9" * 10_000 + b"}", r"is not valid JSON"),
    "no-model": ({"a": 1}, r"does not describe a model"),
    "nameless": (
        crafted.config_with({"class_name": 7, "config": {}}),
        r"config\.layers\[2\] names a class by something that is not text",
    ),
    "list-module": (
        crafted.config_with({"class_name": "A", "module": [], "config": {}}),
        r"names a class by something that is not text",
    ),
    "no-function": (
        crafted.config_with({"class_name": "function", "module": "builtins", "config": {}}),
        r"something that is not text",
    ),
    "negative": (crafted.config_with(crafted.dense(units=-1)), r"keras\.layers\.Dense 'dense' has units=-1"),
    "huge": (
        crafted.config_with(crafted.dense(units=10**9)),
        r"has units=1,000,000,000, but the archive stores only 20 numbers",
    ),
    "huge-kernel": (
        crafted.config_with(crafted.layer("Conv2D", kernel_size=[3, 10**8])),
        r"has kernel_size=100,000,000",
    ),
    "many-layers": (crafted.config_with(*[crafted.dense()] * 3000), r"more than 2000 layers"),
}


@pytest.mark.parametrize(("config", "words"), CONFIGS.values(), ids=CONFIGS)
def test_configs_that_no_keras_wrote_are_refused(tmp_path: pathlib.Path, config: object, words: str) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", config)
    with pytest.raises(RefusedError, match=words):
        read_archive(path, custom_objects=True, allow_unsafe=True)


def test_metadata_are_read_as_strictly(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(
        tmp_path / "m.keras", metadata_json=b'{"keras_version": "3.15.1", "keras_version": "2"}'
    )
    with pytest.raises(RefusedError, match=r"metadata\.json has the key 'keras_version' twice"):
        read_archive(path)


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
        "layers/x/vars/0", (1_000_000_000,), "f4", chunks=(1 << 20,), compression="gzip", fillvalue=1.0
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


WEIGHTS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "external-data": (
        _external,
        r"weight 'layers/x/vars/0' in model\.weights\.h5 reads its numbers from another file",
    ),
    "virtual": (_virtual, r"reads its numbers from another file"),
    "shape-bomb": (_bomb, r"declares the shape \(1000000000,\), 4,000,000,000 bytes, but only"),
    "chunk-bomb": (_chunk_bomb, r"but only"),
    "cycle": (_cycle, r"a group that contains itself: 'layers/again/'"),
    "soft-link": (_soft, r"a link to elsewhere: 'layers/soft'"),
    "external-link": (_external_link, r"a link to elsewhere: 'layers/out'"),
    "named-type": (_named_type, r"a named type: 'layers/type'"),
    "complex": (
        lambda file: file.create_dataset("c", data=np.zeros(2, "complex64")),
        r"weight 'c' .* has the dtype complex64",
    ),
    "compound": (
        lambda file: file.create_dataset("c", data=np.zeros(2, [("a", "i1")])),
        r"has the dtype \[\('a', 'i1'\)\]",
    ),
    "no-shape": (lambda file: file.create_dataset("c", data=h5py.Empty("f4")), r"has no shape"),
    "lzf": (
        lambda file: file.create_dataset("c", data=np.zeros(100), compression="lzf"),
        r"uses HDF5 filter 32000",
    ),
}


@pytest.mark.parametrize(("change", "words"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_reach_out_or_swell_are_refused(
    tmp_path: pathlib.Path, change: Callable[[h5py.File], object], words: str
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", weights=crafted.weights_with(change))
    with pytest.raises(RefusedError, match=words):
        read_archive(path)


@pytest.mark.parametrize("at", [8, 20, 96, 200, 600])
def test_a_damaged_weights_file_is_refused_or_read_but_never_crashes(tmp_path: pathlib.Path, at: int) -> None:
    spoilt = HDF5[:at] + b"\xff" * 24 + HDF5[at + 24 :]
    try:
        archive = read_archive(crafted.write_archive(tmp_path / "m.keras", weights=spoilt))
    except RefusedError as refusal:
        assert "model.weights.h5" in refusal.what  # noqa: PT017
    else:
        assert len(archive.weights) <= 2


@pytest.mark.parametrize("weights", [b"", b"not hdf5", HDF5[:500]], ids=["empty", "text", "cut"])
def test_a_weights_member_that_is_no_hdf5_is_damaged(tmp_path: pathlib.Path, weights: bytes) -> None:
    with pytest.raises(RefusedError, match=r"model\.weights\.h5 inside the archive is damaged"):
        read_archive(crafted.write_archive(tmp_path / "m.keras", weights=weights))
