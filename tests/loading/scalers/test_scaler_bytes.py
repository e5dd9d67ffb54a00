"""What a file is told to be by how it begins, and what it may unpack to."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import scaler_bytes
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from keras_consistency_cli.loading.scalers.scaler_bytes import unpack

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"mean,scale\n0.1,2.0\n", "it is text"),
        (b'{"mean": [0.1]}', "it is text"),
        ("Übung".encode(), "it is text"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        (b"\x93NUMPY\x01\x00", "NumPy array"),
        (b"PK\x05\x06" + bytes(18), "empty zip"),
        (b"\x04\x22\x4d\x18" + bytes(9), "lz4"),
        (b"ZF0x10", "before 0.10"),
        (b"\x80\x04\x95", "no whole pickle"),
        (b"ccopy_reg\n_reconstructor\n", "no whole pickle"),
        (bytes(100), "no whole pickle"),
    ],
)
def test_a_file_that_is_no_scaler_says_what_it_is(tmp_path: Path, raw: bytes, told: str) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(raw)
    with pytest.raises(RefusedError) as refused:
        scan_scaler(path, trust=True)
    assert told in refused.value.what
    assert refused.value.exit_code == 1


@pytest.mark.parametrize("name", COMPRESSORS)
def test_compressed_data_must_be_whole_small_and_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 40
    packed = COMPRESSORS[name](data)
    assert unpack(packed) == (data, "compressed")
    for broken in (packed[: len(packed) // 2], packed[:12] + b"\xff\xff\xff\xff" + packed[16:]):
        with pytest.raises(DamagedError, match="compressed data"):
            unpack(broken)
    with pytest.raises(NotAllowedError, match="second object"):
        unpack(packed + packed)
    monkeypatch.setattr(scaler_bytes, "_MAX_UNPACKED", len(data) - 1)
    with pytest.raises(NotAllowedError, match="once it is unpacked"):
        unpack(packed)


def test_a_dictionary_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaler_bytes, "_MAX_DICTIONARY", 1 << 20)
    with pytest.raises(DamagedError, match="Memory usage limit"):
        unpack(lzma.compress(b"small", preset=9))


def test_a_large_file_is_refused_before_it_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(bytes(101))
    monkeypatch.setattr(scaler_bytes, "_MAX_FILE", 100)
    with pytest.raises(RefusedError, match="which no scaler needs"):
        scan_scaler(path)


def test_a_pickle_compressed_by_hand_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(StandardScaler().fit(np.eye(3)))))
    assert build_scaler(path).mean_.tolist() == [1 / 3, 1 / 3, 1 / 3]
