"""How causes in stored statistics and in the rows are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    cannot_confirm,
    cannot_test,
    first_confirmed,
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.routes.scaling.reference_scaler import REFERENCE_SCALER, ReferenceScalerDetails

__all__ = ["DATA_CONFIRMATIONS"]

_IN_RANGE, _MISSED = 0.9, 0.1
"""Shares of values in the range of scaled reference rows: least of the fitted, most of the saved scaler."""


_ROWS_ONLY = (
    "based on the scaler's statistics and the rows; give --reference, the raw rows of training, to decide it"
)


def fitted_scaler_brings_rows_into_range(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The scaler of the reference rows in place of the saved one."""
    details = evidence.details(REFERENCE_SCALER, ReferenceScalerDetails)
    if "KC304" not in failing or "unfit" not in failing["KC304"].findings:
        return None
    if "fitted" not in details:
        return ConfirmationResult(confirmed=False, explanation=_ROWS_ONLY)
    kind = evidence.data.description.scaling.kind if evidence.data.description.scaling else "scaler"
    shares = (
        f"a {kind} that is fitted on the reference rows brings {details['fitted']:.0%} of the values into "
        f"the range of training, the saved one {details['saved']:.0%}"
    )
    is_fixed = details["fitted"] >= _IN_RANGE and details["saved"] <= _MISSED
    return ConfirmationResult(confirmed=is_fixed, explanation=shares)


DATA_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "normalization-unadapted": cannot_test(
        "the statistics are read from the layer, but the model may have been trained with them"
    ),
    "normalization-stale": cannot_test(
        "the statistics differ from the reference rows or from the weights; it is not known which ones "
        "training used"
    ),
    "normalized-twice": cannot_test("based on the range of the rows at the input of the layer"),
    "input-range": cannot_test("based on the range of the rows only"),
    "batch-norm-statistics": read_by_check(
        "the moving statistics of every feature are compared with one mixture of the 0 and 1 of the start "
        "and of the statistics of the rows",
        "measured: in every feature, the moving statistics are the same mixture of the 0 and 1 of the start "
        "and of the statistics of the rows",
        "KC404",
        finding="initial_share",
        if_not="the statistics differ from those of the rows; it is not known which rows training used",
    ),
    "outputs-stuck": cannot_test(
        "the outputs show that nothing reacts, not whether rows or model are the reason"
    ),
    "input-mutated": read_by_check(
        "the function is called with a copy of the rows, and the copy is compared with the rows afterwards",
        "the function changed a copy of the rows that was passed to it",
        "KC402",
    ),
    "scaler-stale": Confirmation(
        how=(
            "if the statistics are impossible for the reference rows, a scaler of the same class is fitted "
            "on these, and scales the rows"
        ),
        test=first_confirmed(
            fitted_scaler_brings_rows_into_range,
            cannot_confirm("based on a comparison of the scaler's statistics with the reference rows"),
        ),
        routes=(REFERENCE_SCALER,),
    ),
    "scaler-version": read_by_check(
        "both versions are read, and what fit() sets now is looked for",
        "read from the file and from the installed scikit-learn",
        "KC304",
    ),
    "unknown-words": read_by_check(
        "the values that reach the vocabulary are compared with it, as they are and in a different spelling",
        "compared with the vocabulary: it lacks the values, and has nearly all of them in the other spelling",
        "KC501",
        "KC304",
        finding="tried",
        if_not="the vocabulary lacks the values; they may be new ones, and correct",
    ),
    "integer-overflow": Confirmation(
        how="rows are compared with the range of their input, and each result with the same in 64 bits; then "
        "the model runs with results that stop at the end of the range",
        test=first_confirmed(
            reported_by_check(
                "measured: the rows hold numbers that the dtype of the input cannot hold",
                "KC704",
                finding="input",
            ),
            reported_by_check(
                "measured: the same operation in 64 bits gives other numbers, and without them the outputs "
                "change",
                "KC704",
            ),
        ),
    ),
    "distribution-shift": cannot_test(
        "based on statistics alone; the rows may be correct and the population may have changed"
    ),
}
