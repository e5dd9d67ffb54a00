"""Which exports a run compares: files that the user has, and files that kcheck makes from the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["KINDS", "ExportKind", "ExportSpec"]

ExportKind = Literal["tf_saved_model", "litert", "onnx", "openvino"]
"""Names of kinds, as `model.export` calls their formats."""

KINDS: Mapping[ExportKind, str] = {
    "tf_saved_model": "TensorFlow SavedModel",
    "litert": "LiteRT",
    "onnx": "ONNX",
    "openvino": "OpenVINO",
}
"""The kinds of exports, with their names in reports."""


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """One export to compare with the model; plain data, sent to the worker as JSON.

    Args:
        label: its name in reports, different from that of all other exports of a run.
        kind: the runtime that it is for.
        path: the file or folder; "" if it is to be made from the model.
        signature: the signature to call, "" for the usual one.
        input_names: the export's name of each of the model's inputs, as far as the user stated them.
    """

    label: str
    kind: ExportKind
    path: str = ""
    signature: str = ""
    input_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether kcheck makes it from the model."""
        return not self.path
