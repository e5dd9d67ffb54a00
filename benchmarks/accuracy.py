"""How often is kcheck right? `python -m benchmarks.accuracy [--only TEXT] [--sample N] [--seed S] [--jobs J]
[--write FILE]`, from the top.

Builds the cases of tests/corpus into a temporary folder, runs the command on each as a user would, and
counts. The exit code is 1 if a fault was missed or a clean model was not passed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.measure import machine
from tests.corpus.cases import Case, write
from tests.corpus.catalogue import ALL_CASES, stratified
from tests.corpus.verdict import Outcome, examine

__all__ = ["aligned", "by_cause", "by_family", "document", "main", "measure", "misses"]


_HEAD = """# How often kcheck is right

`make accuracy` builds small models with the builders in `tests/corpus`. Some models are healthy, the
others have a planted fault. The script then runs kcheck on each model as a user would. This page shows a
run on {cases} cases. Each family is represented in proportion to its size.

A faulty case counts as right if one of the checks that can see the fault fails and the exit code is 1.
If the expected result is a warning, that check must warn. A clean case counts as right if it passes.
Causes and layers are scored only in cases that define the right one.

kcheck cannot recognise a case by its name, file, seed or size. However, all cases were used during the
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
    """Build the cases one after the other and run the command on them, `jobs` at a time; folders have numbers
    for names.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        waiting: list[Future[Outcome]] = []
        for number, case in enumerate(cases):
            waiting.append(pool.submit(examine, case, write(case, Path(folder) / f"{number:03d}")))
        outcomes = []
        for number, future in enumerate(waiting, start=1):
            outcomes.append(future.result())
            print(f"\r{number} of {len(cases)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return outcomes


Rows = list[tuple[str, ...]]


def by_family(outcomes: Sequence[Outcome]) -> Rows:
    """Return the counts by family, and of all faulty and all clean cases."""
    rows = [_COLUMNS]
    for family in dict.fromkeys(outcome.case.family for outcome in outcomes):
        rows.append(_row(family, [outcome for outcome in outcomes if outcome.case.family == family]))
    rows.append(_row("all faulty", [outcome for outcome in outcomes if outcome.case.faulty]))
    rows.append(_row("all clean", [outcome for outcome in outcomes if not outcome.case.faulty]))
    return rows


def by_cause(outcomes: Sequence[Outcome]) -> Rows:
    """Return the counts by planted cause, under the first of those that count as right."""
    rows = [("cause", "cases", "flagged", "right cause", "right layer")]
    for cause in sorted({outcome.case.causes[0] for outcome in outcomes if outcome.case.causes}):
        those = [outcome for outcome in outcomes if outcome.case.causes and outcome.case.causes[0] == cause]
        causes, layers = (
            _share(getattr(outcome, field) for outcome in those) for field in ("right_cause", "right_layer")
        )
        rows.append((cause, str(len(those)), str(sum(outcome.right for outcome in those)), causes, layers))
    return rows


def aligned(rows: Rows) -> str:
    """Return a table as lines of text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def document(outcomes: Sequence[Outcome]) -> str:
    """Return the counts as a page of documentation."""
    measured_on = ", ".join(f"{name} {value}" for name, value in machine().items())
    parts = [_HEAD.format(day=datetime.now(UTC).date(), machine=measured_on, cases=len(outcomes))]
    parts += [_markdown(by_family(outcomes)), "## By cause", _markdown(by_cause(outcomes)), "## Misses"]
    return (
        "\n\n".join([*parts, "\n".join(f"- {line}" for line in misses(outcomes).splitlines()) or "None."])
        + "\n"
    )


def _markdown(rows: Rows) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((lines[0], "|---" * len(rows[0]) + "|", *lines[1:]))


def _row(name: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    alarms = sum(outcome.false_alarm for outcome in outcomes)
    warnings = sum(outcome.false_warning for outcome in outcomes)
    silent = sum(outcome.exit_code not in (0, 1) for outcome in outcomes)
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
        str(silent),
    )


def _share(answers: Iterable[bool | None]) -> str:
    """Return "right/scored", or a dash where nothing was scored."""
    scored = [answer for answer in answers if answer is not None]
    return f"{sum(scored)}/{len(scored)}" if scored else "-"


def misses(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes that are wrong in verdict, cause or layer, a line each."""
    lines = []
    for outcome in outcomes:
        answers = {"verdict": outcome.right, "cause": outcome.right_cause, "layer": outcome.right_layer}
        wrong = [what for what, answer in answers.items() if answer is False]
        if wrong:
            lines.append(f"wrong {', '.join(wrong)}: {outcome}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Run kcheck on the corpus and count how often it is right.")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only cases with this text in family or name"
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=len(ALL_CASES),
        metavar="N",
        help="about N cases, every family represented",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the counts as a page, such as docs/accuracy.md"
    )
    parser.add_argument("--jobs", type=int, default=2, help="commands at a time")
    options = parser.parse_args(argv)
    chosen = stratified(
        [case for case in ALL_CASES if options.only in f"{case.family} {case.name}"],
        options.sample,
        options.seed,
    )
    if not chosen:
        parser.error(f"no case has '{options.only}' in its family or name")
    outcomes = measure(chosen, jobs=options.jobs)
    print(
        aligned(by_family(outcomes)), aligned(by_cause(outcomes)), misses(outcomes) or "no misses", sep="\n\n"
    )
    if options.write is not None:
        options.write.write_text(document(outcomes), encoding="utf-8")
    return 0 if all(outcome.right for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
