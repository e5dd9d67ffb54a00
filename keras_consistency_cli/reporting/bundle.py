"""Bundles: a folder of less than 1 MB that shows each failure without the original data.

It is written next to its destination and then moved there as a whole. Only a bundle of kcheck is ever
overwritten.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.reporting.bundle_readme import render_readme
from keras_consistency_cli.reporting.formats.json_report import render_json
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import FailingRows, Report
from keras_consistency_cli.text import clean

__all__ = ["MANIFEST", "MOST_BYTES", "check_bundle", "write_bundle"]

MANIFEST = "kcheck-bundle.json"
MOST_BYTES = 1_000_000
_REPORT_BYTES = 250_000
_ARRAY_BYTES = 650_000
_BEST_COMPRESSION = 8
"""The best factor that is expected: compressing hundreds of megabytes in vain would take too long."""
_EXPECTED = "a new folder, an empty one, or a bundle of kcheck"


def check_bundle(path: Path) -> None:
    """Refuse, before anything runs, a folder with files that kcheck did not write.

    Raises:
        UsageError: it is a file, its parent does not exist, or it has a file that kcheck did not write.
    """
    option = f"--bundle {clean(path)}"
    try:
        path.exists()
    except OSError as error:
        reason = clean(error.strerror)
        raise UsageError(f"{option} cannot be created: {reason}", expected=_EXPECTED) from None
    if path.exists() and not path.is_dir():
        raise UsageError(f"{option} is a file", expected=_EXPECTED)
    if not path.parent.is_dir():
        raise UsageError(
            f"{option} cannot be created: the folder {clean(path.parent)} does not exist",
            expected="an existing parent folder",
        )
    foreign = _foreign_file(path)
    if foreign is not None:
        raise UsageError(
            f"{option} contains '{clean(foreign, 60)}', which kcheck did not write",
            fix="use a new or an empty folder",
        )


def _foreign_file(path: Path) -> str | None:
    """The first entry of a folder that no manifest of kcheck lists."""
    if not path.is_dir():
        return None
    names = sorted(entry.name for entry in os.scandir(path) if entry.name != MANIFEST)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        listed = set(manifest["files"]) if manifest["made_by"] == "kcheck" else set()
    except (OSError, ValueError, KeyError, TypeError):
        listed = set()
        names = sorted([*names, MANIFEST]) if (path / MANIFEST).exists() else names
    return next((name for name in names if name not in listed or not (path / name).is_file()), None)


def write_bundle(path: Path, report: Report, settings: Settings) -> None:
    """Write rows, outputs, report, versions and commands into a folder, or nothing at all.

    Args:
        path: a new folder, an empty one, or a bundle of kcheck.
        report: the report, with its exhibits.
        settings: the settings of the run.

    Raises:
        NoVerdictError: it could not be written; the previous content is unchanged.
    """
    files = _files(path, report, settings)
    try:
        foreign = _foreign_file(path)
        if foreign is not None:
            raise NoVerdictError(
                f"no bundle was written: {clean(path)} now contains '{clean(foreign, 60)}', "
                "which kcheck did not write"
            )
        _replace_folder(Path(os.path.realpath(path)), files)
    except OSError as error:
        raise NoVerdictError(f"cannot write the bundle to {clean(path)}: {error.strerror}") from None


def _replace_folder(path: Path, files: Mapping[str, bytes]) -> None:
    draft, old = (path.with_name(f".{path.name[:100]}.{os.getpid()}.{end}") for end in ("part", "old"))
    draft.mkdir()
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        if path.is_dir() and any(path.iterdir()):
            path.rename(old)
        try:
            draft.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _files(path: Path, report: Report, settings: Settings) -> dict[str, bytes]:
    """The content of the bundle by file name."""
    files = _array_files(report.exhibits)
    document = render_json(report, Canvas()).encode()
    is_short = len(document) <= _REPORT_BYTES
    content = document if is_short else gzip.compress(document, mtime=0)
    if len(content) <= _REPORT_BYTES:
        files["report.json" if is_short else "report.json.gz"] = content
    environment = {
        "environment": dict(report.environment),
        "settings": dict(report.settings),
        "command": report.reproduce,
    }
    files["environment.json"] = (json.dumps(environment, indent=2, default=str) + "\n").encode()
    files["README.txt"] = render_readme(path, report, settings, files).encode("utf-8", "backslashreplace")
    manifest = {"made_by": "kcheck", "version": report.version, "files": sorted(files)}
    files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    return files


def _array_files(exhibits: Sequence[FailingRows]) -> dict[str, bytes]:
    """Rows and outputs of each failure, for as many rows as fit into its share of the space."""
    files: dict[str, bytes] = {}
    share = _ARRAY_BYTES // max(len(exhibits), 1)
    for exhibit in exhibits:
        rows, size = len(exhibit.rows), _bytes_per_row(exhibit)
        while rows:
            if rows * size <= _BEST_COMPRESSION * share:
                compressed = _compressed(exhibit, rows)
                if sum(map(len, compressed.values())) <= share:
                    files |= compressed
                    break
            rows //= 2
    return files


def _bytes_per_row(exhibit: FailingRows) -> float:
    """Bytes of one row and its outputs before compression."""
    arrays = [
        *exhibit.given.values(),
        *exhibit.fed.values(),
        *exhibit.answers.values(),
        *exhibit.expected.values(),
    ]
    return sum(values.nbytes / max(len(values), 1) for values in arrays)


def _compressed(exhibit: FailingRows, rows: int) -> dict[str, bytes]:
    numbers = np.array(exhibit.rows[:rows], np.int64)
    outputs = {f"candidate.{name}": values for name, values in exhibit.answers.items()}
    outputs |= {f"reference.{name}": values for name, values in exhibit.expected.items()}
    outputs |= {f"fed.{name}": values for name, values in exhibit.fed.items()}
    given = {name: values[:rows] for name, values in exhibit.given.items()}
    shown = {"rows": numbers, **{name: values[:rows] for name, values in outputs.items()}}
    files = {f"{exhibit.code}-answers.npz": _npz(shown)}
    rows_file = {f"{exhibit.code}-rows.csv": _csv(given)} if exhibit.is_table else {}
    return files | (rows_file or ({f"{exhibit.code}-rows.npz": _npz(given)} if given else {}))


def _csv(columns: Mapping[str, np.ndarray]) -> bytes:
    """A table with texts; NaN is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    cells = (["" if value != value else value for value in values.tolist()] for values in columns.values())
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode("utf-8", "backslashreplace")


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    named = {re.sub(r"[^A-Za-z0-9_.-]", "_", name): values for name, values in arrays.items()}
    np.savez_compressed(buffer, allow_pickle=False, **named)
    return buffer.getvalue()
