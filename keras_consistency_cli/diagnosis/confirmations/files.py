"""How causes in saved files are confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    first_confirmed,
    replacing_outputs_removes_difference,
    reported_by_check,
)
from keras_consistency_cli.diagnosis.confirmations.calls import outputs_repeat_until_reload
from keras_consistency_cli.routes.persistence.reloading import ReloadDetails

__all__ = ["FILE_CONFIRMATIONS"]

_LISTED_VARIABLES = 3


def untracked_value_changes_outputs(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
    """A different value in a variable that no file contains."""
    variables = evidence.details("reloaded", ReloadDetails).get("untracked", ())
    if not variables:
        return None
    names = ", ".join(variables[:_LISTED_VARIABLES])
    return ConfirmationResult(
        confirmed=True,
        explanation=(
            f"with a different value of {names}, which the file does not store, the same rows give "
            "different outputs"
        ),
    )


def _other_weights_change_outputs(read: str) -> ConfirmationTest:
    """Return a test: outputs depend on layers whose weights do not come from the file.

    Args:
        read: what was read of these layers, with their names as {names}.
    """

    def test(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
        layers = evidence.details("reloaded", ReloadDetails).get("unsaved", [])
        if not layers:
            return None
        found = read.format(names=", ".join(f"'{each['layer']}'" for each in layers[:_LISTED_VARIABLES]))
        return ConfirmationResult(
            confirmed=True,
            explanation=f"{found}; with different weights there, the same rows give different outputs",
        )

    return test


def argument_is_read_to_be_lost(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """The argument is lost; whether its value is the reason of other recorded outputs is not known."""
    if "KC801" not in failing or not failing["KC801"].findings.get("forgotten"):
        return None
    read = "read from the class: its constructor has the argument, its get_config does not return it"
    if "KC802" not in failing:
        return ConfirmationResult(confirmed=True, explanation=read)
    unknown = "whether its value explains the recorded outputs was not tried: it is not in the file"
    return ConfirmationResult(confirmed=False, explanation=f"{read}; {unknown}")


_layer_output_is_from_other_copy = replacing_outputs_removes_difference(
    "hold-copies", "with the output of {layers} replaced", "both copies of the model give the same bits"
)

FILE_CONFIRMATIONS: Mapping[str, Confirmation] = {
    "weights-not-saved": Confirmation(
        how=(
            "the weights in the file and the layers that Keras visits when it saves are read; and the "
            "weights are set to different values, which changes the outputs"
        ),
        test=_other_weights_change_outputs(
            "the file and what Keras visits when it saves were read: neither contains {names}"
        ),
    ),
    "weights-not-loaded": Confirmation(
        how=(
            "the weights in the file, and the layers that exist directly after loading are read; and the "
            "weights are set to different values, which changes the outputs"
        ),
        test=_other_weights_change_outputs(
            "the file was read: it holds weights of {names}, which did not exist directly after loading"
        ),
    ),
    "training-state-unreadable": Confirmation(
        how="the file is loaded in both ways: it fails as it is, and succeeds with compile=False",
        test=reported_by_check(
            "loading the file as it is fails, and succeeds with compile=False", "KC801", finding="failure"
        ),
    ),
    "untracked-state": Confirmation(
        how=(
            "the layer of one copy is given its output from the other copy; or a variable that the file does "
            "not store is set to a different value; or outputs repeat only within one process"
        ),
        test=first_confirmed(
            _layer_output_is_from_other_copy, untracked_value_changes_outputs, outputs_repeat_until_reload
        ),
        routes=("hold-copies",),
    ),
    "config-loses-arguments": Confirmation(
        how=(
            "the layer of the loaded copy is given its output from the original model; or the argument is "
            "missing from get_config"
        ),
        test=first_confirmed(
            _layer_output_is_from_other_copy,
            argument_is_read_to_be_lost,
            reported_by_check(
                "Keras refuses to build the model from its own config", "KC801", finding="failure"
            ),
        ),
        routes=("hold-copies",),
    ),
}
