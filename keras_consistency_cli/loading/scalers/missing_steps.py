"""Omissions: fitted pipelines that lack one of their steps, as they are when serving leaves it out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

__all__ = ["lacking"]


def lacking(scaler: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each step of a pipeline, or of a pipeline within, with the fitted scaler as it is without that step.

    Nothing is fitted and `scaler` stays as it is; a pipeline's only step is not left out.
    """
    kind = type(scaler).__name__
    if kind == "Pipeline":
        yield from _of_pipeline(scaler)
    elif kind == "ColumnTransformer":
        for at, (name, branch, columns) in enumerate(scaler.transformers_):
            for step, rest in lacking(branch):
                yield step, _with_parts(scaler, "transformers_", at, (name, rest, columns))


def _of_pipeline(pipeline: Any) -> Iterator[tuple[str, Any]]:
    for at, (name, step) in enumerate(pipeline.steps):
        if step is None or step == "passthrough":
            continue
        if len(pipeline.steps) > 1:
            shorter = copy.copy(pipeline)
            shorter.steps = [*pipeline.steps[:at], *pipeline.steps[at + 1 :]]
            yield name, shorter
        for inner, rest in lacking(step):
            yield inner, _with_parts(pipeline, "steps", at, (name, rest))


def _with_parts(scaler: Any, attribute: str, at: int, part: tuple[Any, ...]) -> Any:
    """A copy with another part in this place."""
    made = copy.copy(scaler)
    setattr(made, attribute, [*getattr(scaler, attribute)[:at], part, *getattr(scaler, attribute)[at + 1 :]])
    return made
