"""The whole tool on one screen: settings to subject, to routes, to evidence, to verdicts, to a report."""

from __future__ import annotations

import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from keras_consistency_cli import __version__
from keras_consistency_cli.checks import CHECKS
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.kc102_batch_size import batch_pairs
from keras_consistency_cli.diagnosis import diagnose, locators
from keras_consistency_cli.evidence import Gathering, Plan
from keras_consistency_cli.facts import Facts
from keras_consistency_cli.loading.archive import Archive, read_archive
from keras_consistency_cli.loading.data import RowSource, choose_rows, chunks, match_inputs, open_rows
from keras_consistency_cli.report import Report, Source
from keras_consistency_cli.routes import SHADOW, routes
from keras_consistency_cli.selection import resolve_selection
from keras_consistency_cli.settings import Settings
from keras_consistency_cli.supervisor import Nursery, Seat

__all__ = ["inspect"]

_SEATS = ("main", "fresh")
_CHUNK_BYTES = 32 * 2**20
_SAMPLE_BYTES = 16 * 2**20
_SAMPLE_ROWS = 256


def inspect(settings: Settings, argv_text: str = "") -> Report:
    """Run the selected checks and report.

    Args:
        settings: validated settings.
        argv_text: the command line that asked for it, for the report.

    Raises:
        KcheckError: nothing could be checked; the error carries the exit code.
    """
    start = time.perf_counter()
    checks = _selected(settings)
    with Nursery({"KERAS_BACKEND": settings.backend}) as nursery:
        archive = read_archive(settings.model, custom_objects=bool(settings.custom_objects), allow_unsafe=settings.trust.code)
        source = open_rows(settings.data) if settings.data else None
        scaler = _scan(settings)
        seats = {name: Seat(nursery, _load_request(settings, archive), timeout=settings.timeout) for name in _SEATS}
        facts, described = _load(seats)
        numbers = _numbers(settings, source, facts)
        gathering = Gathering(plan=Plan.of(checks, routes(_sizes(settings))), facts=facts, policy=settings.policy(), seats=seats)
        sample, rest = _sample(numbers, facts, settings.batch_size)
        gathering.add(sample, first=True)
        for chunk in chunks(rest, _chunk_rows(source, settings.batch_size)):
            gathering.add(chunk, first=False)
        evidence = _evidence(gathering, archive, settings)
        verdicts = [check.verdict(evidence) for check in checks]
        gathering.run_more(locators(verdicts), sample)
        diagnoses = diagnose(_evidence(gathering, archive, settings), verdicts)
    return Report(
        version=__version__,
        verdicts=verdicts,
        diagnoses=diagnoses,
        facts=facts,
        environment=_environment(facts),
        model=Source(path=str(settings.model), sha256=archive.sha256, summary=f"{facts.kind} '{facts.name}'"),
        data=_data_source(source, described),
        scaler=scaler,
        settings=settings.model_dump(mode="json"),
        rows=gathering.rows,
        rows_available=source.length if source else gathering.rows,
        generated=source is None,
        noise={comparison.output: comparison.max_abs for comparison in evidence.noise.values()},
        reproduce=argv_text,
        notes=_notes(facts, gathering),
        elapsed_s=time.perf_counter() - start,
        fail_on=settings.fail_on,
    )


def _selected(settings: Settings) -> tuple[Check, ...]:
    codes = resolve_selection(settings.select, settings.ignore, [(check.code, check.name) for check in CHECKS])
    chosen = (check for check in CHECKS if check.code in codes)
    return tuple(replace(check, pairs=batch_pairs(_sizes(settings))) if check.code == "KC102" else check for check in chosen)


def _sizes(settings: Settings) -> tuple[int, ...]:
    return tuple(size for size in settings.checks.batch_size.sizes if size > 1)


def _scan(settings: Settings) -> Source | None:
    if settings.scaler is None:
        return None
    from keras_consistency_cli.loading.scaler import scan_scaler

    found = scan_scaler(settings.scaler, trust=settings.trust.scaler)
    return Source(path=str(settings.scaler), sha256=found.sha256, summary=f"{found.estimator}, saved with scikit-learn {found.sklearn_version or '?'}")


def _load_request(settings: Settings, archive: Archive) -> dict[str, Any]:
    return {
        "files": {
            "model": str(settings.model),
            "saved_with": archive.keras_version,
            "data": str(settings.data) if settings.data else None,
            "scaler": str(settings.scaler) if settings.scaler else None,
            "custom_objects": [str(path) for path in settings.custom_objects],
            "trust_scaler": settings.trust.scaler,
            "allow_unsafe": settings.trust.code,
            "compiled": not archive.custom_compile,
            "generated_rows": _SAMPLE_ROWS if settings.rows == "all" else settings.rows,
            "seed": settings.seed,
        },
        "probe": {"batch_size": settings.batch_size, "sizes": _sizes(settings), "seed": settings.seed},
    }


def _load(seats: dict[str, Seat]) -> tuple[Facts, str]:
    with ThreadPoolExecutor(len(seats)) as pool:
        loaded = list(pool.map(Seat.load, seats.values()))
    return loaded[0]


def _numbers(settings: Settings, source: RowSource | None, facts: Facts) -> np.ndarray:
    if source is None:
        return choose_rows(_generated_rows(settings, facts), "all", seed=settings.seed, multiple_of=facts.batch_size or 1)
    if settings.scaler is None:
        match_inputs(source, facts.inputs, batch_size=facts.batch_size)
    return choose_rows(source.length, settings.rows, seed=settings.seed, multiple_of=facts.batch_size or 1)


def _generated_rows(settings: Settings, facts: Facts) -> int:
    wanted = _SAMPLE_ROWS if settings.rows == "all" else settings.rows
    return max(wanted, facts.batch_size or 1)


def _sample(numbers: np.ndarray, facts: Facts, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a spread sample, on which every route runs, and the rest, through which predict and one-by-one stream."""
    row_bytes = 4 * sum(int(np.prod([dim or 64 for dim in fact.shape[1:]])) for fact in facts.outputs if fact.shape)
    step = facts.batch_size or batch_size
    size = max(step, min(_SAMPLE_ROWS, _SAMPLE_BYTES // max(row_bytes, 1)) // step * step)
    if len(numbers) <= size:
        return numbers, numbers[:0]
    picked = np.linspace(0, len(numbers) - 1, size).astype(np.int64)
    rest = np.ones(len(numbers), bool)
    rest[picked] = False
    return numbers[picked], numbers[rest]


def _chunk_rows(source: RowSource | None, batch_size: int) -> int:
    row_bytes = sum(array.nbytes // max(len(array), 1) for array in source.arrays.values()) if source else 1
    return max(batch_size, min(8192, _CHUNK_BYTES // max(row_bytes, 1)) // batch_size * batch_size)


def _evidence(gathering: Gathering, archive: Archive, settings: Settings) -> Evidence:
    return Evidence(
        facts=gathering.facts,
        policy=gathering.policy,
        traces=gathering.traces,
        comparisons=gathering.comparisons,
        noise=gathering.noise(),
        rows=gathering.rows,
        data={"nonfinite_weights": archive.nonfinite, "nonfinite_rows": gathering.bad_rows, "stateful_rows": settings.facts.stateful_rows},
    )


def _environment(facts: Facts) -> dict[str, Any]:
    return {
        "kcheck": __version__,
        "python": platform.python_version(),
        "keras": facts.keras,
        "saved_with_keras": facts.saved_with,
        "backend": facts.backend,
        "backend_version": facts.backend_version,
        "devices": list(facts.devices),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def _data_source(source: RowSource | None, described: str) -> Source:
    if source is None:
        return Source(path="", summary=f"made from the model's input spec: {described}")
    return Source(path=source.path, sha256=source.sha256, summary=", ".join(f"{name} {array.shape} {array.dtype}" for name, array in source.arrays.items()))


def _notes(facts: Facts, gathering: Gathering) -> tuple[str, ...]:
    shadow = gathering.traces.get(SHADOW)
    reason = shadow.unavailable or shadow.error if shadow is not None else None
    return (*facts.notes, *((reason,) if reason else ()))
