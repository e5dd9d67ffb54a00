"""Judging a stored report again with other limits, from its measurements alone: nothing is run, and what they cannot decide is not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.selection import resolve_selection
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.policy import Policy, Stated
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.reporting.stored.reader import comparison_of, mapping
from keras_consistency_cli.text import clean

__all__ = ["Rejudged", "rejudge", "summed_up"]

_BY_LIMITS = frozenset({"KC101", "KC102", "KC103", "KC104", "KC204", "KC802"})
"""Checks that ask nothing but whether routes agree within their limits."""
_BY_LIMITS_AND_MORE = frozenset({"KC201", "KC202", "KC203", "KC801"})
"""Checks that ask this first and, where it holds, something else: stricter limits may fail them, wider ones do not settle them."""
_EXACT = {
    (check.code, pair.candidate, pair.reference) for check in CHECKS for pair in check.pairs if pair.exact
}


@dataclass(frozen=True, kw_only=True)
class Rejudged:
    """One result, with the status it had; `result` is as in the JSON report."""

    was: str
    result: Mapping[str, Any]

    @property
    def status(self) -> str:
        """The status it has now."""
        return str(self.result["status"])


def rejudge(
    document: Mapping[str, Any], policy: Policy | Literal["calibrated"] | None, select: Sequence[str] = ()
) -> tuple[Rejudged, ...]:
    """Return the selected results, judged by other limits.

    Args:
        document: a JSON report.
        policy: the limits; "calibrated" for those that the model's own rounding noise gives, None for those that it was judged with.
        select: codes, beginnings of codes or names; none means all.

    Raises:
        UsageError: a word fits no result, the report lacks what judging needs, or contradicts itself.
    """
    known = [(result["code"], result["name"]) for result in document["results"]]
    codes = resolve_selection(select, (), known) if select else tuple(code for code, _ in known)
    chosen = [result for result in document["results"] if result["code"] in codes]
    for result in chosen:
        _check_sound(result)
    return tuple(
        Rejudged(was=result["status"], result=_rejudged(result, document, policy)) for result in chosen
    )


def _check_sound(result: Mapping[str, Any]) -> None:
    """Refuse a pass that its own comparisons do not bear out: no run has written it."""
    if result["code"] not in _BY_LIMITS or result["status"] != Status.PASS:
        return
    fault = _unsound(result["comparisons"])
    if fault:
        what = f"{clean(result['code'], 20)} says pass and {fault}: the report was changed by hand"
        raise UsageError(what, expected="a report as kcheck wrote it", fix="run kcheck again")


def _unsound(pairs: Sequence[Mapping[str, Any]]) -> str | None:
    """What keeps these comparisons from making a pass, None where nothing does."""
    if not pairs:
        return "has no comparison"
    if any(each.get("within") is False for each in pairs):
        return "has a comparison beyond its limit"
    return None if all(map(_is_measured, pairs)) else "has a comparison of nothing"


def _is_measured(stored: Mapping[str, Any]) -> bool:
    """Whether something was compared, and the distance can be one."""
    pair = comparison_of(stored)
    return pair.elements > 0 and pair.rows > 0 and pair.max_abs >= 0


def _rejudged(
    result: Mapping[str, Any], document: Mapping[str, Any], policy: Policy | Literal["calibrated"] | None
) -> dict[str, Any]:
    asked = {*_BY_LIMITS, *_BY_LIMITS_AND_MORE}
    if (
        policy is None
        or result["code"] not in asked
        or result["status"] in (Status.SKIP, Status.ERROR)
        or not result["comparisons"]
    ):
        return dict(result)
    pairs = [_judged(result["code"], each, document, policy) for each in result["comparisons"]]
    failed_by_limits = any(not each.get("within", True) for each in result["comparisons"])
    status, message = _status(pairs)
    if result["status"] == Status.FAIL and status != Status.FAIL:
        if not failed_by_limits:
            return {**result, "comparisons": pairs}
        if result["code"] in _BY_LIMITS_AND_MORE or result.get("reason"):
            status, message = (
                Status.ERROR,
                "within these limits, yet the check asks more than that: run it again",
            )
    elif result["status"] == Status.WARN and status == Status.PASS:
        return {**result, "comparisons": pairs}
    elif status == result["status"]:
        message = result["message"]
    return {**result, "comparisons": pairs, "status": str(status), "message": message}


def _status(pairs: Sequence[Mapping[str, Any]]) -> tuple[Status, str]:
    over = [each for each in pairs if each["within"] is False]
    if over:
        worst = max(over, key=lambda each: comparison_of(each).max_abs)
        return (
            Status.FAIL,
            f"{worst['candidate']} parts from {worst['reference']} by up to {comparison_of(worst).max_abs:.2g}: {worst['reason']}",
        )
    open_ones = [each for each in pairs if each["within"] is None]
    if open_ones:
        return (
            Status.ERROR,
            f"what was measured does not decide it for {open_ones[0]['candidate']}: run it again with these limits",
        )
    measured = [comparison_of(each) for each in pairs]
    most = max(measured, key=lambda each: each.flipped / each.decisions if each.decisions else 0.0)
    if most.flipped:
        status = Status.FAIL if most.flipped > FLIPPED_SHARE * most.decisions else Status.WARN
        return status, f"within these limits, but {most.flipped} of {most.decisions} decisions flip"
    return Status.PASS, "within these limits"


def _judged(
    code: str, stored: Mapping[str, Any], document: Mapping[str, Any], policy: Policy | Literal["calibrated"]
) -> dict[str, Any]:
    """One comparison with its new limit; `within` is None where the measurements do not decide it."""
    pair = comparison_of(stored)
    exact = (code, pair.candidate, pair.reference) in _EXACT
    if policy == "calibrated":
        return {**stored, **_calibrated(pair, stored, document, exact)}
    stated = policy.stated_for(pair.output)
    if exact or (stated is None and not policy.exact):
        return dict(stored)
    if policy.exact:
        found = judge(NoiseEvidence(pair=pair), policy=Policy(exact=True))
        return {**stored, "within": found.within, "limit": 0.0, "origin": "exact", "reason": found.reason}
    assert stated is not None
    reason = f"stated limit: atol {stated.atol:g} + rtol {stated.rtol:g} · |reference|"
    return {
        **stored,
        "within": _within(pair, stated),
        "limit": stated.atol + stated.rtol * pair.scale,
        "origin": "stated",
        "reason": reason,
    }


def _within(pair: Comparison, stated: Stated) -> bool | None:
    """Whether every element is within a limit that may grow with the reference, as far as greatest distances and worst rows tell."""
    if pair.misshapen or pair.nonfinite:
        return False
    if pair.identical:
        return True
    if 0 < pair.scale <= stated.atol + stated.rtol * pair.scale:
        return None  # zeros in place of every answer would pass
    rows = ((each.distance, each.reference) for each in pair.worst)
    if pair.dtype != "string" and pair.max_abs <= stated.atol:
        return True
    if pair.max_abs > stated.atol + stated.rtol * pair.scale or any(
        isinstance(b, float) and d > stated.atol + stated.rtol * abs(b) for d, b in rows
    ):
        return False
    # max_rel is held against the greater of both values, the limit against the reference.
    return True if pair.max_rel < 1 and pair.max_rel / (1 - pair.max_rel) <= stated.rtol else None


def _calibrated(
    pair: Comparison, stored: Mapping[str, Any], document: Mapping[str, Any], exact: bool
) -> dict[str, Any]:
    calibration = mapping(document.get("calibration"))
    noise, rounded = (_of_output(calibration.get(name), pair.output) for name in ("noise", "rounded"))
    float64_pair = comparison_of(stored["lifted"]) if isinstance(stored.get("lifted"), dict) else None
    evidence = NoiseEvidence(pair=pair, noise=noise, float64_pair=float64_pair, rounded=rounded)
    found = judge(evidence, policy=Policy(), exact=exact)
    return {
        "within": found.within,
        "limit": found.limit.value,
        "origin": found.limit.origin,
        "reason": found.reason,
    }


def _of_output(stored: object, output: str) -> Comparison | None:
    every = stored if isinstance(stored, list) else []
    return next(
        (comparison_of(each) for each in every if isinstance(each, dict) and each.get("output") == output),
        None,
    )


def summed_up(
    document: Mapping[str, Any], rejudged: Iterable[Rejudged], fail_on: Literal["fail", "warn"]
) -> dict[str, Any]:
    """Return the report as it would have been: results, verdict, exit code, and the diagnoses of what still fails."""
    results = [each.result for each in rejudged]
    verdicts = [Verdict(status=Status(one["status"]), message="", code=one["code"]) for one in results]
    lost = [str(each) for each in document.get("lost") or ()]
    required = [str(each) for each in document.get("required") or ()]
    there = {result["code"] for result in document["results"]}
    lost += [
        f"{clean(code, 20)} is required, and not among the results" for code in required if code not in there
    ]
    nothing = Source(path="")
    whole = Report(version="", verdicts=verdicts, model=nothing, data=nothing, fail_on=fail_on, lost=lost)
    whole = replace(whole, required=required, exit_zero=document.get("exit_zero") is True)
    open_codes = {verdict.code for verdict in verdicts if verdict.status in (Status.FAIL, Status.WARN)}
    diagnoses = [
        one for one in document.get("diagnoses") or () if open_codes & set(mapping(one).get("explains") or ())
    ]
    return {
        **document,
        "verdict": whole.outcome,
        "exit_code": whole.exit_code,
        "fail_on": fail_on,
        "results": results,
        "diagnoses": diagnoses,
    }
