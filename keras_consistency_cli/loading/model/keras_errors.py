"""The reason in errors of Keras, which wraps it into advice and the whole config."""

from __future__ import annotations

import re

from keras_consistency_cli.text import clean, unstyled

__all__ = ["describe_innermost", "innermost_text"]

_ENCOUNTERED = re.compile(r"\b(?:Exception|Error) encountered:")
_TRACES = ("in user code:", "Graph execution error")
"""How TensorFlow begins a trace of files and nodes, which the reason follows."""


def innermost_text(problem: Exception) -> str:
    """The text of the innermost exception.

    Keras wraps it into advice on get_config and the whole config, TensorFlow into a trace of many lines.
    """
    innermost = _ENCOUNTERED.split(unstyled(problem))[-1]
    innermost = innermost.partition("Arguments received by")[0] or innermost
    is_trace = any(mark in innermost for mark in _TRACES)
    lines = [line.strip() for line in innermost.splitlines() if line.strip()]
    if not lines:
        return type(problem).__name__
    if is_trace:
        return lines[-1].removeprefix(f"{type(problem).__name__}: ")
    text = lines[0]
    for line in lines[1:3]:
        if text.endswith((":", ",")) or text.startswith("Exception encountered when calling"):
            text = f"{text} {line}"
    return text


def describe_innermost(problem: Exception) -> str:
    """The class of an error and the text of the innermost one, on one line."""
    return f"{type(problem).__name__}: {clean(innermost_text(problem), 120)}"
