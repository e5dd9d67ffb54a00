"""Run: settings to inputs, to workers, to evidence, to verdicts, to a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.context import DataContext, RefusedRows
from keras_consistency_cli.checks.selection import check_outputs, selected
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.diagnose import confirming_routes, diagnose, locating_routes
from keras_consistency_cli.diagnosis.unexplained import unexplained_failures
from keras_consistency_cli.errors import ShapeMismatchError
from keras_consistency_cli.loading.row_chunks import split_into_chunks
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.evidence_context import data_context
from keras_consistency_cli.pipeline.failing_rows import collect_failing_rows, worst_rows
from keras_consistency_cli.pipeline.inputs import Inputs, naming_scaler_version
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.plan import Plan, route_table
from keras_consistency_cli.pipeline.report_builder import RunInfo, build_report
from keras_consistency_cli.pipeline.sampling import (
    RowsAfterSample,
    check_served_rows,
    chunk_rows,
    rows_to_check,
    rows_to_search,
    split_sample,
    with_bad_rows,
)
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence
from keras_consistency_cli.pipeline.streaming.open import open_place
from keras_consistency_cli.pipeline.streaming.place import StreamPlace, ThisRun
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject, collect_worker_status, start_up
from keras_consistency_cli.reporting.report import FailingRows, Report
from keras_consistency_cli.reporting.reproducer import reproducers
from keras_consistency_cli.text import format_count
from keras_consistency_cli.workers.fork_source import ForkSource

__all__ = ["examine", "inspect"]


def inspect(
    settings: Settings,
    argv_text: str = "",
    *,
    fork_server: ForkSource | None = None,
    config: Path | None = None,
    instead: Sequence[Check] = (),
    scheduler: str | None = None,
    observe: Observer = NULL_OBSERVER,
) -> Report:
    """Run the selected checks and return the report.

    Args:
        settings: validated settings.
        argv_text: the command line of this run, for the report.
        fork_server: where workers are forked, if there is such a source already; its owner closes it.
        config: the YAML file of the settings, for the commands that reproduce single failures.
        instead: checks to run instead of those that the settings select.
        scheduler: where the rows after the sample are measured, see `open_place`.
        observe: receives the events of the run.

    Raises:
        KcheckError: nothing could be checked; the error carries the exit code.
    """
    start = time.perf_counter()
    checks = tuple(instead) or selected(settings)
    plan = Plan.of(checks, route_table(settings))
    with (
        open_place(scheduler, settings) as place,
        start_up(settings, plan, fork_server=fork_server, observe=observe) as subject,
    ):
        report = examine(settings, subject, plan, checks=checks, place=place, observe=observe)
        report = subject.files.name_originals(report)
        notes = (*report.notes, *place.notes())
    single = reproducers(settings, report.verdicts, config)
    elapsed = time.perf_counter() - start
    return replace(report, reproducers=single, reproduce=argv_text, notes=notes, elapsed_s=elapsed)


def examine(
    settings: Settings,
    subject: LoadedSubject,
    plan: Plan,
    *,
    checks: Sequence[Check],
    place: StreamPlace | None = None,
    observe: Observer = NULL_OBSERVER,
) -> Report:
    """Choose rows, collect evidence, judge, diagnose and build the report.

    The report lacks the command line and the elapsed time, which the caller knows.

    Args:
        settings: validated settings.
        subject: the opened files, and the workers that have loaded them.
        plan: the routes and pairs that the checks need.
        checks: the checks, from `selected`.
        place: measures the rows after the sample; without it, the workers of the subject do.
        observe: receives the events of the run.

    Raises:
        KcheckError: nothing could be checked.
    """
    _check_stated_outputs(settings, subject)
    collector = _new_collector(settings, subject, plan, observe)

    refused_as_served = False
    try:
        numbers = rows_to_check(settings, subject.inputs.rows, subject.facts)
        refused_as_served = True
        check_served_rows(subject.inputs.additional, subject.facts)
    except ShapeMismatchError as mismatch:
        return _refused(mismatch, settings, subject.inputs, collector, checks, served=refused_as_served)
    with naming_scaler_version(subject.inputs.scaler):
        description = subject.clients["main"].describe(every=settings.rows == "all")
    context = data_context(settings, subject.inputs, subject.facts, description)
    numbers = with_bad_rows(numbers, description)
    sample, rest = split_sample(numbers, subject.facts, settings.batch_size)

    chunks = split_into_chunks(rest, chunk_rows(subject.inputs.rows, settings.batch_size))
    with closing((place or ThisRun()).measure(subject, collector, chunks)) as stream:
        verdicts = _collect_and_judge(settings, collector, checks, context, sample, stream)
    _locate_faults(collector, context, verdicts, _rows_to_search(settings, subject, verdicts, sample, rest))
    evidence = collector.evidence(context)
    diagnoses = diagnose(evidence, verdicts)
    open_questions = unexplained_failures(evidence, verdicts, diagnoses)
    exhibits = _collect_failing_rows(settings, subject, collector, verdicts, sample)

    # Last of all: a worker that is killed after this has nothing left to answer.
    unprotected, lost = collect_worker_status(subject)
    run = RunInfo(
        rows_description=subject.rows_description, description=description, unprotected=unprotected, lost=lost
    )
    report = build_report(settings, subject.inputs, collector, verdicts, diagnoses, run)
    return replace(report, unexplained=open_questions, exhibits=exhibits)


def _check_stated_outputs(settings: Settings, subject: LoadedSubject) -> None:
    """Refuse limits for outputs that the model does not have."""
    stated = [name for name, _ in settings.policy().per_output]
    check_outputs(stated, [fact.name for fact in subject.facts.outputs])


def _new_collector(
    settings: Settings, subject: LoadedSubject, plan: Plan, observe: Observer
) -> EvidenceCollector:
    return EvidenceCollector(
        plan=plan, facts=subject.facts, policy=settings.policy(), clients=subject.clients, observe=observe
    )


def _collect_and_judge(
    settings: Settings,
    collector: EvidenceCollector,
    checks: Sequence[Check],
    context: DataContext,
    sample: np.ndarray,
    stream: Iterator[ChunkEvidence],
) -> list[Verdict]:
    """Run the sample, stream the rest of the rows, and return the verdicts; `--exit-first` ends early."""
    if not settings.exit_first:
        collector.add_sample(sample)
        for measured in stream:
            collector.merge(measured)
            collector.observe(f"{format_count(collector.rows, 'row')} measured")
        evidence = collector.evidence(context)
        return [check.verdict(evidence) for check in checks]
    collector.add_until_failure(checks, route_table(settings), sample, context)
    verdicts = _judge_until_failure(checks, collector, context)
    while not _first_failure(verdicts):
        chunk = next(stream, None)
        if chunk is None:
            break
        collector.merge(chunk)
        verdicts = _judge_until_failure(checks, collector, context)
    return verdicts


def _judge_until_failure(
    checks: Sequence[Check], collector: EvidenceCollector, context: DataContext
) -> list[Verdict]:
    """Return the verdicts of the checks up to the first failure; those after it are skipped."""
    evidence = collector.evidence(context)
    verdicts: list[Verdict] = []
    for check in checks:
        failure = _first_failure(verdicts)
        if failure is None:
            verdicts.append(check.verdict(evidence))
        else:
            verdicts.append(check.skipped(f"{failure.code} failed, and --exit-first stops there"))
    return verdicts


def _first_failure(verdicts: Sequence[Verdict]) -> Verdict | None:
    return next((verdict for verdict in verdicts if verdict.status is Status.FAIL), None)


def _rows_to_search(
    settings: Settings,
    subject: LoadedSubject,
    verdicts: Sequence[Verdict],
    sample: np.ndarray,
    rest: RowsAfterSample,
) -> np.ndarray:
    """Return the rows on which faults are searched for; rows that go on from those before stay in order."""
    if subject.facts.stateful_layers:
        return sample
    return rows_to_search(
        sample,
        rest,
        worst_rows(verdicts),
        batch=subject.facts.batch_size or settings.batch_size,
        chunk=chunk_rows(subject.inputs.rows, settings.batch_size),
    )


def _locate_faults(
    collector: EvidenceCollector, context: DataContext, verdicts: Sequence[Verdict], rows: np.ndarray
) -> None:
    """Run the routes that search for the faulty layer, then those that test it by an intervention."""
    collector.run_more(locating_routes(verdicts), rows)
    collector.run_more(confirming_routes(collector.evidence(context), verdicts), rows)


def _collect_failing_rows(
    settings: Settings,
    subject: LoadedSubject,
    collector: EvidenceCollector,
    verdicts: Sequence[Verdict],
    sample: np.ndarray,
) -> tuple[FailingRows, ...]:
    """Return the rows of each failure if a bundle is requested."""
    if not settings.bundle:
        return ()
    available = subject.inputs.rows.length if subject.inputs.rows else collector.rows
    table = route_table(settings)
    return collect_failing_rows(collector, table, verdicts, sample, available)


def _refused(
    mismatch: ShapeMismatchError,
    settings: Settings,
    opened: Inputs,
    collector: EvidenceCollector,
    checks: Sequence[Check],
    *,
    served: bool,
) -> Report:
    """Return the report on rows that the model refuses: only checks that accept such rows are run.

    Raises:
        ShapeMismatchError: none of the selected checks accepts them.
    """
    judges = [check.code for check in checks if check.accepts_refused_rows]
    if not judges:
        raise mismatch
    declared = {fact.name: fact.shape for fact in collector.facts.inputs}
    refused = RefusedRows(
        input=mismatch.input,
        shape=mismatch.shape,
        # Before a scaler, rows may have any number of features; what reaches the input may not.
        expected=declared.get(mismatch.input, mismatch.wanted),
        fix=mismatch.fix,
        served=served,
    )
    evidence = collector.evidence(DataContext(refused=refused))
    reason = f"the model refuses rows of this shape ({', '.join(judges)})"
    verdicts = [
        check.verdict(evidence) if check.accepts_refused_rows else check.skipped(reason) for check in checks
    ]
    return build_report(
        settings,
        opened,
        collector,
        verdicts,
        diagnose(evidence, verdicts),
        RunInfo(rows_description="", description=DataFacts()),
    )
