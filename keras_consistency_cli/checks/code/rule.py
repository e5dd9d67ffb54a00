"""What a rule of `kcheck code` is, what it looks at, and what it finds."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.files import ModelFacts, ScalerFacts, TrainingFacts
from keras_consistency_cli.checks.code.values.value import Module, Site

__all__ = [
    "Evidence",
    "Finding",
    "Hit",
    "Rule",
    "Severity",
    "code_of",
    "rule",
    "served_events",
    "serving_events",
    "where",
]

Severity = Literal["fail", "warn", "info"]
_LONGEST = 60
_CALLS = ("predict", "call", "signature")
"""The kinds of events in which a model returns outputs."""
_MODEL_WORDS = (
    "model",
    "clf",
    "classif",
    "net",
    "regress",
    "predictor",
    "lstm",
    "cnn",
    "rnn",
    "pipeline",
    "estimator",
)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A place that a rule names.

    Args:
        site: the place.
        words: what is wrong there, in one sentence without a full stop.
        fix: what to write instead.
        severity: instead of that of the rule.
    """

    site: Site
    words: str
    fix: str
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All ways through one file, and what is known of the model, its scaler, and their training."""

    module: Module
    traces: tuple[Trace, ...]
    describe: Callable[[Site, Site], str]
    """Returns the words for a place, as seen from a different one."""
    model: ModelFacts | None = None
    scaler: ScalerFacts | None = None
    training: TrainingFacts = field(default_factory=TrainingFacts)
    names: Mapping[str, int] = field(default_factory=dict)
    """How often each name is read in the file, and each attribute and text key in its program."""
    handed_on: Mapping[str, int] = field(default_factory=dict)
    """How often each name is read in the file only to give an object another name."""
    is_model_named: bool = False
    """Whether the program loads a file that has the name of the model."""

    def facts_for(self, event: Event) -> ModelFacts | None:
        """Return what is known of the model of an event, None if it may not be the model that was given."""
        thing = event.subject.thing
        if self.model is None or (thing is not None and thing.name == "application"):
            return None
        other = (
            thing is not None and thing.path and PurePath(thing.path).name != PurePath(self.model.path).name
        )
        return None if self.is_model_named and other else self.model


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule.

    Args:
        code: the stable code, KS101.
        name: the stable name.
        severity: "fail", "warn" or "info".
        question: what the rule asks, in one line.
        page: the text of `kcheck explain`.
        causes: the causes of `kcheck run` that are the same fault, seen in the outputs.
        examine: returns the places.
    """

    code: str
    name: str
    severity: Severity
    question: str
    page: str
    causes: tuple[str, ...]
    examine: Callable[[Evidence], Iterator[Hit]]


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """What is reported: a rule, a place, and the words of the rule for this place.

    `cell` is the number of the cell of a notebook, in which `line` is counted; 0 in a Python file.
    """

    path: str
    cell: int
    line: int
    column: int
    code: str
    name: str
    severity: Severity
    message: str
    fix: str
    source: str
    """The line of code."""


def rule(
    code: str, name: str, severity: Severity, question: str, *, causes: tuple[str, ...] = ()
) -> Callable[[Callable[[Evidence], Iterator[Hit]]], Rule]:
    """Make a rule of a function; its docstring is the page of `kcheck explain`."""

    def decorate(examine: Callable[[Evidence], Iterator[Hit]]) -> Rule:
        page = inspect.cleandoc(examine.__doc__ or "")
        return Rule(
            code=code,
            name=name,
            severity=severity,
            question=question,
            page=page,
            causes=causes,
            examine=examine,
        )

    return decorate


def serving_events(trace: Trace, *kinds: str) -> Iterator[Event]:
    """Yield the events whose model was trained elsewhere: in training, nothing is served.

    Args:
        trace: one way through the program.
        kinds: the kinds of events; by default every way to call a model.
    """
    trained = [event.subject.thing for event in trace.of("train")]
    for event in trace.of(*(kinds or _CALLS)):
        thing = event.subject.thing
        if thing in trained:
            continue
        if thing is None:
            label = code_of(event.node).casefold().partition("(")[0]
            is_named = event.kind != "predict" or any(word in label for word in _MODEL_WORDS)
            if trace.is_request and is_named:
                yield event
        elif thing.made == "loaded" or trace.is_request:
            yield event


def served_events(evidence: Evidence, *kinds: str) -> Iterator[tuple[Trace, Event]]:
    """Yield what `serving_events` yields for all ways through a file, each with its way."""
    for trace in evidence.traces:
        for event in serving_events(trace, *kinds):
            yield trace, event


def where(trace: Trace) -> str:
    """Return the words for the way through the program: "in a request handler"."""
    if trace.is_request:
        return f"in {trace.kind}"
    return "after the model was loaded" if trace.of("load") else "before the rows are sent to a model"


def code_of(node: ast.AST) -> str:
    """Return an expression as it is written, shortened."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return "this expression"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
