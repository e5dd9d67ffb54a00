"""Serving must use the scaler of training: reused as saved, never fitted again.

Why: `fit_transform` at prediction time scales rows by each other instead of by the training rows. Nothing crashes, a
batch looks plausible, and a single row becomes all zeros whatever it says.

How: with `--served`, the rows that serving fed to the model are held against what the saved scaler gives. Where they
differ, each column is matched with what known mistakes would have given: refitted on all rows, on batches (of which
size), on single rows, not scaled, scaled twice, without one step of a pipeline, gaps filled otherwise, other columns, low
precision, another scaler. Traffic may be mixed: rows that are right are left aside, and the others told by their numbers, such as every
fifth one. Without `--served`, nothing can be known of serving: the model is run on rows scaled by a
refitted scaler, and the damage that this would do is a warning. Distances are in standard deviations of a column as it should be served.

To fix: save the fitted scaler with the model, load it when serving, and call `transform`, never `fit_transform`.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.agreement import judge_pairs
from keras_consistency_cli.checks.analysis.served_rows import (
    damage,
    harmless,
    impossible,
    mistakes,
    nothing_ran,
    served_verdict,
)
from keras_consistency_cli.checks.base import Check, Evidence, Judged, Pair, Status, Verdict
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_REFITS = {"refit-all": "on all rows", "refit-batches": "on each batch", "refit-single": "on each row alone"}
_OTHERS = ("unscaled", "scaled-twice", "columns-permuted", "float16-first")
_SERVED = Pair(candidate="served", reference=REFERENCE)
_REFIT_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in _REFITS)
_OTHER_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in _OTHERS)
_ADVICE = (
    "give --served served.npy, the array that serving fed to the model, to know whether it refits; when "
    "serving, call scaler.transform only"
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the served rows where there are any, else tell what refitting would do."""
    found = mistakes(evidence)
    if found is None:
        crashed = evidence.traces.get("served")
        if crashed is not None and crashed.error:
            return Verdict(
                status=Status.ERROR, message="the served rows could not be judged", reason=crashed.error
            )
        return _hypothetical(evidence)
    judged = tuple(judge_pairs(evidence, (_SERVED,)))
    if found:
        return served_verdict(evidence, found, judged, _findings(evidence))
    message = f"the served rows are what the model should be fed; predictions {damage(judged, evidence.rows)}"
    return Verdict(status=Status.PASS, message=message, judged=judged, findings=_findings(evidence))


def _hypothetical(evidence: Evidence) -> Verdict:
    stopped = nothing_ran(evidence, tuple(_REFITS))
    if stopped is not None:
        return stopped
    judged = tuple(judge_pairs(evidence, _REFIT_PAIRS))
    told = "; ".join(
        f"{_REFITS[name]}, predictions {words}" for name, words in _damages(judged, evidence).items()
    )
    missing = (
        "; ".join(f"{name}: {reason}" for name in _REFITS if (reason := impossible(evidence, name))) or None
    )
    if all(harmless(each) for each in judged):
        message = f"refitting the scaler would be harmless on these rows: {told}"
        within = judged if all(each.within for each in judged) else ()
        return Verdict(
            status=Status.PASS, message=message, reason=missing, judged=within, findings=_findings(evidence)
        )
    message = f"a scaler that is refitted when serving would change answers: {told}{_constant(evidence)}"
    findings = {**_findings(evidence), "hypothetical": True}
    return Verdict(
        status=Status.WARN, message=message, reason=missing, judged=judged, findings=findings, advice=_ADVICE
    )


def _damages(judged: Sequence[Judged], evidence: Evidence) -> dict[str, str]:
    routes = dict.fromkeys(each.comparison.candidate for each in judged)
    return {
        name: damage([each for each in judged if each.comparison.candidate == name], evidence.rows)
        for name in routes
    }


def _constant(evidence: Evidence) -> str:
    return ", for every row becomes the same" if evidence.details("refit-single").get("constant") else ""


def _findings(evidence: Evidence) -> dict[str, object]:
    """By way of scaling: how far inputs move, and what predictions do."""
    told = _damages(tuple(judge_pairs(evidence, (*_REFIT_PAIRS, *_OTHER_PAIRS))), evidence)
    would = {
        name: {"inputs_move": evidence.details(name).get("moved"), "predictions": words}
        for name, words in told.items()
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
