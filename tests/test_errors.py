"""errors: each says what, what was expected and how to fix it, and carries its exit code."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError


@pytest.mark.parametrize(
    ("kind", "code", "family"),
    [
        (KcheckError, 3, Exception),
        (UsageError, 2, KcheckError),
        (DataError, 2, UsageError),
        (RefusedError, 1, KcheckError),
        (NoVerdictError, 3, KcheckError),
    ],
)
def test_exit_codes(kind: type[KcheckError], code: int, family: type[Exception]) -> None:
    assert kind("something").exit_code == code
    assert issubclass(kind, family)


@pytest.mark.parametrize(
    "parts",
    [{}, {"expected": "rows"}, {"fix": "save it again"}, {"expected": "rows", "fix": "save it again"}],
    ids=["what", "expected", "fix", "all"],
)
def test_messages_have_one_to_three_lines(parts: dict[str, str], wording: SnapshotAssertion) -> None:
    error = KcheckError("x.npy is empty", **parts)
    assert len(str(error).splitlines()) == 1 + len(parts)
    assert error.args == ("x.npy is empty",)
    assert str(error) == wording
