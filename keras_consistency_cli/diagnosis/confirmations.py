"""CONFIRMATIONS: by cause, how it is confirmed. One row for each row of CAUSES; a test compares docs/diagnosis.md with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.causes.precision import ROUNDED_BY_KERNELS
from keras_consistency_cli.diagnosis.confirmation_tests import (
    Proof,
    Prove,
    amplified,
    cast_by_hand,
    eager_shows_nan,
    either,
    held,
    mask_put_back,
    masks_restored,
    neighbours_have_no_effect,
    nonfinite_zeroed,
    other_value_of_state,
    plain_predict,
    replayed,
    reset,
    restored,
    retraced,
    seen,
    stepwise_copy_agrees,
    unproven,
)

__all__ = ["CONFIRMATIONS", "Confirmation", "confirm"]


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """How a cause is confirmed, in words for readers, and what tells whether it was; `routes` switch the suspect off, and run only then."""

    how: str
    prove: Prove
    routes: tuple[str, ...] = ()


_HELD = "with {layers} held"
_COMPANIONS = held("hold-companions", _HELD, "neighbours change no bit")
_REPEAT = held("hold-repeat", _HELD, "repeated calls agree bit for bit")
_COPIES = held("hold-copies", _HELD, "both copies of the model agree bit for bit")
_TRAINING = held(
    "hold-training",
    "with training=False passed to {layers} alone",
    "a bare model(x) gives the bits of inference",
)
_STATISTICS = unproven("told by statistics alone; --served, the rows that serving really fed, would tell")
_SERVED_AGAIN = (
    "kcheck makes the same mistake with the saved scaler, and this reproduces the served rows value by value"
)
_READ_SHAPE = "the shape of the rows is compared with the shape that the model declares"


def _served(slug: str) -> Confirmation:
    return Confirmation(how=_SERVED_AGAIN, prove=either(replayed(slug), _STATISTICS))


def _read(how: str, told: str, *codes: str, finding: str = "", otherwise: str = "") -> Confirmation:
    """For causes that a check has read or counted itself."""
    proof = seen(told, *codes, finding=finding)
    return Confirmation(how=how, prove=either(proof, unproven(otherwise)) if otherwise else proof)


def _open(why: str) -> Confirmation:
    """For causes that nothing at hand could switch off."""
    return Confirmation(how=f"not: {why}", prove=unproven(why))


CONFIRMATIONS: Mapping[str, Confirmation] = {
    "untracked-state": Confirmation(
        how=(
            "the layer of one copy is given its output from the other copy; or a variable that the file does not store is set to a different value; "
            "or outputs repeat only within one process"
        ),
        prove=either(_COPIES, other_value_of_state, retraced),
        routes=("hold-copies",),
    ),
    "config-loses-arguments": Confirmation(
        how="the layer of the loaded copy is given its output from the original model; or the argument is missing from get_config",
        prove=either(
            _COPIES,
            seen(
                "read off the class: its constructor takes the argument, its get_config leaves it out",
                "KC801",
                finding="forgotten",
            ),
            seen("seen: Keras refuses what the model's own config says", "KC801", finding="failure"),
        ),
        routes=("hold-copies",),
    ),
    "batch-statistics-in-inference": Confirmation(
        how="the layer is given its output from before the neighbours were replaced",
        prove=_COMPANIONS,
        routes=("hold-companions",),
    ),
    "cross-sample-dependence": Confirmation(
        how="the layer is given its output from before the neighbours were replaced",
        prove=_COMPANIONS,
        routes=("hold-companions",),
    ),
    "batch-size-dependence": Confirmation(
        how="neighbours are replaced, batch size and position are kept: the outputs keep the same bits",
        prove=neighbours_have_no_effect,
    ),
    "state-carry-over": Confirmation(
        how="states are reset between two predicts; or the layer is given its output from the first call",
        prove=either(reset, _REPEAT),
        routes=("hold-repeat",),
    ),
    "active-randomness": Confirmation(
        how="the layer is given its output from the first call; or the seeds are restored",
        prove=either(_REPEAT, restored("seed")),
        routes=("hold-repeat",),
    ),
    "hidden-state": Confirmation(
        how="the layer is given its earlier output, or its state is restored; or outputs repeat until the model is traced or loaded again",
        prove=either(_REPEAT, restored("weight", "state"), retraced),
        routes=("hold-repeat",),
    ),
    "training-flag-default": Confirmation(
        how="in a call without the training argument, training=False is passed to this layer only",
        prove=_TRAINING,
        routes=("hold-training",),
    ),
    "state-batch-mismatch": _read(
        "the output rows of a short last batch are counted",
        "counted: a short last batch gets more answers than it has rows",
        "KC102",
        finding="given",
        otherwise="the batch size is built into the model, and cannot be switched",
    ),
    "outputs-not-per-sample": _read(
        "output rows are counted",
        "counted: output rows are not input rows",
        "KC102",
        "KC501",
        finding="output_rows",
    ),
    "nan-hidden": Confirmation(
        how="the same rows are run with kernels that are not fused",
        prove=either(eager_shows_nan, unproven("no way of calling it shows the NaN")),
    ),
    "non-finite-input": _read(
        "the rows with NaN or infinity are counted",
        "counted: the rows themselves hold it, before any layer",
        "KC701",
    ),
    "non-finite-output": Confirmation(
        how="NaN and infinity are replaced by 0 in the output of the layer; or the weight that contains them is read",
        prove=either(
            nonfinite_zeroed,
            seen("read off the weights, which hold NaN or infinity themselves", "KC701", finding="weights"),
        ),
        routes=("hold-nonfinite",),
    ),
    "predict-overridden": Confirmation(
        how="the overridden methods are replaced by those of Keras",
        prove=plain_predict,
        routes=("plain-predict",),
    ),
    "eager-differs": Confirmation(
        how="the layer alone is run on the same inputs, eagerly and in a graph",
        prove=lambda _evidence, _failing: Proof(
            confirmed=True, told="given the same inputs, the layer alone gives others in a graph than eagerly"
        ),
        routes=(),
    ),
    "dtype-cast": Confirmation(how="the rows are cast explicitly before the call", prove=cast_by_hand),
    "preprocess-unrepeatable": _read(
        "the function is called twice on the same rows, and in two processes",
        "the function itself, called on the same rows, gives others",
        "KC302",
    ),
    "preprocess-row-dependence": _read(
        "the function is called on one row at a time",
        "the function itself, called on one row at a time, gives other rows than called on all",
        "KC302",
        otherwise="told by the served rows, which match the function called on batches",
    ),
    "scaler-refit": _served("scaler-refit"),
    "scaler-missing": _served("scaler-missing"),
    "scaler-applied-twice": _served("scaler-applied-twice"),
    "scaling-step-skipped": _served("scaling-step-skipped"),
    "gaps-filled-otherwise": _served("gaps-filled-otherwise"),
    "feature-order": Confirmation(
        how="the columns are put in the served order, and this reproduces the served rows; or the names of the columns are read",
        prove=either(
            replayed("feature-order"),
            seen(
                "read off the names: the scaler was fitted on the same columns in another order",
                "KC304",
                finding="fitted",
            ),
            _STATISTICS,
        ),
    ),
    "scaled-in-low-precision": Confirmation(
        how=_SERVED_AGAIN,
        prove=either(
            replayed("scaled-in-low-precision"),
            unproven("what such a cast would cost; --served tells whether anybody makes it"),
        ),
    ),
    "scaler-foreign": _open(
        "the served rows are a linear function of the correct rows, but the scaler that produced them is not at hand"
    ),
    "normalization-unadapted": _read(
        "the statistics of the layer are read",
        "read off the layer: its statistics are not those of rows",
        "KC401",
    ),
    "normalization-stale": _open(
        "the statistics differ from the reference rows or from the weights; it is not known which ones training used"
    ),
    "normalized-twice": _open("based on the range of the rows at the input of the layer"),
    "input-range": _open("based on the range of the rows only"),
    "input-mutated": _read(
        "the function is called with a copy of the rows, and the copy is compared with the rows afterwards",
        "a copy that was handed over came back changed",
        "KC402",
    ),
    "scaler-stale": _open("based on a comparison of the scaler's statistics with the reference rows"),
    "scaler-version": _read(
        "both versions are read", "read off the file, and off the scikit-learn that runs", "KC304"
    ),
    "distribution-shift": _open(
        "based on statistics alone; the rows may be correct and the population may have changed"
    ),
    "wrong-rank": _read(
        _READ_SHAPE, "read off the shape: it has an axis more or less than the model declares", "KC501"
    ),
    "wrong-length": Confirmation(
        how=_READ_SHAPE,
        prove=either(
            seen("read off the shape: the model declares another length", "KC501", failed=True),
            unproven("the model takes any length: whether one step is meant, only its owner knows"),
        ),
    ),
    "wrong-features": _read(
        _READ_SHAPE, "read off the shape: the model declares another number of features", "KC501"
    ),
    "axes-swapped": Confirmation(
        how=_READ_SHAPE,
        prove=either(
            seen(
                "read off the shape: the model refuses the rows as they are, and takes them with their axes exchanged",
                "KC501",
                finding="refused",
            ),
            unproven(
                "the rows fit with both axes exchanged, but only their owner knows which is which: facts: {time_axis: 1}"
            ),
        ),
    ),
    "input-order": _open("based on the levels of the inputs: each input has the level of a different one"),
    "wrong-ids": _read(
        "ids are compared with the size of the table", "counted: ids that the table has no row for", "KC501"
    ),
    "mask-lost": Confirmation(
        how=(
            "the mask is restored at the layer that loses it, and the masked time steps are set to 0; "
            "or the layer alone is run on the same true time steps with and without padding"
        ),
        prove=either(
            masks_restored,
            mask_put_back,
            seen(
                "the same true steps and their mask go into it with padding and without, and it answers otherwise",
                "KC504",
                finding="unheeded",
            ),
            unproven("no steps are left behind that layer on which a mask could be restored"),
        ),
        routes=("hold-masks",),
    ),
    "padding-unmasked": _open("the model masks nothing, so no mask can be restored"),
    "fully-masked-row": _read(
        "rows that consist of padding only are run separately",
        "answered apart, those rows give NaN and cut ones do not",
        "KC504",
    ),
    "stepwise-differs": Confirmation(
        how="a copy that keeps its state is fed the same time steps; or later time steps are replaced",
        prove=either(
            stepwise_copy_agrees, unproven("no copy of the model could be made that carries its state")
        ),
    ),
    "state-not-carried": _read(
        "the stateful setting of the layers is read",
        "read off the layers: none is stateful, so that every row starts from zeros",
        "KC502",
    ),
    "time-distributed-dynamic": _read(
        "predict is traced again between the two lengths",
        "with predict traced anew in between, the same rows are answered right",
        "KC501",
    ),
    "recorded-in-other-form": _read(
        "today's outputs are reordered or rescaled, and this reproduces the recorded ones",
        "reordered or rescaled, today's answers are the recorded ones",
        "KC802",
        finding="forms",
    ),
    "answers-moved": _open("only numbers were recorded, not the model that produced them"),
    "device-precision": _open("the whole layer runs on one device"),
    "kernel-dependent": _read(
        "only the kernels are changed",
        "nothing but oneDNN and the number of threads was changed between the two processes",
        "KC605",
    ),
    "low-precision": Confirmation(
        how="the operations in low precision are read from the compiled graph; or the dtype policy is read",
        prove=either(
            seen(
                "read off the compiled step, whose operations give float16 or bfloat16",
                "KC602",
                finding="operations",
            ),
            seen(
                "read off the dtype policy; the float64 copy of the same weights decides otherwise", "KC603"
            ),
            unproven("told by the distance to float64, which rounding of float32 cannot reach"),
        ),
    ),
    "rounding": _read(
        "both routes are compared with the model's own rounding noise, measured on the float64 copy",
        "held against float64: all deviations are within what the model's own rounding gives",
        *ROUNDED_BY_KERNELS,
    ),
    "ill-conditioned": Confirmation(
        how="inputs or weights are changed by 1e-7 in float64, where rounding is negligible; or rounding is added to the float64 copy layer by layer",
        prove=amplified,
    ),
    "near-ties": _read(
        "inputs or weights are changed by 1e-7 in float64",
        "in float64, where nothing rounds, a change of 1e-7 turns decisions round",
        "KC604",
    ),
}


def confirm(cause: str, evidence: Evidence, failing: Mapping[str, Verdict]) -> Proof | None:
    """Return what came of confirming a cause; None where nothing was tried."""
    known = CONFIRMATIONS.get(cause)
    return known.prove(evidence, failing) if known is not None else None
