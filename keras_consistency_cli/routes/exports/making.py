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
from keras_consistency_cli.loading.model.keras_errors import describe_innermost

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["make_export"]

_FILES: Mapping[ExportKind, str] = {
    "tf_saved_model": "export",
    "litert": "export.tflite",
    "onnx": "export.onnx",
    "openvino": "export.xml",
}
"""The name of a file that `model.export` accepts for each kind."""


def make_export(session: Session, kind: ExportKind, rows: Rows) -> Path:
    """Export the model into a new temporary folder and return the file.

    Args:
        session: the session of the model.
        kind: what to make.
        rows: rows to call the model with first: Keras exports no model that was never called.

    Raises:
        ExportRefused: `model.export` fails.
    """
    path = Path(tempfile.mkdtemp(prefix="export-")) / _FILES[kind]
    call, printed = f"model.export(format='{kind}')", io.StringIO()
    try:
        session.step(rows)
        session.restore()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            session.model.export(str(path), format=kind, verbose=False)
    except Exception as problem:
        raise ExportRefused(f"{call} fails: {describe_innermost(problem)}", cause="export-fails") from problem
    finally:
        session.restore()
    if not path.exists():
        raise ExportRefused(f"{call} wrote no {KINDS[kind]} file", cause="export-fails")
    return path
