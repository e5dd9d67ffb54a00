"""backend errors: an exception on one line."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.workers.child.backend_errors import describe_error

IN_TRACE = 'in user code:\n File "/a/b.py", line 3, in call\n Detected at node m/x defined at\n lost'


def replaced_by_keras() -> OSError:
    """An error of the system, re-created from its number alone."""
    try:
        try:
            raise PermissionError(13, "Permission denied")
        except PermissionError as problem:
            raise OSError(problem.errno) from None
    except OSError as problem:
        return problem


@pytest.mark.parametrize(
    ("problem", "facts"),
    [
        (ValueError("a\x1b[31m\n\nb\nc\nd"), ["ValueError", "a b c"]),
        (ValueError(IN_TRACE), ["ValueError", "lost"]),
        (ValueError("in user code:\n lost\n Arguments received by A.call():\n • mask=None"), ["lost"]),
        (RuntimeError("in user code:\n a\n b\n c"), ["RuntimeError", "a b c"]),
        (PermissionError(13, "Permission denied"), ["PermissionError", "--isolation off"]),
        (replaced_by_keras(), ["PermissionError", "--isolation off"]),
        (MemoryError(), ["memory", "--batch-size"]),
    ],
    ids=["lines", "trace", "arguments", "end of a trace", "denied", "denied in Keras", "memory"],
)
def test_an_exception_is_one_line(problem: Exception, facts: list[str], wording: SnapshotAssertion) -> None:
    text = describe_error(problem)
    assert len(text.splitlines()) == 1
    assert all(fact in text for fact in facts)
    assert text == wording


def test_an_expected_error_keeps_its_lines() -> None:
    assert describe_error(RefusedError("no", fix="yes")) == "no\nfix: yes"


def test_a_long_text_is_cut() -> None:
    assert len(describe_error(ValueError("x" * 1000))) == len("ValueError: ") + 400
