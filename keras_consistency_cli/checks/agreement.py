"""The judgement that most checks share: pairs of routes must agree within their limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from keras_consistency_cli.checks.base import UNDECIDED, Evidence, Judged, Pair, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.routes.session.batches import AXIS_LOST
from keras_consistency_cli.routes.trace import REFERENCE, ROUNDED, float64_name

__all__ = [
    "CANCELS",
    "FLIPPED_SHARE",
    "FRESH",
    "HIGH_NOISE",
    "Wording",
    "agreement",
    "axis_lost",
    "carries_state_on_purpose",
    "differs_anyway",
    "judge_pairs",
    "numbers",
    "rounding_put_back",
    "with_others",
    "worst",
]

FLIPPED_SHARE = 0.05
"""Above this share, decisions that flip are a failure even where the numbers are within rounding noise."""

HIGH_NOISE = 1e-3
"""Of the greatest output: rounding above this leaves a float32 answer three digits."""
CANCELS = (
    "look for large numbers that cancel, or a division by next to nothing: a compiler may fold what another "
    "way of calling rounds"
)
FRESH = Pair(candidate="fresh-process", reference="predict")
"""The same again in another process: what differs there differs for no reason of devices or kernels."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What a check says: of agreement, of disagreement (before the numbers), and as the next step."""

    agree: str
    differ: str
    advice: str


def judge_pairs(evidence: Evidence, pairs: Sequence[Pair]) -> Iterator[Judged]:
    """Yield every comparison of these pairs, each held against its limit; a comparison of nothing is none."""
    rounded = rounding_put_back(evidence)
    for pair in pairs:
        float64_pair = {
            each.output: each
            for each in evidence.comparisons.get(
                (float64_name(pair.candidate), float64_name(pair.reference)), ()
            )
        }
        for comparison in evidence.comparisons.get((pair.candidate, pair.reference), ()):
            twin, noise = float64_pair.get(comparison.output), evidence.noise.get(comparison.output)
            if comparison.elements == 0 and not comparison.misshapen:
                continue
            rounding = rounded.get(comparison.output)
            measured = NoiseEvidence(pair=comparison, noise=noise, float64_pair=twin, rounded=rounding)
            found = judge(measured, policy=evidence.policy, exact=pair.exact)
            yield Judged(
                comparison=comparison,
                limit=found.limit,
                within=found.within,
                float64_pair=twin,
                reason=found.reason,
            )


def rounding_put_back(evidence: Evidence) -> dict[str, Comparison]:
    """Return, by output, the float64 copy with float32's rounding put back layer by layer, against predict."""
    return {each.output: each for each in evidence.comparisons.get((ROUNDED, REFERENCE), ())}


def agreement(evidence: Evidence, pairs: Sequence[Pair], wording: Wording) -> Verdict:
    """Judge pairs and put the result into words: FAIL beats ERROR beats WARN beats PASS; nothing comparable is a SKIP with its reason."""
    judged = tuple(judge_pairs(evidence, pairs))
    errors = tuple(dict.fromkeys(_problems(evidence, pairs, "error")))
    missing = tuple(dict.fromkeys(_problems(evidence, pairs, "unavailable")))
    over = [each for each in judged if not each.within]
    if over:
        message = f"{wording.differ} {numbers(worst(over), evidence)}"
        return Verdict(
            status=Status.FAIL,
            message=message,
            reason="; ".join(errors) or None,
            judged=judged,
            advice=wording.advice,
        )
    if errors:
        return Verdict(
            status=Status.ERROR,
            message="a way of calling the model crashed",
            reason="; ".join(errors),
            judged=judged,
        )
    toothless = next((each for each in judged if _limit_exceeds_output(each, evidence)), None)
    if toothless is not None:
        message = (
            f"the stated limit of {toothless.limit.value:.2g} is no smaller than the greatest answer, "
            f"{toothless.comparison.scale:.2g}"
        )
        advice = (
            "state limits below the size of the answers, or none: the limits that rounding gives would fail "
            "this"
        )
        return Verdict(
            status=Status.ERROR,
            message=message,
            reason="anything would pass it",
            judged=judged,
            advice=advice,
        )
    if not judged:
        return Verdict(
            status=Status.SKIP,
            message="nothing to compare",
            reason="; ".join(missing) or "no route gave outputs",
        )
    if all(each.comparison.nonfinite_reference == each.comparison.elements for each in judged):
        return Verdict(
            status=Status.SKIP,
            message="nothing to compare",
            reason="every answer is NaN or infinite, see KC701 finite",
            judged=judged,
        )
    flips = max(judged, key=lambda each: _flipped_share(each.comparison))
    if flips.comparison.flipped:
        return _flipping(judged, flips, wording)
    widened = [each for each in judged if each.limit.origin == "amplified"]
    if widened:
        return _spared(judged, max(widened, key=lambda each: each.comparison.scaled), wording)
    return Verdict(
        status=Status.PASS, message=wording.agree, reason="; ".join(missing) or None, judged=judged
    )


def _limit_exceeds_output(judged: Judged, evidence: Evidence) -> bool:
    """Whether a stated limit passes what is no rounding only because it would pass zeros in place of every answer."""
    comparison = judged.comparison
    if (
        judged.limit.origin != "stated"
        or comparison.identical
        or not 0 < comparison.scale <= judged.limit.value
    ):
        return False
    noise, rounded = evidence.noise.get(comparison.output), rounding_put_back(evidence).get(comparison.output)
    measured = NoiseEvidence(pair=comparison, noise=noise, float64_pair=judged.float64_pair, rounded=rounded)
    return not judge(measured, policy=Policy()).within


def with_others(verdict: Verdict, evidence: Evidence) -> Verdict:
    """A SKIP in place of a pass where there is a single row: alone in every batch, it shows nothing of batches and order."""
    if verdict.status is not Status.PASS or evidence.rows != 1:
        return verdict
    return replace(
        verdict,
        status=Status.SKIP,
        message="nothing to compare",
        reason="a single row is alone in every batch: give two rows or more",
    )


def _spared(judged: tuple[Judged, ...], most: Judged, wording: Wording) -> Verdict:
    """Rounding that predict is spared is told, and a warning where it takes more than float32's last digits."""
    comparison = most.comparison
    size = f"{comparison.max_abs:.1e} ({comparison.scaled:.1e} of the greatest output)"
    message = (
        f"{wording.agree}, but for rounding of {size} in {comparison.candidate} that {comparison.reference} "
        "is spared"
    )
    if comparison.scaled <= HIGH_NOISE:
        return Verdict(status=Status.PASS, message=message, judged=judged)
    return Verdict(
        status=Status.WARN,
        message=message,
        judged=judged,
        advice=CANCELS,
        findings={"cause": "ill-conditioned"},
    )


def _flipping(judged: tuple[Judged, ...], most: Judged, wording: Wording) -> Verdict:
    """Rounding that changes decisions is never silent, and a failure where it changes many; nor is what a stated limit lets through."""
    comparison = most.comparison
    what = "a difference" if most.limit.origin == "stated" else "rounding"
    status = Status.FAIL if _flipped_share(comparison) > FLIPPED_SHARE else Status.WARN
    message = (
        f"{wording.agree}, but {what} of {comparison.max_abs:.1e} flips {comparison.flipped} of "
        f"{comparison.decisions} decisions: near ties"
    )
    return Verdict(
        status=status, message=message, judged=judged, advice=UNDECIDED, findings={"cause": "near-ties"}
    )


def _flipped_share(comparison: Comparison) -> float:
    return comparison.flipped / comparison.decisions if comparison.decisions else 0.0


def _problems(evidence: Evidence, pairs: Sequence[Pair], kind: str) -> Iterator[str]:
    """What kept the routes of these pairs from running, told once for all routes it kept; a missing float64 copy is no problem of a check."""
    kept: dict[str, list[str]] = {}
    for route in dict.fromkeys(name for pair in pairs for name in (pair.candidate, pair.reference)):
        trace = evidence.traces.get(route)
        problem = getattr(trace, kind, None)
        if problem:
            kept.setdefault(problem, []).append(route)
    yield from (f"{', '.join(names)}: {problem}" for problem, names in kept.items())


def worst(judged: Sequence[Judged]) -> Judged:
    """Return the comparison that is furthest beyond its limit; those of other shape or finiteness first."""

    def badness(each: Judged) -> tuple[bool, bool, float]:
        beyond = each.comparison.max_abs / each.limit.value if each.limit.value else each.comparison.max_abs
        return not each.within, each.comparison.misshapen is not None or each.comparison.nonfinite > 0, beyond

    return max(judged, key=badness)


def numbers(judged: Judged, evidence: Evidence) -> str:
    """The deviation in words: how far, on which scale, in how many rows, and what it does to decisions."""
    comparison = judged.comparison
    if comparison.misshapen:
        return f"{comparison.candidate}: {comparison.misshapen}"
    if comparison.nonfinite and (judged.limit.origin != "exact" or not comparison.max_abs):
        return (
            f"{comparison.nonfinite} values are finite on one side only ({comparison.candidate} against "
            f"{comparison.reference})"
        )
    if judged.float64_pair is not None and not comparison.max_abs and judged.float64_pair.max_abs:
        float64_pair = judged.float64_pair
        return (
            f"by {float64_pair.max_abs:.2g} on the float64 copy, in {float64_pair.rows_differing} of "
            f"{float64_pair.rows} rows: too little for float32 to show"
        )
    parts = [f"by up to {comparison.max_abs:.2g}"]
    if comparison.scale:
        parts.append(f"{comparison.scaled:.2g} of the greatest output")
    noise = evidence.noise.get(comparison.output)
    if noise is not None and noise.max_abs > 0:
        parts.append(f"{comparison.max_abs / noise.max_abs:.3g} × rounding noise")
    text = f"{parts[0]} ({', '.join(parts[1:])})" if parts[1:] else parts[0]
    over = comparison.rows_over(judged.limit.value) or comparison.rows_differing
    text += f" in {over} of {comparison.rows} rows of {comparison.candidate}"
    text += f"; {comparison.flipped} decisions flip" if comparison.flipped else ""
    return text + (
        f"; {comparison.nonfinite} values are finite on one side only" if comparison.nonfinite else ""
    )


def axis_lost(evidence: Evidence) -> Verdict | None:
    """A FAIL where an output has a row axis for several rows and none for one, else None."""
    told = next(
        (trace.error for trace in evidence.traces.values() if trace.error and AXIS_LOST in trace.error), None
    )
    if told is None:
        return None
    message = told[told.index(AXIS_LOST) :]
    advice = (
        "name the axis of every squeeze: squeeze(x, axis=-1); without one it takes the row axis too where "
        "there is but one row"
    )
    return Verdict(
        status=Status.FAIL,
        message=message,
        advice=advice,
        findings={"output_rows": {message.partition("'")[2].partition("'")[0]: 0}},
    )


def differs_anyway(evidence: Evidence) -> Verdict | None:
    """A SKIP where another process with the same device and kernels does not answer as predict does: then neither of the two is to blame."""
    if all(each.within for each in judge_pairs(evidence, (FRESH,))):
        return None
    reason = (
        "a second process with the same device and kernels does not answer the same either, see KC203 "
        "repeatability"
    )
    return Verdict(status=Status.SKIP, message="nothing to compare with", reason=reason)


def carries_state_on_purpose(evidence: Evidence) -> Verdict | None:
    """A SKIP where the owner says that rows are consecutive chunks of one sequence and the model is stateful, else None."""
    if evidence.data.get("stateful_rows") != "consecutive" or not evidence.facts.stateful_layers:
        return None
    reason = (
        "the rows are consecutive chunks of one sequence (facts.stateful_rows), so their order and their "
        "history count"
    )
    return Verdict(status=Status.SKIP, message="state is carried over on purpose", reason=reason)
