"""Recordings in settings: one file stands for data, served rows and expected outputs."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.recording_layout import recorded_parts
from keras_consistency_cli.text import clean

__all__ = ["with_recording"]


def with_recording(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let a recording under `served` also stand for the data and the expected outputs that are not given.

    Raises:
        UsageError: the rows are scaled, and the recording has no raw rows; or it is not a whole archive.
    """
    served = values.get("served")
    if not isinstance(served, str | Path) or values.get("data") is not None or not served:
        return values
    parts = recorded_parts(Path(served))
    if not parts:
        _refuse_damaged(Path(served))
        return values
    is_scaled = values.get("scaler") is not None or values.get("preprocess") is not None
    if is_scaled and "raw" not in parts:
        raise UsageError(
            f"the recording {clean(served)} holds no raw rows, and --data is not given",
            expected="the rows before scaling, to compare the served rows with what the scaler gives",
            fix="call record.raw(rows) in the service where raw rows come in, or give them with --data",
        )
    given = {**values, "data": served}
    if "outputs" in parts and values.get("expected") is None:
        given["expected"] = served
    return given


def _refuse_damaged(path: Path) -> None:
    """Refuse an archive without its end: nothing then shows that it is a recording."""
    if path.suffix == ".npz" and path.is_file() and not zipfile.is_zipfile(path):
        raise UsageError(
            f"{clean(path)} is damaged: it has no end of an .npz file",
            expected="a whole recording, or a whole array of rows",
            fix="copy it again; the recorder replaces a file only when the new one is complete",
        )
