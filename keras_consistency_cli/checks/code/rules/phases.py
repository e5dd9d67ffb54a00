"""The global learning phase of Keras 2, and the calls of a model that follow it."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.rule import Evidence, Hit, code_of, serving_events

__all__ = ["phases_of"]

_STARTS = ("script", "startup")
"""Ways through a program that end before the first request."""


def phases_of(evidence: Evidence, trace: Trace) -> Iterator[Hit]:
    """Yield where the learning phase is set to training, and a model is used after it."""
    served = [
        event
        for event in serving_events(trace, "predict", "call")
        if event.kind == "predict" or _follows_phase(event, evidence)
    ]
    later = _called_later(evidence) if trace.kind in _STARTS else []
    for event in trace.of("phase"):
        if served and _is_training_phase(event):
            yield _of_phase(event, [*served, *later])
    yield from _phase_of_start(evidence, trace)


def _called_later(evidence: Evidence) -> list[Event]:
    """The calls of a model in requests, which follow the phase that a file sets when it starts."""
    others = (trace for trace in evidence.traces if trace.kind not in _STARTS and not trace.of("phase"))
    calls = (event for trace in others for event in serving_events(trace, "call"))
    return [event for event in calls if _follows_phase(event, evidence)]


def _follows_phase(event: Event, evidence: Evidence) -> bool:
    """Whether a call of a model does what the global learning phase says."""
    facts = evidence.facts_for(event)
    return "training" not in event.options and (facts is None or bool(facts.modes or facts.custom))


def _is_training_phase(event: Event) -> bool:
    return event.data.is_const(1) or event.data.is_const(True)


def _phase_of_start(evidence: Evidence, trace: Trace) -> Iterator[Hit]:
    """The learning phase that a file sets when it starts, and a request in which model(x) follows it.

    predict() does not: it passes training=False itself.
    """
    starts = [each for each in evidence.traces if each.kind in _STARTS]
    phases = [event for start in starts for event in start.of("phase")]
    if trace in starts or not phases or trace.of("phase") or not _is_training_phase(phases[-1]):
        return
    called = [event for event in serving_events(trace, "call") if _follows_phase(event, evidence)]
    if called:
        yield _of_phase(phases[-1], called)


def _of_phase(phase: Event, served: list[Event]) -> Hit:
    called = next((event for event in served if event.kind == "call"), None)
    use = f"{code_of(called.node)} follows it" if called is not None else "the model predicts"
    fix = "model(x, training=False)" if called is not None else "predict() needs no learning phase"
    return Hit(
        site=phase.site,
        words=f"the learning phase is set to training, and {use}",
        fix=f"remove it; {fix}",
    )
