"""How causes in preprocessing and scaling are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    cannot_confirm,
    first_confirmed,
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.diagnosis.confirmations.served_rows import (
    factor_gives_served_rows,
    same_mistake_gives_served_rows,
    served_rows_are_in_state,
    unit_gives_served_rows,
)
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import RAW_ROWS

__all__ = ["SCALING_CONFIRMATIONS"]

_MISTAKE_REPEATED = (
    "kcheck makes the same mistake with the saved scaler, and this reproduces the served rows value by value"
)
_STATISTICS_ONLY = cannot_confirm(
    "based on statistics alone; give --served, the rows that serving really fed, to decide it"
)


def _served_rows_are(slug: str, how: str, explanation: str) -> Confirmation:
    """Return the confirmation of a cause that the served rows show without a scaler."""
    return Confirmation(how=how, test=same_mistake_gives_served_rows(slug, explanation))


def recorded_without_scaler(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Rows that look scaled, and give the recorded outputs if they are not scaled again."""
    if "KC802" not in failing or failing["KC802"].findings.get("rows") != RAW_ROWS:
        return None
    explanation = "without the scaler, the model gives the recorded outputs for these rows"
    return ConfirmationResult(confirmed=True, explanation=explanation)


def stored_rows_are_rounded(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Rows that were rounded when they were stored: it does no harm if those of training were too."""
    if "KC305" not in failing or "stored" not in failing["KC305"].findings:
        return None
    reason = "the values show that they were rounded, but the rows of training may have been rounded too"
    return ConfirmationResult(confirmed=False, explanation=reason)


def _mistake_is_repeated(slug: str, how: str = "", test: ConfirmationTest | None = None) -> Confirmation:
    """Return the confirmation of a cause that the saved scaler can repeat.

    `test` may confirm it in another way, which `how` describes.
    """
    others = (stored_rows_are_rounded, _STATISTICS_ONLY)
    return Confirmation(
        how=_MISTAKE_REPEATED + how,
        test=first_confirmed(
            same_mistake_gives_served_rows(slug),
            served_rows_are_in_state(slug),
            *(others if test is None else (test, *others)),
        ),
    )


SCALING_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "preprocess-unrepeatable": read_by_check(
        "the function is called twice on the same rows, and in two interpreters",
        "the function itself, called again on the same rows, gives different ones",
        "KC302",
    ),
    "preprocess-row-dependence": read_by_check(
        "the function is called on one row at a time",
        "the function itself gives different rows if it is called on one row at a time",
        "KC302",
        if_not="based on the served rows, which match the function called on batches",
    ),
    **{
        slug: _mistake_is_repeated(slug)
        for slug in (
            "scaler-refit",
            "scaler-missing",
            "scaling-step-skipped",
            "gaps-filled-otherwise",
            "scaled-in-low-precision",
        )
    },
    "scaler-applied-twice": _mistake_is_repeated(
        "scaler-applied-twice",
        "; or the model runs on the rows without the scaler, and gives the recorded outputs",
        recorded_without_scaler,
    ),
    "feature-order": Confirmation(
        how=(
            "the columns are put in the served order, and this reproduces the served rows; or the names of "
            "the columns are read, or the statistics of the reference rows"
        ),
        test=first_confirmed(
            same_mistake_gives_served_rows("feature-order"),
            reported_by_check(
                "read from the names: the scaler was fitted on the same columns in a different order",
                "KC304",
                finding="fitted",
            ),
            reported_by_check(
                "the scaler has the statistics of the reference rows in their order of columns, not in that "
                "of the data",
                "KC304",
                finding="reference",
            ),
            reported_by_check(
                "compared with the encoder: it knows these values in the place of other columns only",
                "KC304",
                finding="categories",
            ),
            reported_by_check(
                "read from the names: the reference rows have the same columns in a different order",
                "KC501",
                finding="names",
            ),
            _STATISTICS_ONLY,
        ),
    ),
    "codes-refit": _served_rows_are(
        "codes-refit",
        "each served code is compared with the right one, row by row; or the columns of absent categories "
        "are left out of the right rows",
        "each right code is served as one other code in all rows; mapped back, the served rows are right",
    ),
    "sampled-differently": _served_rows_are(
        "sampled-differently",
        "parts of the right rows are compared with parts of the served ones; or the right rows are resampled",
        "this part of each right row is in this place of the served one, value by value",
    ),
    "scaled-by-own-statistics": _served_rows_are(
        "scaled-by-own-statistics",
        "a straight line is fitted to the values of each row, and compared with the served ones",
        "a different straight line for each row turns the right values into the served ones, value by value",
    ),
    "padding-side": _served_rows_are(
        "padding-side",
        "the padding of each row is moved to the other end, or its values along time, and compared",
        "moved by its own number of places, each of these rows is the served one, value by value",
    ),
    "images-turned": _served_rows_are(
        "images-turned",
        "the right images are rotated and mirrored, and compared with the served ones",
        "turned in this way, the right images are the served ones, value by value",
    ),
    "time-shift": _served_rows_are(
        "time-shift",
        "one angle is fitted to all rows, and compared with the served rows",
        "turned by this one angle, the right values are the served ones in all of these rows",
    ),
    "values-inverted": _served_rows_are(
        "values-inverted",
        "a falling line is fitted to the right values, and compared with the served ones",
        "one falling line through the right values gives the served ones in all rows",
    ),
    "features-not-filled": _served_rows_are(
        "features-not-filled",
        "the served values of each feature are compared, and with the right ones",
        "in the served rows, the wrong values of each feature are all the same; the right ones vary",
    ),
    "function-misapplied": _served_rows_are(
        "function-misapplied",
        "the function is applied to the right values, or to the raw ones before a scaler, and compared",
        "this one function of the values gives the served ones in all rows",
    ),
    "row-order": _served_rows_are(
        "row-order",
        "each served row, and each feature by itself, is matched with the rows of the data",
        "each of these served rows is one row of the data, value by value",
    ),
    "scaler-foreign": Confirmation(
        how=(
            "the right rows are multiplied or divided by 255, or the saved scaler gets the raw ones in a "
            "different unit, and they are compared with the served ones; the scaler of any other linear "
            "function is not available"
        ),
        test=first_confirmed(
            factor_gives_served_rows,
            unit_gives_served_rows,
            cannot_confirm(
                "the served rows are a linear function of the correct rows, or of the raw ones, but the "
                "scaler that produced them is not available"
            ),
        ),
    ),
}
