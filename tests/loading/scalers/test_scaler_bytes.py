"""Files are identified by their first bytes and unpacked within limits."""

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
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import scaler_bytes
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from keras_consistency_cli.loading.scalers.scaler_bytes import unpack
from tests.helpers.error_texts import own_text

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


NO_SCALER = {
    "empty": b"",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "table": b"mean,scale\n0.1,2.0\n",
    "JSON": b'{"mean": [0.1]}',
    "UTF-8 text": "Übung".encode(),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "NumPy array": b"\x93NUMPY\x01\x00",
    "empty zip": b"PK\x05\x06" + bytes(18),
    "lz4": b"\x04\x22\x4d\x18" + bytes(9),
    "old joblib": b"ZF0x10",
    "cut pickle": b"\x80\x04\x95",
    "cut pickle in text": b"ccopy_reg\n_reconstructor\n",
    "zeros": bytes(100),
}


@pytest.mark.parametrize("case", NO_SCALER)
def test_a_file_that_is_not_a_scaler_is_named(tmp_path: Path, case: str, wording: SnapshotAssertion) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(NO_SCALER[case])
    with pytest.raises(RefusedError) as refused:
        scan_scaler(path, trust=True)
    assert refused.value.exit_code == 1
    assert isinstance(refused.value.__cause__, DamagedError)
    assert own_text(refused.value.__cause__) == wording


@pytest.mark.parametrize("name", COMPRESSORS)
def test_compressed_data_must_be_whole_small_and_alone(
    name: str, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    data = bytes(range(256)) * 40
    packed = COMPRESSORS[name](data)
    assert unpack(packed) == (data, "compressed")
    for broken in (packed[: len(packed) // 2], packed[:12] + b"\xff\xff\xff\xff" + packed[16:]):
        with pytest.raises(DamagedError):
            unpack(broken)
    with pytest.raises(NotAllowedError) as doubled:
        unpack(packed + packed)
    monkeypatch.setattr(scaler_bytes, "_MAX_UNPACKED", len(data) - 1)
    with pytest.raises(NotAllowedError) as large:
        unpack(packed)
    assert [str(doubled.value), str(large.value)] == wording


def test_a_dictionary_bomb_is_refused(monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion) -> None:
    monkeypatch.setattr(scaler_bytes, "_MAX_DICTIONARY", 1 << 20)
    with pytest.raises(DamagedError) as refused:
        unpack(lzma.compress(b"small", preset=9))
    assert isinstance(refused.value.__cause__, lzma.LZMAError)
    assert own_text(refused.value) == wording


def test_a_large_file_is_refused_before_it_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(bytes(101))
    monkeypatch.setattr(scaler_bytes, "_MAX_FILE", 100)
    with pytest.raises(RefusedError) as refused:
        scan_scaler(path)
    assert str(refused.value.__cause__) == wording


def test_a_pickle_compressed_by_hand_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(StandardScaler().fit(np.eye(3)))))
    assert build_scaler(path).mean_.tolist() == [1 / 3, 1 / 3, 1 / 3]
