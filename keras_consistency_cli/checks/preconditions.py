"""Reasons why a check cannot judge: routes that did not run, a single row, intended state."""

from __future__ import annotations

from collections.abc import Iterable

from keras_consistency_cli.checks.agreement import CRASHED
from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.limits import FALLBACK_RTOL
from keras_consistency_cli.routes.calling.prediction import PredictDetails
from keras_consistency_cli.routes.session.batches import AXIS_LOST
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED, Trace

__all__ = [
    "FRESH",
    "clock_operation",
    "differs_by_trace",
    "draws_numbers",
    "error_if_crashed",
    "fail_if_row_axis_is_lost",
    "find_error",
    "is_random",
    "skip_if_fresh_process_differs",
    "skip_if_state_is_carried_on_purpose",
    "skip_pass_of_single_row",
    "stop_unless_run",
]

FRESH = Pair(candidate="fresh-process", reference="predict")
"""The same call in a second process: a difference there has nothing to do with devices or kernels."""
_TRACED_ELSEWHERE = ("call", "graph", "one-by-one", "shuffled")


def error_if_crashed(evidence: Evidence, routes: Iterable[str]) -> Verdict | None:
    """Return an ERROR that names those of these routes that crashed, None if none did."""
    traces = [trace for route in routes if (trace := evidence.traces.get(route)) is not None]
    crashed = "; ".join(f"{trace.route}: {trace.error}" for trace in traces if trace.error)
    return Verdict.error(CRASHED, crashed) if crashed else None


def stop_unless_run(evidence: Evidence, route: str) -> Verdict | None:
    """Return an ERROR if this route crashed, a SKIP if it could not run, None if it ran."""
    trace = evidence.traces.get(route)
    if trace is None:
        return Verdict.skip(f"route {route} did not run")
    if trace.unavailable:
        return Verdict.skip(trace.unavailable)
    return error_if_crashed(evidence, (route,))


def find_error(evidence: Evidence, beginning: str) -> str | None:
    """Return the first error of a route that holds this text, from the text on, else None."""
    errors = (trace.error for trace in evidence.traces.values() if trace.error)
    return next((error[error.index(beginning) :] for error in errors if beginning in error), None)


def fail_if_row_axis_is_lost(evidence: Evidence) -> Verdict | None:
    """Return a FAIL if an output has a row axis for several rows only, else None."""
    message = find_error(evidence, AXIS_LOST)
    if message is None:
        return None
    output = message.partition("'")[2].partition("'")[0]
    advice = (
        "name the axis of every squeeze: squeeze(x, axis=-1); "
        "without an axis it also removes the row axis of a single row"
    )
    return Verdict.fail(message, advice=advice, findings={"output_rows": {output: 0}})


def skip_pass_of_single_row(verdict: Verdict, evidence: Evidence) -> Verdict:
    """Return a SKIP in place of a pass of a single row, which says nothing about batches."""
    if verdict.status is not Status.PASS or evidence.rows != 1:
        return verdict
    return Verdict.skip(
        "a single row has no neighbours in its batch: give two rows or more",
        judged=verdict.judged,
        findings=verdict.findings,
    )


def skip_if_fresh_process_differs(evidence: Evidence) -> Verdict | None:
    """Return a SKIP if predict differs in a second process on the same device, or changes itself, else None.

    Then devices and kernels cannot be blamed for a difference.
    """
    trace = evidence.traces.get(REFERENCE)
    if trace is not None and any(change.plain for change in trace.changed):
        return Verdict.skip("predict changes numbers of Python, see KC203 repeatability")
    if all(judged.within for judged in judge_pairs(evidence, (FRESH,))):
        return None
    return Verdict.skip(
        "predict already differs in a second process with the same device and kernels, "
        "see KC203 repeatability"
    )


def skip_if_state_is_carried_on_purpose(evidence: Evidence) -> Verdict | None:
    """Return a SKIP if the rows are declared to continue each other and a layer is stateful, else None."""
    declared = evidence.data.owner.stateful_rows
    if declared == "independent" or not evidence.facts.stateful_layers:
        return None
    parts = "parts of several sequences" if declared == "interleaved" else "consecutive parts of one sequence"
    return Verdict.skip(f"the rows are {parts} (facts.stateful_rows), so order and history matter")


def is_random(evidence: Evidence) -> bool:
    """Return whether predict draws random numbers, changes the model or does not repeat itself."""
    trace = evidence.traces.get(REFERENCE)
    if trace is not None and (trace.changed or draws_numbers(trace)):
        return True
    repeats = evidence.comparisons.get((REPEATED, REFERENCE), ())
    return not all(comparison.identical for comparison in repeats)


def clock_operation(evidence: Evidence) -> str | None:
    """Return the name of an operation of predict that reads the clock for an output, None without one."""
    return next(iter(evidence.details(REFERENCE, PredictDetails).get("clock", ())), None)


def differs_by_trace(evidence: Evidence) -> bool:
    """Whether calls that take numbers of Python as they are differ from predict, whose graph keeps them."""
    pairs = [pair for name in _TRACED_ELSEWHERE for pair in evidence.comparisons.get((name, REFERENCE), ())]
    return any(pair.scaled > FALLBACK_RTOL for pair in pairs)


def draws_numbers(trace: Trace) -> bool:
    """Return whether the graph of this route draws random numbers."""
    return bool(trace.details_as(PredictDetails).get("random_operations"))
