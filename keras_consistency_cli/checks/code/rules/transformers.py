"""What rules about saved transformers share: which of them are loaded, and where a model is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.engine.values import Thing
from keras_consistency_cli.checks.code.rule import Evidence, serving_events

__all__ = ["last_name", "loaded_transformers", "served_events"]

_SCALER_WORDS = (
    "scaler",
    "scaling",
    "normalizer",
    "encoder",
    "tokenizer",
    "vectorizer",
    "imputer",
    "preprocessor",
)


def loaded_transformers(trace: Trace) -> Iterator[tuple[Event, Thing]]:
    """Yield what is loaded from files that hold transformers, by the name of the file or of the variable."""
    for event in trace.of("load"):
        thing = event.subject.thing
        if thing is not None and event.subject.kind == "loaded":
            words = f"{thing.path} {thing.label}".casefold()
            if any(word in words for word in _SCALER_WORDS):
                yield event, thing


def served_events(evidence: Evidence) -> Iterator[tuple[Trace, Event]]:
    """Yield every call of a loaded model in code that serves."""
    for trace in evidence.traces:
        for event in serving_events(trace, "predict", "call", "signature"):
            yield trace, event


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, "" if it is none."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
