"""Baseline file: a zip of `baseline.json` and `answers.npz`, written and read as data."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.reporting.stored.reader import as_mapping
from keras_consistency_cli.text import clean

__all__ = ["SCHEMA", "Baseline", "pack_baseline", "read_baseline"]

SCHEMA = "kcheck.baseline/1"

_FACTS, _OUTPUTS = "baseline.json", "answers.npz"
_MAX_FACTS_BYTES = 2**20
_EXPECTED = "a file of 'kcheck baseline record'"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The recorded file hashes and environment, and the outputs as the bytes of an .npz."""

    files: Mapping[str, str | None]
    environment: Mapping[str, Any]
    answers: bytes


def pack_baseline(header: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a baseline file.

    Args:
        header: the content of `baseline.json`.
        outputs: the recorded outputs, by name.
    """
    inner, outer = io.BytesIO(), io.BytesIO()
    # Not np.savez: it treats an output named "file" as its own parameter.
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as archive:
        for name, values in outputs.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_FACTS, json.dumps(header, indent=2))
        archive.writestr(_OUTPUTS, inner.getvalue())
    return outer.getvalue()


def read_baseline(path: Path) -> Baseline:
    """Return a baseline; its outputs are not examined yet.

    Raises:
        UsageError: the file does not exist, or is not a baseline.
    """
    shown = clean(path)
    try:
        header, answers = _read_members(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = clean(getattr(error, "strerror", None) or error)
        raise UsageError(f"{shown}: cannot be read: {reason}", expected=_EXPECTED) from None
    except RefusedError as error:
        raise UsageError(f"{shown}: {error.what}", expected=_EXPECTED) from None
    if header.get("schema") != SCHEMA:
        raise UsageError(f"{shown}: schema is {clean(repr(header.get('schema')), 60)}", expected=_EXPECTED)
    return Baseline(
        files=as_mapping(header.get("files")),
        environment=as_mapping(header.get("environment")),
        answers=answers,
    )


def _read_members(path: Path) -> tuple[dict[str, Any], bytes]:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        stored = all(info.compress_type == zipfile.ZIP_STORED for info in members.values())
        if (
            set(members) != {_FACTS, _OUTPUTS}
            or not stored
            or members[_FACTS].file_size > _MAX_FACTS_BYTES
            or members[_OUTPUTS].file_size > Path(path).stat().st_size
        ):
            raise UsageError(f"{clean(path)}: is not a baseline", expected=_EXPECTED)
        return parse_object(archive.read(_FACTS), _FACTS), archive.read(_OUTPUTS)
