"""How causes of NaN and infinity are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    cannot_confirm,
    first_confirmed,
    layer_list,
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.diagnosis.confirmations.precision import raised_layer_is_closer
from keras_consistency_cli.diagnosis.signatures import located
from keras_consistency_cli.routes.locating.activation_patching import PatchDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RaisedDetails
from keras_consistency_cli.text import format_count

__all__ = ["NONFINITE_CONFIRMATIONS"]


def nonfinite_zeroed(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """NaN and infinity replaced by 0 in the output of the layer that makes them."""
    details = evidence.details("hold-nonfinite", PatchDetails)
    if "left" not in details or not details["before"]:
        return None
    action = f"with NaN and infinity replaced by 0 in the output of {layer_list(details['held'])}"
    if details["left"] == 0:
        return ConfirmationResult(confirmed=True, explanation=f"{action}, all outputs are finite")
    return ConfirmationResult(
        confirmed=False,
        explanation=f"{action}, {details['left']} of {details['before']} values are still NaN or infinite",
    )


def float32_is_finite(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The layer that overflows, and later ones that then do, computed in float32.

    Where no output is lost, the outputs come closer to the float64 copy.
    """
    details = evidence.details("raise-precision", RaisedDetails)
    if "layer" not in details:
        return None
    if not details["lost_before"]:
        return raised_layer_is_closer(evidence, failing)
    action = f"with {layer_list(details['raised'])} in float32"
    if details["lost"] == 0:
        return ConfirmationResult(confirmed=True, explanation=f"{action}, all outputs are finite")
    left = f"{details['lost']} of {details['lost_before']} values are still NaN or infinite"
    return ConfirmationResult(confirmed=False, explanation=f"{action}, {left}")


def finite_rows_stay_finite(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The rows without NaN and infinity, run alone layer by layer, or in a predict without any."""
    if "KC701" not in failing:
        return None
    counted = "counted: the rows themselves contain it, before any layer"
    if located(evidence, "locate-nonfinite", "layer"):
        reason = f"{counted}; but rows without it become NaN or infinity too"
        return ConfirmationResult(confirmed=False, explanation=reason)
    if not _ran_finite_rows(evidence, failing["KC701"].status):
        reason = f"{counted}; but no row without it was run"
        return ConfirmationResult(confirmed=False, explanation=reason)
    return ConfirmationResult(confirmed=True, explanation=f"{counted}; rows without it stay finite")


def _ran_finite_rows(evidence: Evidence, status: Status) -> bool:
    """Whether finite rows were run; a warning says that predict gave finite outputs for all rows."""
    bad = {row for rows in evidence.data.nonfinite_rows.values() for row in rows}
    is_finite_in_predict = status is Status.WARN and len(bad) < evidence.rows
    searched = evidence.details("locate-nonfinite", LocatedLayer).get("finite_rows", 0)
    return is_finite_in_predict or searched > 0


def layer_drops_nan(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The layer was called with the NaN of the rows, and returned numbers."""
    details = evidence.details("locate-hidden-nan", LocatedLayer)
    if not details.get("nan_rows"):
        return None
    rows = format_count(details["nan_rows"], "row")
    return ConfirmationResult(
        confirmed=True,
        explanation=f"measured: called with the NaN of {rows}, {details['layer']} returned finite numbers",
    )


def eager_shows_nan(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The same rows with kernels that are not fused."""
    pairs = evidence.comparisons.get(("call", "predict"), ())
    shown = sum(each.nonfinite_candidate - each.nonfinite_reference for each in pairs)
    if shown <= 0:
        return None
    return ConfirmationResult(
        confirmed=True,
        explanation=(
            "for the same rows, eager execution without fused kernels gives NaN or infinity in "
            f"{shown} more {'value' if shown == 1 else 'values'}"
        ),
    )


def statistics_are_read(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Statistics of a layer that computes in float16, of which a check has read that they do not fit it."""
    verdict = failing.get("KC401")
    if verdict is None or verdict.findings.get("cause") != "overflow-in-float16":
        return None
    return ConfirmationResult(
        confirmed=True, explanation="read from the layer: its mean or its variance is above 65,504"
    )


NONFINITE_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "normalization-not-finite": read_by_check(
        "the mean and the variance of the layer are read",
        "read from the layer: its mean or its variance is NaN or infinite",
        "KC401",
    ),
    "nan-hidden": Confirmation(
        how="the same rows are run with kernels that are not fused; or the inputs and outputs of max pooling "
        "are read",
        test=first_confirmed(
            eager_shows_nan, layer_drops_nan, cannot_confirm("no way to call the model shows the NaN")
        ),
    ),
    "non-finite-input": Confirmation(
        how="the rows without NaN and infinity are run alone, and no layer gives any",
        test=finite_rows_stay_finite,
    ),
    "overflow-in-float16": Confirmation(
        how=(
            "the layer is computed in float32, and later layers of float16 in which the numbers then "
            "overflow; all outputs are finite, or much closer to float64. Or its statistics are read"
        ),
        test=first_confirmed(float32_is_finite, statistics_are_read),
        routes=("raise-precision",),
    ),
    "non-finite-output": Confirmation(
        how=(
            "NaN and infinity are replaced by 0 in the output of the layer; or the weight that contains them "
            "is read"
        ),
        test=first_confirmed(
            nonfinite_zeroed,
            reported_by_check(
                "read from the weights, which contain NaN or infinity themselves", "KC701", finding="weights"
            ),
        ),
        routes=("hold-nonfinite",),
    ),
}
