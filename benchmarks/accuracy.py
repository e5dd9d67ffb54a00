"""Count how often kcheck is right on the cases of tests/corpus: `python -m benchmarks.accuracy`.

Builds the cases in a temporary folder, runs the command on each as a user would, and counts the correct
results. The exit code is 1 if a fault was missed or a clean model did not pass.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.measure import machine
from tests.corpus.cases import Case, write
from tests.corpus.catalogue import ALL_CASES, stratified
from tests.corpus.verdict import Outcome, examine, examine_in_process
from tests.helpers.in_process import SharedForkServer

__all__ = [
    "align_columns",
    "count_by_cause",
    "count_by_family",
    "format_page",
    "list_misses",
    "main",
    "measure",
    "measure_shared",
]

_Result = TypeVar("_Result")

_HEAD = """# How often kcheck is right

`make accuracy` builds small models with the builders in `tests/corpus`. Some models are healthy, the
others have a planted fault. The script then runs kcheck on each model as a user would. This page shows a
run on {cases}.

A faulty case counts as right if one of the checks that can see the fault fails and the exit code is 1.
If the expected result is a warning, that check must warn. A clean case counts as right if it passes.
Causes and layers are scored only in cases that define the right one.

kcheck cannot recognize a case by its name, file, seed or size. However, all cases were used during the
development of kcheck, and misses were corrected. Expect a lower score on your own models.

{day}, {machine}."""
_COLUMNS: tuple[str, ...] = (
    "family",
    "cases",
    "right",
    "cause",
    "layer",
    "false alarms",
    "false warnings",
    "no verdict",
)


def measure(cases: Sequence[Case], *, jobs: int) -> list[Outcome]:
    """Build the cases one after another and run the command on `jobs` of them at a time.

    Folder names are numbers, so that they do not reveal the fault.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        futures: list[Future[Outcome]] = []
        for number, case in enumerate(cases):
            futures.append(pool.submit(examine, case, write(case, Path(folder) / f"{number:03d}")))
        return list(_show_progress((future.result() for future in futures), len(cases)))


def measure_shared(cases: Sequence[Case], *, jobs: int) -> list[Outcome]:
    """Do the same in `jobs` processes that import the backend once for all of their cases."""
    places = {case.name: place for place, case in enumerate(ALL_CASES)}
    chosen = [places[case.name] for case in cases]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = _show_progress(pool.map(_examine_shared, chosen), len(cases))
        return [Outcome(case=case, **fields) for case, fields in zip(cases, found, strict=True)]


def _examine_shared(place: int) -> dict[str, Any]:
    """Build and examine the case at this place of the corpus; return the outcome without the case.

    A case holds functions, which cannot be sent to another process.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = ALL_CASES[place]
        outcome = examine_in_process(case, write(case, Path(folder) / "000"), _shared_fork_server())
    return {name: value for name, value in vars(outcome).items() if name != "case"}


@cache
def _shared_fork_server() -> SharedForkServer:
    return SharedForkServer()


def _show_progress(results: Iterable[_Result], total: int) -> Iterator[_Result]:
    for number, result in enumerate(results, start=1):
        print(f"\r{number} of {total}", end="", file=sys.stderr, flush=True)
        yield result
    print(file=sys.stderr)


Rows = list[tuple[str, ...]]


def count_by_family(outcomes: Sequence[Outcome]) -> Rows:
    """Return the counts for each family, for all faulty cases and for all clean cases."""
    rows = [_COLUMNS]
    for family in dict.fromkeys(outcome.case.family for outcome in outcomes):
        rows.append(_row(family, [outcome for outcome in outcomes if outcome.case.family == family]))
    rows.append(_row("all faulty", [outcome for outcome in outcomes if outcome.case.faulty]))
    rows.append(_row("all clean", [outcome for outcome in outcomes if not outcome.case.faulty]))
    return rows


def count_by_cause(outcomes: Sequence[Outcome]) -> Rows:
    """Return the counts for each planted cause; a case with several accepted causes counts for the first."""
    rows = [("cause", "cases", "flagged", "right cause", "right layer")]
    for cause in sorted({outcome.case.causes[0] for outcome in outcomes if outcome.case.causes}):
        of_cause = [
            outcome for outcome in outcomes if outcome.case.causes and outcome.case.causes[0] == cause
        ]
        causes, layers = (
            _share(getattr(outcome, field) for outcome in of_cause)
            for field in ("right_cause", "right_layer")
        )
        rows.append(
            (cause, str(len(of_cause)), str(sum(outcome.right for outcome in of_cause)), causes, layers)
        )
    return rows


def align_columns(rows: Rows) -> str:
    """Return a table as lines of text with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def format_page(outcomes: Sequence[Outcome]) -> str:
    """Return the counts as a page of documentation."""
    measured_on = ", ".join(f"{name} {value}" for name, value in machine().items())
    cases = f"{len(outcomes)} of {len(ALL_CASES)} cases, with a part of each family"
    if len(outcomes) == len(ALL_CASES):
        cases = f"all {len(outcomes)} cases"
    parts = [_HEAD.format(day=datetime.now(UTC).date(), machine=measured_on, cases=cases)]
    parts += [
        _markdown(count_by_family(outcomes)),
        "## By cause",
        _markdown(count_by_cause(outcomes)),
        "## Misses",
    ]
    return (
        "\n\n".join(
            [*parts, "\n".join(f"- {line}" for line in list_misses(outcomes).splitlines()) or "None."]
        )
        + "\n"
    )


def _markdown(rows: Rows) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((lines[0], "|---" * len(rows[0]) + "|", *lines[1:]))


def _row(name: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    alarms = sum(outcome.false_alarm for outcome in outcomes)
    warnings = sum(outcome.false_warning for outcome in outcomes)
    no_verdict = sum(outcome.exit_code not in (0, 1) for outcome in outcomes)
    right = sum(outcome.right for outcome in outcomes)
    causes, layers = (
        _share(getattr(outcome, field) for outcome in outcomes) for field in ("right_cause", "right_layer")
    )
    return (
        name,
        str(len(outcomes)),
        f"{right}/{len(outcomes)}",
        causes,
        layers,
        str(alarms),
        str(warnings),
        str(no_verdict),
    )


def _share(results: Iterable[bool | None]) -> str:
    """Return "right/scored", or a dash if nothing was scored."""
    scored = [result for result in results if result is not None]
    return f"{sum(scored)}/{len(scored)}" if scored else "-"


def list_misses(outcomes: Sequence[Outcome]) -> str:
    """Return one line for each outcome with a wrong verdict, cause or layer."""
    lines = []
    for outcome in outcomes:
        results = {"verdict": outcome.right, "cause": outcome.right_cause, "layer": outcome.right_layer}
        wrong = [what for what, result in results.items() if result is False]
        if wrong:
            lines.append(f"wrong {', '.join(wrong)}: {outcome}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure, and print or write the counts."""
    parser = argparse.ArgumentParser(description="Run kcheck on the corpus and count how often it is right.")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only cases whose family or name contains this text"
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=len(ALL_CASES),
        metavar="N",
        help="run about N cases, with cases of every family",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the counts as a page, such as docs/accuracy.md"
    )
    parser.add_argument("--jobs", type=int, default=2, help="number of commands to run at the same time")
    parser.add_argument(
        "--shared", action="store_true", help="import the backend once per job: same verdicts, half the time"
    )
    options = parser.parse_args(argv)
    chosen = stratified(
        [case for case in ALL_CASES if options.only in f"{case.family} {case.name}"],
        options.sample,
        options.seed,
    )
    if not chosen:
        parser.error(f"no family or name of a case contains '{options.only}'")
    outcomes = (measure_shared if options.shared else measure)(chosen, jobs=options.jobs)
    print(
        align_columns(count_by_family(outcomes)),
        align_columns(count_by_cause(outcomes)),
        list_misses(outcomes) or "no misses",
        sep="\n\n",
    )
    if options.write is not None:
        options.write.write_text(format_page(outcomes), encoding="utf-8")
    return 0 if all(outcome.right for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
