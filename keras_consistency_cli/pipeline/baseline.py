"""Baselines: a model's answers of today in one file, bound by hashes to the model, the rows and the scaler; and what has changed around them since.

The file is a zip of `baseline.json` and `answers.npz`. It is read as data: the answers go the way of every `--expected` file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.loading.rows.source import split_into_chunks
from keras_consistency_cli.pipeline.collector import EvidenceCollector, Plan
from keras_consistency_cli.pipeline.inputs import Opened, load_request, open_files
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.report_builder import environment
from keras_consistency_cli.pipeline.sampling import chunk_rows, rows_to_check
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.stored.reader import mapping
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import REFERENCE
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["SCHEMA", "Baseline", "differences", "read_baseline", "record"]

SCHEMA = "kcheck.baseline/1"

_FACTS, _ANSWERS = "baseline.json", "answers.npz"
_MOST_FACTS = 2**20
_EXPECTED = "a file of 'kcheck baseline record'"
_FILES = ("model", "data", "scaler")


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What was recorded: the hashes of the files, the environment, the settings that matter, and the answers as the bytes of an .npz."""

    files: Mapping[str, str | None]
    environment: Mapping[str, Any]
    answers: bytes


def record(settings: Settings, observe: Observer = NULL_OBSERVER) -> tuple[bytes, int]:
    """Run predict on all rows and return the baseline as the bytes of its file, and how many rows it holds; `observe` is told what comes next.

    Raises:
        KcheckError: nothing could be recorded.
    """
    with ExitStack() as stack:
        observe(f"starting {settings.backend} and loading the model")
        fork_server = stack.enter_context(ForkServer())
        fork_server.start(
            {"KERAS_BACKEND": settings.backend},
            memory_limit=settings.memory_limit,
            isolated=settings.isolation == "auto",
        )
        opened = open_files(settings)
        if opened.rows is None:
            raise UsageError("a baseline needs rows", fix="give them with --data")
        deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
        client = WorkerClient(
            fork_server, load_request(settings, opened, sizes=()), timeout=settings.timeout, deadline=deadline
        )
        stack.callback(client.close)
        facts, _ = client.load()
        collector = EvidenceCollector(
            plan=Plan(routes=(), pairs=()), facts=facts, policy=settings.policy(), clients={"main": client}
        )
        numbers = rows_to_check(settings, opened.rows, facts)
        if len(numbers) != opened.rows.length:
            what = f"{opened.rows.length} rows do not fill batches of {facts.batch_size}, which the model was built for"
            raise UsageError(what, fix="record a multiple of them")
        answers = _answers(
            collector,
            split_into_chunks(numbers, chunk_rows(opened.rows, settings.batch_size)),
            partial(_reached, observe, len(numbers)),
        )
    told = {
        "schema": SCHEMA,
        "kcheck": __version__,
        "files": hashes(opened),
        "environment": environment(facts),
        "rows": len(numbers),
    }
    return _packed(told, answers), len(numbers)


def _reached(observe: Observer, rows: int, done: int) -> None:
    observe(f"predict over the rows: {done:,} of {rows:,} answered")


def _answers(
    collector: EvidenceCollector, pieces: Iterator[np.ndarray], reached: Callable[[int], None]
) -> dict[str, np.ndarray]:
    route = next(route for route in routes() if route.name == REFERENCE)
    found: list[Mapping[str, np.ndarray]] = []
    done = 0
    for numbers in pieces:
        reached(done)
        done += len(numbers)
        trace = collector.run_again([route], numbers)[REFERENCE]
        if not trace.ran or not trace.outputs:
            raise NoVerdictError(
                f"nothing is recorded: predict gave no answers: {clean(trace.error or trace.unavailable)}"
            )
        found.append(trace.outputs)
    return {name: np.concatenate([outputs[name] for outputs in found]) for name in found[0]}


def _packed(told: Mapping[str, Any], answers: Mapping[str, np.ndarray]) -> bytes:
    inner, outer = io.BytesIO(), io.BytesIO()
    # Not np.savez, to which an output called "file" would be something else.
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as archive:
        for name, values in answers.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_FACTS, json.dumps(told, indent=2))
        archive.writestr(_ANSWERS, inner.getvalue())
    return outer.getvalue()


def hashes(opened: Opened) -> dict[str, str | None]:
    """Return the hash of each file that answers depend on, by what it is; None where there is none."""
    return {
        "model": opened.archive.sha256,
        "data": opened.rows.sha256 if opened.rows else None,
        "scaler": opened.scaler.sha256 if opened.scaler else None,
    }


def read_baseline(path: Path) -> Baseline:
    """Return a baseline; of its answers nothing has been looked at yet.

    Raises:
        UsageError: there is no such file, or it is something else.
    """
    shown = clean(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            odd = set(members) != {_FACTS, _ANSWERS} or any(
                info.compress_type != zipfile.ZIP_STORED for info in members.values()
            )
            if (
                odd
                or members[_FACTS].file_size > _MOST_FACTS
                or members[_ANSWERS].file_size > Path(path).stat().st_size
            ):
                raise UsageError(f"{shown}: is no baseline", expected=_EXPECTED)
            told, answers = parse_object(archive.read(_FACTS), _FACTS), archive.read(_ANSWERS)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise UsageError(
            f"{shown}: cannot be read: {clean(getattr(error, 'strerror', None) or error)}", expected=_EXPECTED
        ) from None
    except RefusedError as error:
        raise UsageError(f"{shown}: {error.what}", expected=_EXPECTED) from None
    if told.get("schema") != SCHEMA:
        raise UsageError(f"{shown}: schema is {clean(repr(told.get('schema')), 60)}", expected=_EXPECTED)
    return Baseline(
        files=mapping(told.get("files")), environment=mapping(told.get("environment")), answers=answers
    )


def differences(baseline: Baseline, report: Report) -> tuple[str, ...]:
    """Say what is not as it was when the baseline was recorded, and where answers moved what can have moved them."""
    now = {
        "model": report.model.sha256,
        "data": report.data.sha256,
        "scaler": report.scaler.sha256 if report.scaler else None,
    }
    files = [name for name in _FILES if baseline.files.get(name) != now[name]]
    around = [
        name
        for name, value in baseline.environment.items()
        if name != "kcheck" and report.environment.get(name, value) != value
    ]
    notes = [
        f"other than recorded: {name} {_told(baseline.files.get(name))} -> {_told(now[name])}"
        for name in files
    ]
    notes += [
        f"other than recorded: {clean(name, 60)} {_told(baseline.environment[name])} -> {_told(report.environment[name])}"
        for name in around
    ]
    if report.outcome == "inconsistent":
        notes.append(_blame(files, around))
    return tuple(notes or ("model, rows, scaler and environment are those of the recording",))


def _blame(files: Sequence[str], around: Sequence[str]) -> str:
    if "model" in files:
        return "answers moved, and the model is another file" + (
            f"; beside it there are others: {', '.join(map(clean, around))}" if around else ""
        )
    if files:
        return f"answers moved: the model is the same file, the {' and the '.join(files)} is another"
    if around:
        return f"answers moved although model, rows and scaler are the same files: {', '.join(map(clean, around))} moved them"
    return "answers moved although nothing that was recorded has changed: the model does not repeat itself, or what it depends on was not recorded"


def _told(value: object) -> str:
    return (
        clean(value if not isinstance(value, str) or len(value) != 64 else value[:12], 80)
        if value is not None
        else "none"
    )
