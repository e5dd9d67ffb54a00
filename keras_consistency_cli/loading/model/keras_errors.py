"""The reason in errors of Keras, which wraps it into advice and the whole config."""

from __future__ import annotations

from keras_consistency_cli.text import clean, unstyled

__all__ = ["describe_innermost", "innermost_text"]


def innermost_text(problem: Exception) -> str:
    """The text of the innermost exception.

    Keras wraps it into advice on get_config and the whole config.
    """
    innermost = unstyled(problem).rpartition("Exception encountered:")[2]
    lines = [line.strip() for line in innermost.splitlines() if line.strip()]
    if not lines:
        return type(problem).__name__
    text = lines[0]
    for line in lines[1:3]:
        if text.endswith((":", ",")) or text.startswith("Exception encountered when calling"):
            text = f"{text} {line}"
    return text


def describe_innermost(problem: Exception) -> str:
    """The class of an error and the text of the innermost one, on one line."""
    return f"{type(problem).__name__}: {clean(innermost_text(problem), 120)}"
