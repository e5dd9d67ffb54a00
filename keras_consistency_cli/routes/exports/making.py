"""Make an export from the model, as the user would with `model.export`."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.loading.exports.exported_model import ExportRefused
from keras_consistency_cli.loading.exports.spec import KINDS, ExportKind
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["make_export"]

_FORMATS: Mapping[ExportKind, tuple[str, str]] = {
    "saved_model": ("tf_saved_model", "export"),
    "litert": ("litert", "export.tflite"),
    "onnx": ("onnx", "export.onnx"),
    "openvino": ("openvino", "export.xml"),
}
"""The format of `model.export`, and a file name that it accepts."""


def make_export(session: Session, kind: ExportKind, rows: Rows) -> Path:
    """Export the model into a new temporary folder and return the file.

    Args:
        session: the session of the model.
        kind: what to make.
        rows: rows to call the model with first: Keras exports no model that was never called.

    Raises:
        ExportRefused: `model.export` fails.
    """
    name, file_name = _FORMATS[kind]
    path = Path(tempfile.mkdtemp(prefix="export-")) / file_name
    printed = io.StringIO()
    try:
        session.step(rows)
        session.restore()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            session.model.export(str(path), format=name, verbose=False)
    except Exception as problem:
        reason = clean(
            str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__, 200
        )
        raise ExportRefused(
            f"model.export(format='{name}') fails: {reason}", cause="export-fails"
        ) from problem
    finally:
        session.restore()
    if not path.exists():
        raise ExportRefused(
            f"model.export(format='{name}') wrote no {KINDS[kind]} file", cause="export-fails"
        )
    return path
