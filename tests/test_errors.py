"""errors: each says what, what was expected and how to mend it, and carries its exit code."""

from __future__ import annotations

import pytest

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
    ("error", "message"),
    [
        (KcheckError("x.npy is empty"), "x.npy is empty"),
        (KcheckError("x.npy is empty", expected="rows"), "x.npy is empty\nexpected: rows"),
        (KcheckError("x.npy is empty", fix="save it again"), "x.npy is empty\nfix: save it again"),
        (
            KcheckError("x.npy is empty", expected="rows", fix="save it again"),
            "x.npy is empty\nexpected: rows\nfix: save it again",
        ),
    ],
)
def test_messages_have_one_to_three_lines(error: KcheckError, message: str) -> None:
    assert str(error) == message
    assert error.args == ("x.npy is empty",)
