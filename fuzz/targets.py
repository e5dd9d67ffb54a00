"""The targets of the fuzzer: for each file format, valid seed files and a reader.

The reader does everything that kcheck does with such a file before a backend is imported.
"""

from __future__ import annotations

import io
import json
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from keras_consistency_cli.checks.code.analysis import analyse
from keras_consistency_cli.cli.model_summary import render_summary, render_summary_json
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.model_file.summary import summarise
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from keras_consistency_cli.text import clean
from tests.helpers import crafted_archives as crafted

__all__ = ["TARGETS", "Target"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One file format: its suffix, valid files as seeds, words to insert, and the reader.

    `wrap` puts mutated data into a file with correct checksums.
    """

    suffix: str
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    read: Callable[[Path], object]
    wrap: Callable[[bytes], bytes] = bytes


def _read_model(path: Path) -> None:
    summary = summarise(path, custom_objects=True, allow_unsafe=True)
    json.loads(render_summary_json(summary))
    for line in render_summary(summary).split("\n"):
        assert clean(line, 9999) == line, "the output contains a terminal control character"
        assert not line.lstrip().startswith("::"), "the output contains a command for a build log"


def _read_scaler(path: Path) -> None:
    scan_scaler(path)
    build_scaler(path)


def _read_rows(path: Path) -> None:
    rows = open_rows(path, reading=Reading(texts="coded"))
    for name in (*rows.arrays, *rows.words):
        np.asarray(rows.array(name)[:4])


def _read_settings(path: Path) -> None:
    load_settings({"config": str(path), "model": "m.keras"}, {})


def _read_code(path: Path) -> None:
    report = analyse([path])
    for notice in report.notices:
        assert "followed" not in notice.message, notice.message
        if not notice.is_partial:
            raise UsageError(f"{path}: {notice.message}")


def _code(suffix: str) -> tuple[bytes, ...]:
    paths = sorted((ROOT / "tests" / "code_corpus").glob(f"*/*{suffix}"))
    return tuple(path.read_bytes() for path in paths)


def _as_config(config: bytes) -> bytes:
    return crafted.zipped(
        {
            "metadata.json": json.dumps(crafted.METADATA).encode(),
            "config.json": config,
            "model.weights.h5": _WEIGHTS,
        }
    )


def _as_weights(weights: bytes) -> bytes:
    return crafted.zipped({"metadata.json": b"{}", "config.json": _CONFIGS[0], "model.weights.h5": weights})


def _nested_config() -> dict[str, Any]:
    wrapped = crafted.layer("TimeDistributed", layer=crafted.dense(units=70))
    lookup = crafted.layer("StringLookup", vocabulary=["a", "b"])
    return crafted.config_with(
        crafted.valid_config(),
        wrapped,
        lookup,
        build_config={"input_shape": [None, 4]},
        compile_config={"loss": "mse"},
    )


def _chunked(file: Any) -> None:
    file.create_dataset(
        "layers/x/vars/0",
        data=np.ones((40, 8), "f4"),
        chunks=(8, 8),
        compression="gzip",
        shuffle=True,
    )
    file["layers/x/vars/1"] = np.array([b"a", b"bc"])


def _samples() -> tuple[bytes, ...]:
    paths = sorted((ROOT / "sample_models").glob("*/model.keras"))
    return tuple(path.read_bytes() for path in paths if path.stat().st_size < 100_000)[:8]


def _joblib(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, **options)
    return stream.getvalue()


def _saved(values: Any, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    if arrays:
        np.savez(stream, **arrays)
    else:
        np.save(stream, values)
    return stream.getvalue()


_CONFIGS = tuple(json.dumps(config).encode() for config in (crafted.valid_config(), _nested_config()))
_WEIGHTS = crafted.weights_with(len)
_ROWS = np.random.default_rng(0).normal(size=(20, 3))
_SCALERS = (
    StandardScaler().fit(_ROWS),
    make_pipeline(MinMaxScaler(), StandardScaler()).fit(_ROWS),
    OneHotEncoder().fit([["a"], ["b"]]),
)
_JSON_WORDS = (
    b'"class_name"',
    b'"config"',
    b'"module"',
    b'"layers"',
    b'"shape"',
    b'"name"',
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b"1e999",
    b"NaN",
    b'"\\ud800"',
    b"9" * 30,
)
_PICKLE_WORDS = (
    b"cos\nsystem\n",
    b"\x93",
    b"R",
    b"b",
    b"\x81",
    b"}",
    b"(",
    b"t",
    b"l",
    b"\x8c\x02os\x94",
    b"c__builtin__\neval\n",
    b"\x95" + b"\xff" * 8,
    b"2",
    b"0",
)
_YAML_WORDS = (
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object:os.system ",
    b"\n- ",
    b"\n? ",
    b"|\n",
    b": ",
    b"\t",
    b"\x00",
    b"---\n",
    b"{",
    b"[",
    b"yes",
    b"1e999",
    b"\xff",
    b"%YAML 9\n",
)
_ZIP_WORDS = (
    b"PK\x05\x06",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x06\x06",
    b"../",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
)
_H5_WORDS = (
    b"TREE",
    b"HEAP",
    b"SNOD",
    b"OHDR",
    b"\x89HDF\r\n\x1a\n",
    b"\xff" * 8,
    b"\x00" * 8,
    b"\x08\x00\x00\x00",
)
_NPY_WORDS = (
    b"'descr'",
    b"'|O'",
    b"'<f4'",
    b"'shape'",
    b"(1,)",
    b"(0,)",
    b"(-1,)",
    b"9" * 20,
    b"True",
    b"[('a', '<f4')]",
    b"\x93NUMPY\x03\x00",
)
_CODE_WORDS = (
    b"load_model(",
    b".predict(",
    b"\nfor x in y: ",
    b"\ndef f(*a, **k): return ",
    b"\nclass A(A): ",
    b"\n    ",
    b"lambda: ",
    b"*",
    b"[",
    b"(",
    b" if 1 else ",
    b"\nglobal x\n",
    b"await ",
    b"yield ",
    b":=",
    b"\\\n",
    b"\xff",
    b"# kcheck: ignore",
)
_SCALER_FILES = (
    *(pickle.dumps(_SCALERS[0], protocol) for protocol in range(6)),
    *(pickle.dumps(scaler, 4) for scaler in _SCALERS[1:]),
    *(_joblib(_SCALERS[1], compress=method) for method in (0, 3, ("xz", 1))),
)

TARGETS: dict[str, Target] = {
    "archive": Target(
        suffix=".keras",
        seeds=(_as_config(_CONFIGS[0]), _as_config(_CONFIGS[1]), *_samples()),
        words=_ZIP_WORDS + _JSON_WORDS,
        read=_read_model,
    ),
    "config": Target(suffix=".keras", seeds=_CONFIGS, words=_JSON_WORDS, read=_read_model, wrap=_as_config),
    "weights": Target(
        suffix=".keras",
        seeds=(_WEIGHTS, crafted.weights_with(_chunked)),
        words=_H5_WORDS,
        read=_read_model,
        wrap=_as_weights,
    ),
    "pickle": Target(suffix=".pkl", seeds=_SCALER_FILES, words=_PICKLE_WORDS, read=_read_scaler),
    "zlib": Target(
        suffix=".joblib", seeds=_SCALER_FILES[:8], words=_PICKLE_WORDS, read=_read_scaler, wrap=zlib.compress
    ),
    "skops": Target(
        suffix=".skops",
        seeds=tuple(map(skops.io.dumps, _SCALERS[:2])),
        words=_ZIP_WORDS + _JSON_WORDS,
        read=_read_scaler,
    ),
    "code": Target(suffix=".py", seeds=_code(".py"), words=_CODE_WORDS, read=_read_code),
    "notebook": Target(
        suffix=".ipynb", seeds=_code(".ipynb"), words=_CODE_WORDS + _JSON_WORDS, read=_read_code
    ),
    "yaml": Target(
        suffix=".yaml",
        seeds=(
            *(path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))),
            b"rows: 8\nselect: [KC1]\nfacts: {time_axis: 1}\n",
        ),
        words=_YAML_WORDS,
        read=_read_settings,
    ),
    "npy": Target(
        suffix=".npy",
        seeds=(_saved(_ROWS), _saved(np.asfortranarray(_ROWS).astype(">f4"))),
        words=_NPY_WORDS,
        read=_read_rows,
    ),
    "npz": Target(
        suffix=".npz",
        seeds=(_saved(None, a=_ROWS, b=_ROWS[:, 0]),),
        words=_NPY_WORDS + _ZIP_WORDS,
        read=_read_rows,
    ),
    "csv": Target(
        suffix=".csv",
        seeds=(b"a,b\n1,2\n3,4\n", b"1.5,2\n-3e4,nan\n"),
        words=(b'"', b",", b"\n", b"\r", b"\x00", b"1e999", b"inf", b"\xef\xbb\xbf"),
        read=_read_rows,
    ),
}
"""The targets by name. A reader may raise only KcheckError."""
