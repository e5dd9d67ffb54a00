"""read_weights: counted parameters, and weights with NaN or infinity."""

from __future__ import annotations

import io
import pathlib
import zipfile
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from keras_consistency_cli.loading.model_file import weights
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.weights import WeightFact, Weights, read_weights
from tests.helpers import crafted_archives as crafted


def _read(change: Callable[[h5py.File], object]) -> Weights:
    return read_weights(io.BytesIO(crafted.weights_with(change)))


def test_optimizer_variables_are_stored_but_not_counted_as_parameters() -> None:
    kernel = WeightFact(path="layers/dense/vars/0", shape=(4, 3), dtype="float32")
    bias = WeightFact(path="layers/dense/vars/1", shape=(3,), dtype="float32")
    assert _read(len) == Weights(
        facts=(kernel, bias), nonfinite=(), parameters=15, stored=20, bytes=60, optimizer_bytes=20
    )


def _bfloat16(value: float) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        bits = (np.array([1.0, value], "float32").view("uint32") >> 16).astype("uint16")
        file["layers/b/vars/0"] = bits.view("V2")
        file["layers/b/vars/0"].attrs["dtype"] = "bfloat16"

    return change


@pytest.mark.parametrize(
    ("value", "nonfinite"), [(2.5, ()), (np.nan, ("layers/b/vars/0",)), (-np.inf, ("layers/b/vars/0",))]
)
def test_bfloat16_is_read_through_its_bits(value: float, nonfinite: tuple[str, ...]) -> None:
    result = _read(_bfloat16(value))
    assert result.nonfinite == nonfinite
    assert WeightFact(path="layers/b/vars/0", shape=(2,), dtype="bfloat16") in result.facts


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_each_weight_that_is_not_finite_is_listed(dtype: str, bad: float) -> None:
    def change(file: h5py.File) -> None:
        file["layers/one/vars/0"] = np.array([1.0, bad], dtype)
        file["layers/scalar/vars/0"] = np.array(bad, dtype)
        file["layers/whole/vars/0"] = np.arange(3)

    assert sorted(_read(change).nonfinite) == ["layers/one/vars/0", "layers/scalar/vars/0"]


def test_a_nan_in_the_last_slab_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_SLAB", 64)
    values = np.zeros((50, 7), "float32")
    values[-1, -1] = np.nan

    def change(file: h5py.File) -> None:
        file["layers/big/vars/0"] = values
        file["layers/none/vars/0"] = values[:0]

    assert _read(change).nonfinite == ("layers/big/vars/0",)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_text_booleans_and_compressed_chunks_are_ordinary(compression: str | None) -> None:
    def change(file: h5py.File) -> None:
        data = np.random.default_rng(0).normal(size=(300, 40)).astype("float32")
        file.create_dataset(
            "layers/c/vars/0",
            data=data,
            chunks=(64, 40),
            compression=compression,
            shuffle=True,
            fletcher32=True,
        )
        file["layers/t/vars/0"] = ["one", "two"]
        file["layers/z/vars/0"] = np.array([True, False])

    assert [(fact.path[7], fact.shape) for fact in _read(change).facts if "dense" not in fact.path] == [
        ("c", (300, 40)),
        ("t", (2,)),
        ("z", (2,)),
    ]


def test_a_recompressed_archive_is_read_like_the_stored_one(tmp_path: pathlib.Path) -> None:
    stored = crafted.write_archive(tmp_path / "stored.keras")
    with zipfile.ZipFile(stored) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    packed = tmp_path / "packed.keras"
    packed.write_bytes(crafted.zipped(members, compression=zipfile.ZIP_DEFLATED))
    assert read_archive(packed).weights == read_archive(stored).weights
