"""How causes in shapes, sequences and padding are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.analysis.padding.place import Fault, find_padding_place
from keras_consistency_cli.checks.analysis.served.kinds import INPUT_ORDER
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    cannot_confirm,
    first_confirmed,
    layer_list,
    read_by_check,
    reported_by_check,
)
from keras_consistency_cli.diagnosis.confirmations.served_rows import same_mistake_gives_served_rows
from keras_consistency_cli.measurement.negligible import NEGLIGIBLE_OF_OUTPUT, is_nothing_left
from keras_consistency_cli.routes.locating.interventions import InterventionDetails
from keras_consistency_cli.routes.sequences.stepping import StepDetails

__all__ = ["SEQUENCE_CONFIRMATIONS"]


def restored_mask_removes_effect(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """The mask restored at the layer that drops it, with the padding set to 0."""
    details = evidence.details("hold-masks", InterventionDetails)
    if "left" not in details:
        return None
    action, left = f"with the mask restored at {layer_list(details['held'])}", details["left"]
    if is_nothing_left(left, before=details["before"], scale=details["scale"]):
        return ConfirmationResult(confirmed=True, explanation=f"{action}, padding changes nothing")
    return ConfirmationResult(
        confirmed=False,
        explanation=(
            f"{action}, padding still changes outputs by {left:.2g} ({details['before']:.2g} without)"
        ),
    )


def _where(evidence: Evidence) -> str:
    place = find_padding_place(evidence)
    return "for" if place is not None and place.fault == "drops-in-code" else "after"


def restored_mask_has_effect(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The mask restored after the layer that drops it, for a model that takes one length only."""
    findings = failing["KC504"].findings if "KC504" in failing else {}
    if not findings.get("restored"):
        return None
    return ConfirmationResult(
        confirmed=True,
        explanation=(
            f"with only the mask restored {_where(evidence)} {layer_list(findings['restored'])}, outputs "
            f"change by {findings['restored_moves']:.2g} of the largest output"
        ),
    )


def _without_fault(action: str, *faults: Fault) -> ConfirmationTest:
    """Return a test: the outputs with and without padding, with this fault of one layer switched off.

    Args:
        action: what was done to the layer, with {layer}.
        faults: the faults that this switches off.
    """

    def test(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
        place = find_padding_place(evidence)
        if place is None or place.fault not in faults or place.is_only_one is None:
            return None
        done = action.format(layer=place.layer)
        if place.is_only_one:
            return ConfirmationResult(confirmed=True, explanation=f"{done}, padding changes nothing")
        return ConfirmationResult(confirmed=False, explanation=f"{done}, padding still changes outputs")

    return test


_PATCHED = "with the outputs of '{layer}' as they are without padding"


def stepwise_copy_agrees(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Single time steps through a copy that keeps its state, or later time steps replaced."""
    details = evidence.details("steps", StepDetails)
    of_copy, of_future = details.get("twin"), details.get("future") or 0.0
    if isinstance(of_copy, float) and of_copy <= NEGLIGIBLE_OF_OUTPUT:
        return ConfirmationResult(
            confirmed=True,
            explanation=(
                "a copy that keeps its state, fed the same single time steps, gives the outputs of the whole "
                "sequence"
            ),
        )
    if of_future > NEGLIGIBLE_OF_OUTPUT:
        return ConfirmationResult(
            confirmed=True,
            explanation=f"with later time steps replaced, outputs of earlier ones change by {of_future:.0%}",
        )
    return None


def names_show_order(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """Names that Keras matches in a different order than they say."""
    if not {"surplus", "keys"} & set(evidence.data.input_orders):
        return None
    return ConfirmationResult(
        confirmed=True,
        explanation="read from the names: Keras feeds an input what is named like a different one",
    )


_READS_SHAPE = "the shape of the rows is compared with the shape that the model declares"

_SHAPE_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "wrong-rank": read_by_check(
        _READS_SHAPE, "read from the shape: it has an axis more or less than the model declares", "KC501"
    ),
    "wrong-length": Confirmation(
        how=_READS_SHAPE,
        test=first_confirmed(
            reported_by_check(
                "read from the shape: the model declares a different length", "KC501", failed=True
            ),
            cannot_confirm(
                "the model accepts any length; only you know whether a single time step is intended"
            ),
        ),
    ),
    "wrong-features": read_by_check(
        _READS_SHAPE, "read from the shape: the model declares a different number of features", "KC501"
    ),
    "axes-swapped": Confirmation(
        how=_READS_SHAPE,
        test=first_confirmed(
            reported_by_check(
                "read from the shape: the model refuses the rows, and accepts them with two axes exchanged",
                "KC501",
                finding="refused",
            ),
            cannot_confirm(
                "the model accepts both orders of the axes; only you know the right one; for series, facts: "
                "{time_axis: 1} states it"
            ),
        ),
    ),
    "input-order": Confirmation(
        how=(
            "the names of the arrays, of the inputs and of their keys are read; or the right rows of the "
            "other inputs are compared with the served ones"
        ),
        test=first_confirmed(
            names_show_order,
            same_mistake_gives_served_rows(
                INPUT_ORDER, "the right rows of the other input are the served ones, value by value"
            ),
            cannot_confirm("based on the levels of the inputs: each input has the level of a different one"),
        ),
    ),
    "ids-rounded": read_by_check(
        "the ids that reach the table are compared with the ids in the rows",
        "recorded at the table: it is given the ids of the rows rounded to this dtype",
        "KC501",
    ),
    "wrong-ids": Confirmation(
        how=(
            "the ids that reach the table are compared with its size; those of a one-hot encoding that come "
            "from the rows are also replaced by other ones"
        ),
        test=first_confirmed(
            reported_by_check("recorded at the table: ids that it does not have", "KC501", failed=True),
            cannot_confirm(
                "recorded at the encoding: one id that it does not have, which may mean 'unknown'"
            ),
        ),
    ),
    "time-distributed-dynamic": read_by_check(
        "predict is traced again between the two lengths",
        "with predict traced again between the two lengths, the same rows give the right outputs",
        "KC501",
    ),
}

_PADDING_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "mask-lost": Confirmation(
        how=(
            "the mask is restored at the layer that loses it, and the masked time steps are set to 0; or the "
            "outputs of the layer that computes with the padding are replaced by those without padding"
        ),
        test=first_confirmed(
            restored_mask_removes_effect,
            restored_mask_has_effect,
            _without_fault(_PATCHED, "ignores-mask", "takes-padding"),
            cannot_confirm("after this layer there are no time steps on which a mask could be restored"),
        ),
        routes=("hold-masks",),
    ),
    "padding-moved": Confirmation(
        how="the masked value is put back into the padding where the mask is made",
        test=first_confirmed(
            _without_fault("with the masked value put back after '{layer}'", "moves-padding"),
            cannot_confirm(
                "the model takes rows of one length only, so no rows without padding could be run"
            ),
        ),
    ),
    "positions-count-padding": Confirmation(
        how="the outputs of the layer that counts positions are replaced by those without padding",
        test=first_confirmed(
            _without_fault(_PATCHED, "counts-positions"),
            cannot_confirm("no rows without padding could be run"),
        ),
    ),
    "mask-misplaced": Confirmation(
        how=(
            "the mask is reversed after the layer that reverses the time steps; or a mask that hides the "
            "padding takes the place of the one that was made"
        ),
        test=first_confirmed(
            _without_fault("with the mask reversed after '{layer}'", "reverses-time"),
            _without_fault("with a mask from '{layer}' that hides the padding", "wrong-mask"),
            cannot_confirm("no rows without padding could be run"),
        ),
    ),
    "padding-unmasked": Confirmation(
        how=(
            "the served padding is compared with that of the right rows; without served rows nothing can be "
            "tried: the model masks nothing, so no mask can be restored"
        ),
        test=first_confirmed(
            same_mistake_gives_served_rows(
                "padding-unmasked",
                "with this padding the right rows are the served ones, value by value",
            ),
            cannot_confirm("the model masks nothing, so no mask can be restored"),
        ),
    ),
    "fully-masked-row": read_by_check(
        "rows that consist of padding only are run separately",
        "run separately, these rows give NaN and rows without padding do not",
        "KC504",
    ),
}

_STEP_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "stepwise-differs": Confirmation(
        how="a copy that keeps its state is fed the same time steps; or later time steps are replaced",
        test=first_confirmed(
            stepwise_copy_agrees, cannot_confirm("no copy of the model that keeps its state could be made")
        ),
    ),
    "state-not-carried": read_by_check(
        "the stateful setting of the layers is read",
        "read from the layers: none is stateful, so every row starts from zeros",
        "KC502",
    ),
}

SEQUENCE_CONFIRMATIONS: Mapping[str, Confirmation] = {
    **_SHAPE_CONFIRMATIONS,
    **_PADDING_CONFIRMATIONS,
    **_STEP_CONFIRMATIONS,
}
