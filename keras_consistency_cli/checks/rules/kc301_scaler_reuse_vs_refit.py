"""Serving must use the scaler of training as it was saved, and never fit it again.

Why: `fit_transform` at prediction time scales rows by each other instead of by the training rows. Nothing
crashes, a batch looks plausible, and a single row becomes all zeros whatever it holds.

How: with `--served`, the rows that serving fed to the model are compared with what the saved scaler gives. If
they differ, each column is compared with the results of known mistakes: refitted on all rows, on batches (of
which size), on single rows, on the last ones or by groups, not scaled, scaled twice, without one step of a
pipeline, missing values filled differently, different columns, low precision, a different scaler. Without a
scaler, these are padding at the other end, a different order of rows, columns or axes, the rows of another
input, category codes that were assigned again, one-hot columns without those of absent categories, a shifted
time, a different part or resolution, pixels that are not divided by 255, and statistics of each row. Traffic
may be mixed: correct rows are left aside, and the numbers of the wrong rows are reported, such as every fifth
one. A mistake counts if it explains most of the wrong rows. TensorFlow, which Keras's loader of image folders
uses, decodes a JPEG into slightly other pixels than Pillow: rows of a folder of JPEG files are compared with
both, and the message says how far these are apart. Ids that were served to a model of texts are compared
with those that the lookup inside the model gives for the texts of --data. Without `--served`, nothing can be
known about serving: the model runs on rows scaled by a refitted scaler, and the change of its outputs is
reported as information.
Distances are in standard deviations of a column as it should be served.

To fix: save the fitted scaler with the model, load it when serving, and call `transform`, never
`fit_transform`.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.analysis.output_change import (
    describe_change,
    is_harmless,
    stop_without_outputs,
    why_no_outputs,
)
from keras_consistency_cli.checks.analysis.served.rows import (
    describe_decoding,
    fail_served_rows,
    find_mistakes,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.preconditions import error_if_crashed
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.routes.scaling.scaling import ScalingDetails
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_REFITS = {"refit-all": "on all rows", "refit-batches": "on each batch", "refit-single": "on each row alone"}
_OTHERS = ("unscaled", "scaled-twice", "columns-permuted", "float16-first")
_SERVED = Pair(candidate="served", reference=REFERENCE)
_REFIT_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in _REFITS)
_OTHER_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in _OTHERS)
_ADVICE = (
    "give --served served.npy, the array that serving fed to the model, to see whether it refits; "
    "when serving, call scaler.transform only"
)

_DECODE = (
    "to have the same pixels in training and serving, decode with the same library, or the accurate way: "
    "tf.io.decode_jpeg(content, channels=3, dct_method='INTEGER_ACCURATE') gives what Pillow and OpenCV give"
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the served rows if there are any, else report what refitting would do."""
    mistakes = find_mistakes(evidence)
    if mistakes is None:
        return error_if_crashed(evidence, ("served",)) or _judge_refitting(evidence)
    judged = tuple(judge_pairs(evidence, (_SERVED,)))
    if mistakes:
        return fail_served_rows(evidence, mistakes, judged, _findings(evidence))
    decoded = describe_decoding(evidence)
    message = f"the served rows are correct{decoded}; outputs {describe_change(judged, evidence.rows)}"
    if not decoded:
        return Verdict.ok(message, judged=judged, findings=_findings(evidence))
    within = judged if all(one.within for one in judged) else ()
    return Verdict.ok(message, judged=within, findings=_findings(evidence), advice=_DECODE)


def _judge_refitting(evidence: Evidence) -> Verdict:
    """Report what a refitted scaler would do: information, because nothing is known about serving."""
    refused = _find_refused(evidence)
    if set(refused) == set(_REFITS):
        return Verdict.skip(
            f"the model refuses the rows that a refitted scaler gives: {refused['refit-all']}"
        )
    stopped = stop_without_outputs(evidence, [name for name in _REFITS if name not in refused])
    if stopped is not None:
        return stopped
    judged = tuple(judge_pairs(evidence, _REFIT_PAIRS))
    changes = "; ".join(
        [f"{_REFITS[name]}, the model refuses the rows" for name in refused]
        + [f"{_REFITS[name]}, outputs {words}" for name, words in _changes(judged, evidence).items()]
    )
    reasons = {name: reason for name in _REFITS if (reason := why_no_outputs(evidence, name))}
    missing = "; ".join(f"{name}: {reason}" for name, reason in {**reasons, **refused}.items()) or None
    if not refused and all(is_harmless(one) for one in judged):
        message = f"refitting the scaler would be harmless on these rows; {changes}"
        within = judged if all(one.within for one in judged) else ()
        return Verdict.ok(message, reason=missing, judged=within, findings=_findings(evidence))
    constant = evidence.details("refit-single", ScalingDetails).get("constant")
    why = ", because every row becomes the same" if constant else ""
    return Verdict.ok(
        f"refitting the scaler when serving would change outputs (information); {changes}{why}",
        reason=missing,
        findings=_findings(evidence),
        advice=_ADVICE,
    )


def _find_refused(evidence: Evidence) -> dict[str, str]:
    """By route of refitted rows that the model refuses, the exception.

    That is no fault of the model: an encoder that is fitted again on rows with a new category gives codes
    beyond the table of the model. A worker that died or did not answer says nothing about the rows.
    """
    traces = {name: trace for name in _REFITS if (trace := evidence.traces.get(name)) is not None}
    return {
        name: trace.error for name, trace in traces.items() if trace.error and trace.details.get("raised")
    }


def _changes(judged: Sequence[Judged], evidence: Evidence) -> dict[str, str]:
    """By route, what happens to the outputs."""
    routes = dict.fromkeys(one.comparison.candidate for one in judged)
    return {
        name: describe_change([one for one in judged if one.comparison.candidate == name], evidence.rows)
        for name in routes
    }


def _findings(evidence: Evidence) -> dict[str, object]:
    """By way of scaling: how far inputs move, and what happens to the outputs."""
    changes = _changes(tuple(judge_pairs(evidence, (*_REFIT_PAIRS, *_OTHER_PAIRS))), evidence)
    would = {
        name: {"inputs_move": evidence.details(name, ScalingDetails).get("moved"), "predictions": words}
        for name, words in changes.items()
    }
    return {"would": would} if would else {}


CHECK = Check(
    code="KC301",
    name="scaler-reuse-vs-refit",
    title="serving reuses the saved scaler; what refitting it would do",
    explanation=__doc__,
    pairs=(*_REFIT_PAIRS, *_OTHER_PAIRS, _SERVED),
    examine=examine,
)
