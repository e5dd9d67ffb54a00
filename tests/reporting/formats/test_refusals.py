"""Refusals in one line: the cause, and how to fix it."""

from __future__ import annotations

from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.reporting.formats.refusals import refuse_concise


def test_the_line_of_a_refusal_has_the_fix() -> None:
    refusal = RefusedError("x.pkl: a pickle", fix="give it\nwith --scaler", cause="not-a-model")
    cause, result = refuse_concise("0.1.0", "x.pkl", refusal).splitlines()
    assert cause.startswith("CAUSE not-a-model (confirmed): ")
    assert cause.endswith("; fix: give it with --scaler")
    assert result.endswith("exit 1")


def test_an_error_without_a_cause_says_all_itself() -> None:
    assert refuse_concise("0.1.0", "m.keras", NoVerdictError("a worker died")) == ""
