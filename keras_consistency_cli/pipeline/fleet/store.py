"""The store of a fleet: one file for each finished model, so that a run that ended early can go on.

The name of a file is a hash of all that decides the result: the content of the model, the rows, the scaler
and the other files, the settings, and the versions of kcheck and the libraries. A file that is incomplete or
was changed by hand is not used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.report_targets import DISPLAY_SETTINGS
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.measurement.installed import installed_version
from keras_consistency_cli.reporting.fleet.report import ModelResult
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean

__all__ = ["ResultStore", "subject_key"]

_SCHEMA = "kcheck.fleet-result/1"
_LIBRARIES = ("keras", "numpy", "scikit-learn")
_LOCK = ".kcheck-fleet"
_EXPECTED = "a folder that you may write to"


class ResultStore:
    """A folder with the results of finished models; one run at a time may use it.

    Raises:
        UsageError: the folder cannot be created or written, or another run uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shown = f"--resume {clean(folder)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(
                f"{shown} cannot be written: {clean(error.strerror or error)}", expected=_EXPECTED
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise UsageError(
                f"{shown} is in use by another run", fix="wait for it, or give a different folder"
            ) from None
        except OSError:
            pass  # a file system without locks

    def close(self) -> None:
        """Let other runs use the folder; safe to call twice."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def read(self, key: str) -> ModelResult | None:
        """Return the stored result, None if there is none that can be used."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            stored = json.loads((self._folder / f"{key}.json").read_bytes())
            values = stored["result"]
            if stored["schema"] == _SCHEMA and stored["digest"] == _digest(values):
                return ModelResult(**{**values, "stored": True})
        return None

    def write(self, key: str, result: ModelResult) -> None:
        """Store a result, completely or not at all.

        Raises:
            NoVerdictError: the file could not be written.
        """
        values = asdict(result)
        text = json.dumps({"schema": _SCHEMA, "digest": _digest(values), "result": values})
        path = self._folder / f"{key}.json"
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise NoVerdictError(
                f"results cannot be stored in {clean(self._folder)}: {clean(error.strerror or error)}"
            ) from None


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def subject_key(settings: Settings, hashes: dict[str, str]) -> str | None:
    """Return a hash of all that decides the result of a model; None if a file cannot be read.

    Args:
        settings: the settings of the model.
        hashes: the hashes of files by path, shared by all models of a run.
    """
    stated = settings.model_dump(mode="json", by_alias=True, exclude={*DISPLAY_SETTINGS})
    # Whether the number of rows was stated decides how many there are for a heavy model.
    stated["stated"] = sorted(settings.model_fields_set.difference(DISPLAY_SETTINGS))
    files = [*settings.input_files(), *([settings.facts.lengths] if settings.facts.lengths else [])]
    try:
        contents = [(str(path), _hash_of(path, hashes)) for path in files]
    except (OSError, ValueError):
        return None
    versions = {name: installed_version(name, f"{name}-cpu") for name in (*_LIBRARIES, settings.backend)}
    whole = {"kcheck": __version__, "versions": versions, "settings": stated, "files": contents}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _hash_of(path: Path, hashes: dict[str, str]) -> str:
    known = hashes.get(str(path))
    if known is None:
        known = hashes[str(path)] = _hash_folder(path) if path.is_dir() else _hash_file(path)
    return known


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_folder(folder: Path) -> str:
    return hashlib.sha256("\n".join(_file_hashes(folder)).encode()).hexdigest()


def _file_hashes(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{_hash_file(path)} {path.relative_to(folder)}"
