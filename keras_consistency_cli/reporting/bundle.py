"""Bundles: a folder of less than 1 MB that shows each failure to somebody who has neither the data nor the machine.

It is put together beside its place and moved there whole. Nothing is ever overwritten but a bundle that kcheck made.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.reporting.formats.json_report import render_json
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import FailingRows, Report
from keras_consistency_cli.reporting.reproducer import command
from keras_consistency_cli.text import clean

__all__ = ["MANIFEST", "MOST_BYTES", "check_bundle", "write_bundle"]

MANIFEST = "kcheck-bundle.json"
MOST_BYTES = 1_000_000
_REPORT_BYTES = 250_000
_ARRAY_BYTES = 650_000
_BEST_PACKING = 8
"""What packs better than this is not tried: packing hundreds of megabytes takes longer than it is worth."""
_COUNTED = (Status.FAIL, Status.ERROR)


def check_bundle(path: Path) -> None:
    """Refuse, before anything has run, a folder that holds what kcheck did not make.

    Raises:
        UsageError: it is a file, its parent is missing, or something foreign is in it.
    """
    shown = f"--bundle {clean(path)}"
    try:
        path.exists()
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be made: {clean(error.strerror)}",
            expected="a folder that is new, empty or a bundle of kcheck's",
        ) from None
    if path.exists() and not path.is_dir():
        raise UsageError(f"{shown} is a file", expected="a folder that is new, empty or a bundle of kcheck's")
    if not path.parent.is_dir():
        raise UsageError(
            f"{shown} cannot be made: there is no folder {clean(path.parent)}",
            expected="a folder that exists around it",
        )
    foreign = _foreign(path)
    if foreign is not None:
        raise UsageError(
            f"{shown} holds '{clean(foreign, 60)}', which kcheck did not make",
            fix="give a folder that is new or empty",
        )


def _foreign(path: Path) -> str | None:
    """The first thing in a folder that no manifest of kcheck's names."""
    if not path.is_dir():
        return None
    found = sorted(entry.name for entry in os.scandir(path) if entry.name != MANIFEST)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        made = set(manifest["files"]) if manifest["made_by"] == "kcheck" else set()
    except (OSError, ValueError, KeyError, TypeError):
        made = set()
        found = sorted([*found, MANIFEST]) if (path / MANIFEST).exists() else found
    return next((name for name in found if name not in made or not (path / name).is_file()), None)


def write_bundle(path: Path, report: Report, settings: Settings) -> None:
    """Write rows, answers, report, versions, settings and commands into a folder, wholly or not at all.

    Args:
        path: a folder that is new, empty or a bundle that kcheck made.
        report: with its exhibits.
        settings: those of the run.

    Raises:
        NoVerdictError: it could not be written; what was there before is still there.
    """
    files = _files(path, report, settings)
    try:
        foreign = _foreign(path)
        if foreign is not None:
            raise NoVerdictError(
                f"no bundle was written: {clean(path)} now holds '{clean(foreign, 60)}', which kcheck did not make"
            )
        _put(Path(os.path.realpath(path)), files)
    except OSError as error:
        raise NoVerdictError(f"cannot write the bundle to {clean(path)}: {error.strerror}") from None


def _put(path: Path, files: Mapping[str, bytes]) -> None:
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
    """By name what the bundle holds."""
    files = _arrays(report.exhibits)
    told = render_json(report, Canvas()).encode()
    short = told if len(told) <= _REPORT_BYTES else gzip.compress(told, mtime=0)
    if len(short) <= _REPORT_BYTES:
        files["report.json" if short is told else "report.json.gz"] = short
    around = {
        "environment": dict(report.environment),
        "settings": dict(report.settings),
        "command": report.reproduce,
    }
    files["environment.json"] = (json.dumps(around, indent=2, default=str) + "\n").encode()
    files["README.txt"] = _readme(path, report, settings, files).encode("utf-8", "backslashreplace")
    files[MANIFEST] = (
        json.dumps({"made_by": "kcheck", "version": report.version, "files": sorted(files)}, indent=2) + "\n"
    ).encode()
    return files


def _arrays(exhibits: Sequence[FailingRows]) -> dict[str, bytes]:
    """Rows and answers of each failure, of as many rows as its share of the space holds."""
    files: dict[str, bytes] = {}
    share = _ARRAY_BYTES // max(len(exhibits), 1)
    for each in exhibits:
        rows, plain = len(each.rows), _plain_bytes(each)
        while rows:
            if rows * plain > _BEST_PACKING * share:
                rows //= 2
                continue
            packed = _packed(each, rows)
            if sum(map(len, packed.values())) <= share:
                files |= packed
                break
            rows //= 2
    return files


def _plain_bytes(exhibit: FailingRows) -> float:
    """Bytes of one row and its answers before they are packed."""
    arrays = [
        *exhibit.given.values(),
        *exhibit.fed.values(),
        *exhibit.answers.values(),
        *exhibit.expected.values(),
    ]
    return sum(values.nbytes / max(len(values), 1) for values in arrays)


def _packed(exhibit: FailingRows, rows: int) -> dict[str, bytes]:
    numbers = np.array(exhibit.rows[:rows], np.int64)
    answers = {f"candidate.{name}": values for name, values in exhibit.answers.items()}
    answers |= {f"reference.{name}": values for name, values in exhibit.expected.items()}
    answers |= {f"fed.{name}": values for name, values in exhibit.fed.items()}
    given = {name: values[:rows] for name, values in exhibit.given.items()}
    packed = {
        f"{exhibit.code}-answers.npz": _npz(
            {"rows": numbers, **{name: values[:rows] for name, values in answers.items()}}
        )
    }
    return packed | ({f"{exhibit.code}-rows.npz": _npz(given)} if given else {})


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    named = {re.sub(r"[^A-Za-z0-9_.-]", "_", name): values for name, values in arrays.items()}
    np.savez_compressed(buffer, allow_pickle=False, **named)
    return buffer.getvalue()


def _readme(path: Path, report: Report, settings: Settings, files: Mapping[str, bytes]) -> str:
    counted = [verdict for verdict in report.verdicts if verdict.status in _COUNTED]
    lines = [
        f"kcheck {report.version}: {report.outcome}, exit {report.exit_code}",
        f"model: {clean(report.model.path, 1000)}",
        "",
    ]
    lines += (
        ["All of it again, from the folder that it was run in:", f"    {clean(report.reproduce, 4000)}", ""]
        if report.reproduce
        else []
    )
    for verdict in counted:
        lines += [
            f"{verdict.code} {verdict.name}: {verdict.status.upper()}",
            f"  {clean(verdict.message, 1000)}",
        ]
        exhibit = next((each for each in report.exhibits if each.code == verdict.code), None)
        lines += _shown(path, exhibit, settings, files) if exhibit else []
        lines += [
            "  this failure alone, from the same folder:",
            f"    {clean(report.reproducers.get(verdict.code, ''), 4000)}",
            "",
        ]
    if not counted:
        lines += ["No check failed, and none broke.", ""]
    held = [name for name in ("report.json", "report.json.gz") if name in files]
    lines += [
        f"{held[0]} is the whole report."
        if held
        else "The report is too large for a bundle; --format json writes it."
    ]
    return "\n".join([*lines, "environment.json holds versions and settings."]) + "\n"


def _shown(path: Path, exhibit: FailingRows, settings: Settings, files: Mapping[str, bytes]) -> list[str]:
    """What the files of one failure hold, and how to try its rows alone."""
    rows, answers = f"{exhibit.code}-rows.npz", f"{exhibit.code}-answers.npz"
    problem = [f"  answers are lacking: {clean(exhibit.problem, 400)}"] if exhibit.problem else []
    if answers not in files:
        return [*problem, "  its rows are too large for a bundle"]
    with np.load(io.BytesIO(files[answers])) as held:
        numbers, names = ", ".join(map(str, held["rows"])), set(held.files)
    told = [f"  rows {numbers}"]
    compared = any(name.startswith("candidate.") for name in names)
    mine = f"'candidate.…' by {clean(exhibit.candidate)}, " if compared else ""
    told += [
        f"  {answers}: {mine}'reference.…' by {clean(exhibit.reference)}, 'fed.…' the rows as the model gets them"
    ]
    told += [] if compared else ["  the check compares no two routes"]
    if rows in files and settings.served is None and settings.expected is None:
        alone = command(settings, select=exhibit.code, instead={"data": str(path / rows)})
        told += [
            f"  {rows}: the rows as they were given. On them alone (a fault between rows may need others, too):",
            f"    {clean(alone, 4000)}",
        ]
    return [*told, *problem]
