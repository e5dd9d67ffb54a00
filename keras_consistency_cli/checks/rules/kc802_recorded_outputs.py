"""Today's answers must be those that were recorded when the model was saved, or that production gives.

Why: a file does not hold everything a model was. An argument that `get_config` leaves out, an array that Keras does not
know of, another version of Keras or of the scaler, an accelerator: the model that is loaded today may answer otherwise
than the one that was tested, and no comparison of the file with itself shows it. Recorded answers do.

How: `--expected` holds what the model answered for the rows of `--data`, row for row. Today's predict is held against
it with the limits of all other checks: rounding that another machine or kernel may make is within them. Where answers
differ, it is tried whether they are the same rows in another order, the same numbers on another scale, logits,
probabilities or classes. Answers recorded in 16 bits or with few decimals stand for every number that rounds to them: a
move within that cannot be seen, and the message says so.

To fix: see whether KC801 names state or arguments that the file does not hold; record answers at the time of saving, from
a model that was loaded from its file: np.save("expected.npy", keras.models.load_model("model.keras").predict(x)).

Sources: keras#23364, tensorflow#39583.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.keras_changes import saved_elsewhere
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="recorded", reference="predict"),)
_WORDING = Wording(
    agree="today's answers are the recorded ones",
    differ="today's answers are not the recorded ones, they differ",
    advice="run --select KC801 for state and arguments that the file does not hold",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the recorded answers against predict; without any, say how to give some."""
    recorded = evidence.details("recorded")
    if not recorded.get("given", True):
        return Verdict(
            status=Status.SKIP,
            message="nothing to compare",
            reason="no answers are given; record some and give them with --expected",
        )
    verdict = _with_rounding(agreement(evidence, _PAIRS, _WORDING), recorded.get("rounded", {}))
    if verdict.status is not Status.FAIL:
        return verdict
    forms = recorded.get("forms", {})
    told = "".join(f"; '{output}' was recorded as {words}" for output, words in forms.items())
    findings = {
        **verdict.findings,
        "cause": "recorded-in-other-form" if forms else "answers-moved",
        "forms": dict(forms),
    }
    return replace(
        verdict, message=verdict.message + told + saved_elsewhere(evidence.facts), findings=findings
    )


def _with_rounding(verdict: Verdict, rounded: Mapping[str, str]) -> Verdict:
    """The verdict, with the remark that a move smaller than the last digit that was recorded cannot be seen."""
    if not rounded or verdict.status is Status.SKIP:
        return verdict
    told = ", ".join(f"'{output}' was recorded as {words}" for output, words in rounded.items())
    return replace(
        verdict,
        message=f"{verdict.message}; {told}: what that rounds off is not held against it",
        findings={"rounded": dict(rounded)},
    )


CHECK = Check(
    code="KC802",
    name="recorded-outputs",
    title="today's answers are those recorded when the model was saved (--expected)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
