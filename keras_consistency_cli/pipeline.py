"""The whole tool on one screen: settings to subject, to routes, to evidence, to verdicts, to a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks import CHECKS
from keras_consistency_cli.checks.base import Check, Status, Verdict
from keras_consistency_cli.checks.kc102_batch_size import batch_pairs
from keras_consistency_cli.composing import Loaded, compose, required
from keras_consistency_cli.diagnosis import diagnose, locators, togglers
from keras_consistency_cli.diagnosis.unexplained import unexplained
from keras_consistency_cli.errors import MisfitError, UsageError
from keras_consistency_cli.evidence import Gathering, Plan
from keras_consistency_cli.exhibits import collect
from keras_consistency_cli.facts import DataFacts, Facts
from keras_consistency_cli.given import known_of
from keras_consistency_cli.loading.data import chunks
from keras_consistency_cli.opening import Opened, load_request, open_files
from keras_consistency_cli.report import Report
from keras_consistency_cli.reproducing import reproducers
from keras_consistency_cli.routes import routes
from keras_consistency_cli.routes.kernels import ONE_THREAD, WITHOUT_ONEDNN
from keras_consistency_cli.sampling import chunk_rows, rows_to_check, split_sample, with_bad_rows
from keras_consistency_cli.selection import check_outputs, resolve_selection
from keras_consistency_cli.settings import Settings
from keras_consistency_cli.supervisor.crew import together
from keras_consistency_cli.supervisor.deadline import Deadline
from keras_consistency_cli.supervisor.nursery import Nursery
from keras_consistency_cli.supervisor.seat import Seat

__all__ = ["inspect"]


def inspect(
    settings: Settings, argv_text: str = "", *, nursery: Nursery | None = None, config: Path | None = None, instead: Sequence[Check] = ()
) -> Report:
    """Run the selected checks and report.

    Args:
        settings: validated settings.
        argv_text: the command line that asked for it, for the report.
        nursery: where workers come from, where one is waiting already; it is started here and closed by whoever made it.
        config: the YAML file that the settings were read from, for the commands that reproduce single failures.

        instead: checks to run instead of those that the settings select.

    Raises:
        KcheckError: nothing could be checked; the error carries the exit code.
    """
    start = time.perf_counter()
    checks = tuple(instead) or _selected(settings)
    deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
    with ExitStack() as stack:
        nurseries = _started(settings, stack, nursery)
        opened = open_files(settings)
        plan = Plan.of(checks, routes(_sizes(settings)))
        seats = {**_seated(settings, nurseries, opened, deadline), **_with_other_kernels(settings, stack, opened, plan, nurseries[0], deadline)}
        for seat in seats.values():
            stack.callback(seat.close)
        facts, described = _loaded(seats)
        check_outputs([name for name, _ in settings.policy().per_output], [fact.name for fact in facts.outputs])
        gathering = Gathering(plan=plan, facts=facts, policy=settings.policy(), seats=seats)
        try:
            numbers = rows_to_check(settings, opened.rows, facts)
        except MisfitError as misfit:
            return _told(_refused(misfit, settings, opened, gathering, checks), argv_text, start)
        description = seats["main"].describe(every=settings.rows == "all")
        sample, rest = split_sample(with_bad_rows(numbers, description), facts, settings.batch_size)
        gathering.add(sample, first=True)
        known = {**known_of(settings, opened, facts), **_known(settings, opened, description)}
        for chunk in chunks(rest, chunk_rows(opened.rows, settings.batch_size)):
            if settings.exit_first and _failed(_asked(checks, gathering, known, until_one_fails=True)):
                break
            gathering.add(chunk, first=False)
        verdicts = _asked(checks, gathering, known, until_one_fails=settings.exit_first)
        gathering.run_more(locators(verdicts), sample)
        gathering.run_more(togglers(gathering.evidence(known), verdicts), sample)
        diagnoses = diagnose(gathering.evidence(known), verdicts)
        exhibits = collect(gathering, verdicts, sample, opened.rows.length if opened.rows else gathering.rows) if settings.bundle else ()
        workers = list(dict.fromkeys(seats.values()))
        unprotected = tuple(dict.fromkeys(lack for seat in workers for lack in seat.unprotected))
        asked = [*(seat.lost() for seat in workers), *(own.lost() for own in dict.fromkeys(nurseries))]
        lost = tuple(how for how in asked if how is not None)
    loaded = Loaded(made=described, description=description, unprotected=unprotected, lost=lost)
    report = compose(settings, opened, gathering, verdicts, diagnoses, loaded)
    left = unexplained(gathering.evidence(known), verdicts, diagnoses)
    alone = reproducers(settings, verdicts, config)
    return _told(replace(report, unexplained=left, reproducers=alone, exhibits=exhibits), argv_text, start)


def _asked(checks: Sequence[Check], gathering: Gathering, known: dict[str, Any], *, until_one_fails: bool) -> list[Verdict]:
    """Ask every check in turn, or only until one fails."""
    verdicts: list[Verdict] = []
    for check in checks:
        failed = _failed(verdicts) if until_one_fails else None
        why = f"{failed.code} failed, and --exit-first asks no further" if failed else ""
        verdicts.append(check.skipped(why) if failed else check.verdict(gathering.evidence(known)))
    return verdicts


def _failed(verdicts: Sequence[Verdict]) -> Verdict | None:
    return next((verdict for verdict in verdicts if verdict.status is Status.FAIL), None)


def _told(report: Report, argv_text: str, start: float) -> Report:
    return replace(report, reproduce=argv_text, elapsed_s=time.perf_counter() - start)


def _refused(misfit: MisfitError, settings: Settings, opened: Opened, gathering: Gathering, checks: Sequence[Check]) -> Report:
    """The report on rows that the model would refuse: one check says so, and no other can be asked.

    Raises:
        MisfitError: that check is not among those selected.
    """
    if all(check.code != "KC501" for check in checks):
        raise misfit
    evidence = gathering.evidence({"misfit": {"input": misfit.input, "shape": misfit.shape, "expected": misfit.wanted, "mend": misfit.mend}})
    why = "the model refuses rows of this shape (KC501)"
    verdicts = [check.verdict(evidence) if check.code == "KC501" else check.skipped(why) for check in checks]
    return compose(settings, opened, gathering, verdicts, diagnose(evidence, verdicts), Loaded(made="", description=DataFacts()))


def _known(settings: Settings, opened: Opened, description: DataFacts) -> dict[str, Any]:
    """What checks may know beside routes and facts of the model."""
    return {
        "description": description,
        "scaler_saved_with": opened.scaler.sklearn_version if opened.scaler else None,
        "drift_limits": settings.checks.distribution_shift,
    }


def _selected(settings: Settings) -> tuple[Check, ...]:
    offered = [check for check in CHECKS if settings.select or not check.on_request]
    codes = resolve_selection(settings.select, settings.ignore, [(check.code, check.name) for check in offered])
    lacking = next((code for code in required(settings) if code not in codes), None)
    if lacking is not None:
        raise UsageError(f"{lacking} is required, and is not among the checks to run", mend=f"--select {lacking} too, or require it no more")
    chosen = (check for check in CHECKS if check.code in codes)
    return tuple(replace(check, pairs=batch_pairs(_sizes(settings))) if check.code == "KC102" else check for check in chosen)


def _sizes(settings: Settings) -> tuple[int, ...]:
    return tuple(size for size in settings.checks.batch_size.sizes if size > 1)


def _started(settings: Settings, stack: ExitStack, waiting: Nursery | None) -> tuple[Nursery, Nursery]:
    """The nursery of the model's backend, and the one of its float64 shadow, which has to be TensorFlow: mostly the same."""
    own = waiting or stack.enter_context(Nursery())
    _start(own, settings, {"KERAS_BACKEND": settings.backend})
    if settings.backend == "tensorflow":
        return own, own
    other = stack.enter_context(Nursery())
    _start(other, settings, {"KERAS_BACKEND": "tensorflow"})
    return own, other


def _start(nursery: Nursery, settings: Settings, environment: dict[str, str]) -> None:
    nursery.start(environment, memory_limit=settings.memory_limit, isolated=settings.isolation == "auto")


def _seated(settings: Settings, nurseries: tuple[Nursery, Nursery], opened: Opened, deadline: Deadline) -> dict[str, Seat]:
    def seat(nursery: Nursery) -> Seat:
        return Seat(nursery, load_request(settings, opened, sizes=_sizes(settings)), timeout=settings.timeout, deadline=deadline)

    own, other = nurseries
    seats = {"main": seat(own), "fresh": seat(own)}
    return {**seats, "shadow": seats["fresh"] if other is own else seat(other)}


def _with_other_kernels(
    settings: Settings, stack: ExitStack, opened: Opened, plan: Plan, own: Nursery, deadline: Deadline
) -> dict[str, Seat]:
    """Seats with other kernels, where a check asks for them: without oneDNN, a second import beside the first, and with one thread, another fork."""
    if settings.backend != "tensorflow" or not any(route.seat == "kernels" for route in plan.routes):
        return {}
    nursery = stack.enter_context(Nursery())
    _start(nursery, settings, {"KERAS_BACKEND": settings.backend, **WITHOUT_ONEDNN})
    load = load_request(settings, opened, sizes=_sizes(settings))
    single = Seat(own, {**load, "threads": ONE_THREAD}, timeout=settings.timeout, deadline=deadline)
    return {"kernels": Seat(nursery, load, timeout=settings.timeout, deadline=deadline), "thread": single}


def _loaded(seats: dict[str, Seat]) -> tuple[Facts, str]:
    """Load every worker side by side; what the main one says counts."""
    return together(list(dict.fromkeys(seats.values())), Seat.load)[0]
