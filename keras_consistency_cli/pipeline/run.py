"""The whole tool on one screen: settings to subject, to routes, to evidence, to verdicts, to a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks.base import Check, Status, Verdict
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.rules.kc102_batch_size import batch_pairs
from keras_consistency_cli.checks.selection import check_outputs, resolve_selection
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.diagnose import diagnose, locators, togglers
from keras_consistency_cli.diagnosis.unexplained import unexplained
from keras_consistency_cli.errors import ShapeMismatchError, UsageError
from keras_consistency_cli.loading.rows.source import split_into_chunks
from keras_consistency_cli.measurement.facts import DataFacts, Facts
from keras_consistency_cli.pipeline.collector import EvidenceCollector, Look, Plan
from keras_consistency_cli.pipeline.early_verdicts import asked_early, one_by_one
from keras_consistency_cli.pipeline.evidence_context import known_of
from keras_consistency_cli.pipeline.failing_rows import collect
from keras_consistency_cli.pipeline.inputs import Opened, open_files
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.report_builder import RunInfo, build_report, required
from keras_consistency_cli.pipeline.sampling import chunk_rows, rows_to_check, split_sample, with_bad_rows
from keras_consistency_cli.pipeline.worker_setup import collect_worker_status, create_workers, started
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.reproducer import reproducers
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer
from keras_consistency_cli.workers.pool import map_concurrently

__all__ = ["examine", "inspect", "selected"]


def inspect(
    settings: Settings,
    argv_text: str = "",
    *,
    fork_server: ForkServer | None = None,
    config: Path | None = None,
    instead: Sequence[Check] = (),
    observe: Observer = NULL_OBSERVER,
) -> Report:
    """Run the selected checks and report.

    Args:
        settings: validated settings.
        argv_text: the command line that asked for it, for the report.
        fork server: where workers come from, where one is waiting already; it is started here and closed by whoever made it.
        config: the YAML file that the settings were read from, for the commands that reproduce single failures.
        observe: told what comes next.
        instead: checks to run instead of those that the settings select.

    Raises:
        KcheckError: nothing could be checked; the error carries the exit code.
    """
    start = time.perf_counter()
    checks = tuple(instead) or selected(settings)
    deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
    with ExitStack() as stack:
        observe(f"starting {settings.backend} and loading the model")
        fork_servers = started(settings, stack, fork_server)
        opened = open_files(settings)
        plan = Plan.of(checks, routes(settings.batch_sizes()))
        clients = create_workers(settings, opened, plan, fork_servers, stack, deadline)
        report = examine(
            settings, opened, clients, checks=checks, fork_servers=fork_servers.fork_servers, observe=observe
        )
    alone = reproducers(settings, report.verdicts, config)
    return replace(report, reproducers=alone, reproduce=argv_text, elapsed_s=time.perf_counter() - start)


def examine(
    settings: Settings,
    opened: Opened,
    clients: Mapping[str, WorkerClient],
    *,
    checks: Sequence[Check],
    fork_servers: Sequence[ForkServer] = (),
    observe: Observer = NULL_OBSERVER,
) -> Report:
    """Load every seat, gather what the checks need, judge and compose; who called whom, and how long it took, is not told.

    Args:
        settings: validated settings.
        opened: what was read of the subject.
        seats: where routes run, by the names of `routes.base.Seat`; several may share one.
        checks: the checks to ask, from `selected`.
        homes: the fork servers that the seats' workers come from, which must still be there in the end.
        observe: told what comes next.

    Raises:
        KcheckError: nothing could be checked.
    """
    table = routes(settings.batch_sizes())
    plan = Plan.of(checks, table)
    facts, described = _loaded(clients)
    check_outputs([name for name, _ in settings.policy().per_output], [fact.name for fact in facts.outputs])
    collector = EvidenceCollector(
        plan=plan, facts=facts, policy=settings.policy(), clients=clients, observe=observe
    )
    try:
        numbers = rows_to_check(settings, opened.rows, facts)
    except ShapeMismatchError as mismatch:
        return _refused(mismatch, settings, opened, collector, checks)
    description = clients["main"].describe(every=settings.rows == "all")
    known = {**known_of(settings, opened, facts), **_known(settings, opened, description)}
    ask = partial(_asked, checks, collector, known)
    sample, rest = split_sample(with_bad_rows(numbers, description), facts, settings.batch_size)
    steps = one_by_one(checks, table, known) if settings.exit_first else ()
    collector.add(sample, first=True, look=_live(checks, table, known, observe), steps=tuple(steps))
    for chunk in split_into_chunks(rest, chunk_rows(opened.rows, settings.batch_size)):
        if settings.exit_first and _failed(ask()):
            break
        collector.add(chunk, first=False)
    verdicts = ask(until_one_fails=settings.exit_first)
    collector.run_more(locators(verdicts), sample)
    collector.run_more(togglers(collector.evidence(known), verdicts), sample)
    diagnoses = diagnose(collector.evidence(known), verdicts)
    exhibits = (
        collect(collector, verdicts, sample, opened.rows.length if opened.rows else collector.rows)
        if settings.bundle
        else ()
    )
    riddles = unexplained(collector.evidence(known), verdicts, diagnoses)
    # Last of all: whoever is ended after this has nothing more to say.
    unprotected, lost = collect_worker_status(clients, fork_servers)
    loaded = RunInfo(made=described, description=description, unprotected=unprotected, lost=lost)
    report = build_report(settings, opened, collector, verdicts, diagnoses, loaded)
    return replace(report, unexplained=riddles, exhibits=exhibits)


def _live(
    checks: Sequence[Check], table: Sequence[Route], known: Mapping[str, Any], observe: Observer
) -> Look | None:
    """What shows failures and warnings as soon as they are known; None where nobody watches."""

    def heard(verdict: Verdict) -> None:
        if verdict.status in (Status.FAIL, Status.WARN):
            observe.found(f"{verdict.status.value.upper()}  {verdict.code} {verdict.name}: {verdict.message}")

    return None if observe is NULL_OBSERVER else asked_early(checks, table, known, heard)


def _asked(
    checks: Sequence[Check],
    collector: EvidenceCollector,
    known: dict[str, Any],
    *,
    until_one_fails: bool = True,
) -> list[Verdict]:
    """Ask every check in turn, or only until one fails."""
    verdicts: list[Verdict] = []
    for check in checks:
        failed = _failed(verdicts) if until_one_fails else None
        why = f"{failed.code} failed, and --exit-first asks no further" if failed else ""
        verdicts.append(check.skipped(why) if failed else check.verdict(collector.evidence(known)))
    return verdicts


def _failed(verdicts: Sequence[Verdict]) -> Verdict | None:
    return next((verdict for verdict in verdicts if verdict.status is Status.FAIL), None)


def _refused(
    mismatch: ShapeMismatchError,
    settings: Settings,
    opened: Opened,
    collector: EvidenceCollector,
    checks: Sequence[Check],
) -> Report:
    """The report on rows that the model would refuse: one check says so, and no other can be asked.

    Raises:
        MisfitError: that check is not among those selected.
    """
    if all(check.code != "KC501" for check in checks):
        raise mismatch
    evidence = collector.evidence(
        {
            "mismatch": {
                "input": mismatch.input,
                "shape": mismatch.shape,
                "expected": mismatch.wanted,
                "mend": mismatch.fix,
            }
        }
    )
    why = "the model refuses rows of this shape (KC501)"
    verdicts = [check.verdict(evidence) if check.code == "KC501" else check.skipped(why) for check in checks]
    return build_report(
        settings,
        opened,
        collector,
        verdicts,
        diagnose(evidence, verdicts),
        RunInfo(made="", description=DataFacts()),
    )


def _known(settings: Settings, opened: Opened, description: DataFacts) -> dict[str, Any]:
    """What checks may know beside routes and facts of the model."""
    return {
        "description": description,
        "scaler_saved_with": opened.scaler.sklearn_version if opened.scaler else None,
        "drift_limits": settings.checks.distribution_shift,
    }


def selected(settings: Settings) -> tuple[Check, ...]:
    """Return the checks that the settings ask for, fitted to them."""
    offered = [check for check in CHECKS if settings.select or not check.on_request]
    codes = resolve_selection(
        settings.select, settings.ignore, [(check.code, check.name) for check in offered]
    )
    lacking = next((code for code in required(settings) if code not in codes), None)
    if lacking is not None:
        raise UsageError(
            f"{lacking} is required, and is not among the checks to run",
            fix=f"--select {lacking} too, or require it no more",
        )
    chosen = (check for check in CHECKS if check.code in codes)
    return tuple(
        replace(check, pairs=batch_pairs(settings.batch_sizes())) if check.code == "KC102" else check
        for check in chosen
    )


def _loaded(clients: Mapping[str, WorkerClient]) -> tuple[Facts, str]:
    """Load every worker side by side; what the main one says counts."""
    return map_concurrently(list(dict.fromkeys(clients.values())), WorkerClient.load)[0]
