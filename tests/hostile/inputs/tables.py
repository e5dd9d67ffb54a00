"""Rows of the safety table: tables, texts and folders of images that are not rows."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

from tests.helpers.crafted_archives import layer, write_archive
from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]

_TABLES = "keras_consistency_cli.loading.tables.tables._MAX_BYTES"
_PIXELS = "keras_consistency_cli.loading.images._MOST_PIXELS"


def _data(name: str, file: str, caps: Mapping[str, object] | None = None) -> Row:
    return Row(name=name, line=f"run mlp.keras --data {file}", code=2, caps=caps or {})


def _images(name: str, folder: str, caps: Mapping[str, object] | None = None) -> Row:
    return Row(name=name, line=f"run images.keras --data {folder}", code=2, caps=caps or {})


ROWS = (
    _data("CSV: a longer line", "longer.csv"),
    _data("CSV: a shorter line", "shorter.csv"),
    _data("CSV: latin-1", "latin.csv"),
    _data("CSV: UTF-16", "wide.csv"),
    _data("CSV: a quote that is never closed", "quote.csv"),
    _data("CSV: two columns of one name", "twice.csv"),
    _data("CSV: a header alone", "header.csv"),
    _data("CSV: 1,234 for two numbers", "unclear.csv"),
    _data("CSV: texts without a transformer", "texts.csv"),
    _data("CSV: more bytes than memory should hold", "large.csv", {_TABLES: 40}),
    _data("Parquet: lists", "lists.parquet"),
    _data("Parquet: unpacks to more than memory should hold", "zeros.parquet", {_TABLES: 40_000}),
    _data("txt: latin-1", "latin.txt"),
    _data("a folder for a model without images", "empty"),
    _images("images: an empty folder", "empty"),
    _images("images: a PNG cut short", "cut"),
    _images("images: a text file as PNG", "text"),
    _images("images: a GIF as PNG", "gif"),
    _images("images: more pixels than memory should hold", "large", {_PIXELS: 50}),
)


def _image(kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def _parquet(columns: Mapping[str, object]) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), stream)
    return stream.getvalue()


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    files = {
        "longer.csv": b"a,b,c,d\n1,2,3,4\n1,2,3,4,5\n",
        "shorter.csv": b"a,b,c,d\n1,2,3,4\n1,2\n",
        "latin.csv": "a,b\n1,café\n".encode("latin-1"),
        "wide.csv": "a,b\n1,2\n".encode("utf-16"),
        "quote.csv": b'a,b\n1,"' + b"2" * 200_000,
        "twice.csv": b"a,b,a\n1,2,3\n",
        "header.csv": b"a,b,c,d\n",
        "unclear.csv": b"a;b\n1,234;5\n",
        "texts.csv": b"a,town\n1,Rome\n2,Paris\n",
        "large.csv": b"a,b,c,d\n" + b"1,2,3,4\n" * 8,
        "lists.parquet": _parquet({"a": [[1], [2]]}),
        "zeros.parquet": _parquet({name: np.zeros(5000) for name in "abcd"}),
        "latin.txt": "Grüße\n".encode("latin-1"),
        "cut/a.png": _image()[:-40],
        "text/a.png": b"not an image",
        "gif/a.png": _image("GIF"),
        "large/a.png": _image(),
    }
    (into / "empty").mkdir(exist_ok=True)
    for name, data in files.items():
        (into / name).parent.mkdir(exist_ok=True)
        (into / name).write_bytes(data)
    first = layer("InputLayer", name="input", batch_shape=[None, 8, 8, 3])
    config = {"name": "m", "trainable": True, "layers": [first, layer("Flatten", name="flatten")]}
    write_archive(
        into / "images.keras",
        {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None},
    )
