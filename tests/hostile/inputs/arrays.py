"""Rows of the safety table: arrays that are not rows, and settings that are ambiguous."""

from __future__ import annotations

import io
import os
import pathlib

import numpy as np

from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]


def _data(name: str, file: str) -> Row:
    return Row(name=name, line=f"run mlp.keras --data {file}", code=2)


def _yaml(name: str, file: str) -> Row:
    return Row(name=name, line=f"run mlp.keras --data x.npy --config {file}", code=2)


def _call(name: str, line: str) -> Row:
    return Row(name=name, line=line, code=2)


ROWS = (
    _data("npy: objects", "object.npy"),
    _data("npy: dtype S0", "s0.npy"),
    _data("npy: cut short", "short.npy"),
    _data("npy: bytes behind the end", "long.npy"),
    _data("npy: zero rows", "zero.npy"),
    _data("npy: 0-d", "scalar.npy"),
    _data("npy: truth values for a shape", "truth.npy"),
    _data("npy: 40 axes", "axes.npy"),
    _data("a pipe without a writer", "pipe.npy"),
    _call("code from a pipe", "run mlp.keras --data x.npy --custom-objects pipe.npy"),
    _call("a report from a pipe", "recheck pipe.npy"),
    _call("a file name of 5,000 characters", f"run mlp.keras --data x.npy --output {'n' * 5000}"),
    _data("npy: a text file", "plain.npy"),
    _yaml("YAML: a key twice", "twice.yaml"),
    _yaml("YAML: yes", "yes.yaml"),
    _yaml("YAML: an alias", "alias.yaml"),
    _yaml("YAML: a merge", "merge.yaml"),
    _yaml("YAML: merges of aliases", "merges.yaml"),
    _yaml("YAML: a date that does not exist", "date.yaml"),
    _yaml("YAML: a tag", "tag.yaml"),
    _yaml("YAML: tolerance of .nan", "nan.yaml"),
    _yaml("YAML: tolerance of 1e400", "inf.yaml"),
    _yaml("YAML: an unknown key", "key.yaml"),
)

_SETTINGS = {
    "twice": "rows: 8\nrows: 9\n",
    "yes": "fail_on: yes\n",
    "alias": "select: &a [KC1]\nignore: *a\n",
    "merge": "<<: {rows: 8}\n",
    "merges": "a: &a {x: 1}\nb: &b\n  <<: [*a, *a]\n",
    "date": "seed: 2020-13-45\n",
    "tag": "rows: !!bool maybe\n",
    "nan": "tolerance: {rtol: .nan, atol: 0}\n",
    "inf": "tolerance: {rtol: 1e400, atol: 0}\n",
    "key": "rows: 8\nbatchsize: 4\n",
}


def _saved(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def _headed(header: str) -> bytes:
    text = header.encode() + b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    rows = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    files = {
        "x": _saved(rows),
        "object": _saved(np.array([[1, "x"], [None, 2]], dtype=object)),
        "words": _saved(np.full((5, 4), "no")),
        "s0": _headed("{'descr': '|S0', 'fortran_order': False, 'shape': (4,)}"),
        "short": _saved(rows)[:-7],
        "long": _saved(rows) + b"\0" * 9,
        "zero": _saved(rows[:0]),
        "scalar": _saved(np.float32(3.0)),
        "truth": _headed("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4)}") + b"\0" * 16,
        "axes": _headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1,' * 40})}}") + b"\0" * 4,
        "plain": b"1.0 2.0 3.0 4.0\n" * 8,
    }
    for name, data in files.items():
        (into / f"{name}.npy").write_bytes(data)
    if not (into / "pipe.npy").exists():
        os.mkfifo(into / "pipe.npy")
    for name, text in _SETTINGS.items():
        (into / f"{name}.yaml").write_text(text, encoding="utf-8")
