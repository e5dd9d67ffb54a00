"""Judges a stored report again with other limits, from its measurements only.

Nothing runs. If the measurements do not decide a check, the result says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE, flipped_share
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.selection import resolve_selection
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.reporting.stored.reader import as_mapping, read_comparison
from keras_consistency_cli.text import clean, format_count

__all__ = ["RecheckedResult", "recheck_results", "rechecked_report"]

_BY_LIMITS = frozenset({"KC101", "KC102", "KC103", "KC104", "KC204", "KC802"})
"""Checks that ask only whether routes agree within their limits."""
_BY_LIMITS_AND_MORE = frozenset({"KC201", "KC202", "KC203", "KC801"})
"""Checks that ask this first, and then something else: wider limits alone do not decide them."""
_ALWAYS_EXACT = {
    (check.code, pair.candidate, pair.reference) for check in CHECKS for pair in check.pairs if pair.exact
}

_Limits = Policy | Literal["calibrated"]


@dataclass(frozen=True, kw_only=True)
class RecheckedResult:
    """One result and its previous status; `result` has the form of the JSON report."""

    was: str
    result: Mapping[str, Any]

    @property
    def status(self) -> str:
        """The new status."""
        return str(self.result["status"])


def recheck_results(
    document: Mapping[str, Any], policy: _Limits | None, select: Sequence[str] = ()
) -> tuple[RecheckedResult, ...]:
    """Return the selected results, judged with other limits.

    Args:
        document: a JSON report.
        policy: the limits; "calibrated" for those from the rounding noise of the model, None for the stored
            ones.
        select: codes, beginnings of codes or names; empty selects all.

    Raises:
        UsageError: a word selects nothing, or the report is incomplete or contradicts itself.
    """
    names = [(result["code"], result["name"]) for result in document["results"]]
    codes = resolve_selection(select, (), names) if select else tuple(code for code, _ in names)
    selected = [result for result in document["results"] if result["code"] in codes]
    for result in selected:
        _refuse_contradiction(result)
    return tuple(
        RecheckedResult(was=result["status"], result=_rechecked(result, document, policy))
        for result in selected
    )


def _refuse_contradiction(result: Mapping[str, Any]) -> None:
    """Refuse a pass that contradicts its own comparisons: no run writes it."""
    if result["code"] not in _BY_LIMITS or result["status"] != Status.PASS:
        return
    contradiction = _contradiction(result["comparisons"])
    if contradiction:
        raise UsageError(
            f"{clean(result['code'], 20)} passed but {contradiction}: the report was edited",
            expected="a report as kcheck wrote it",
            fix="run kcheck again",
        )


def _contradiction(pairs: Sequence[Mapping[str, Any]]) -> str | None:
    """Why these comparisons cannot make a pass, None if they can."""
    if not pairs:
        return "has no comparison"
    if any(pair.get("within") is False for pair in pairs):
        return "has a comparison beyond its limit"
    return None if all(map(_is_measured, pairs)) else "has a comparison without measurements"


def _is_measured(stored: Mapping[str, Any]) -> bool:
    """Whether something was compared, and its difference is possible."""
    pair = read_comparison(stored)
    return pair.elements > 0 and pair.rows > 0 and pair.max_abs >= 0


def _rechecked(
    result: Mapping[str, Any], document: Mapping[str, Any], policy: _Limits | None
) -> dict[str, Any]:
    is_kept = (
        result["code"] not in _BY_LIMITS | _BY_LIMITS_AND_MORE
        or result["status"] in (Status.SKIP, Status.ERROR)
        or not result["comparisons"]
    )
    if policy is None or is_kept:
        return dict(result)
    pairs = [_rejudged(result["code"], pair, document, policy) for pair in result["comparisons"]]
    status, message = _new_verdict(result, pairs)
    return {**result, "comparisons": pairs, "status": str(status), "message": message}


def _new_verdict(result: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> tuple[Status, str]:
    """The verdict with the new limits; the previous one if limits did not decide it."""
    previous = Status(result["status"]), str(result["message"])
    status, message = _verdict_of_pairs(pairs)
    if status == previous[0]:
        return previous
    if previous[0] is Status.WARN and status is Status.PASS:
        return previous
    if previous[0] is Status.FAIL:
        if all(pair.get("within", True) for pair in result["comparisons"]):
            return previous
        if result["code"] in _BY_LIMITS_AND_MORE or result.get("reason"):
            return Status.ERROR, "within these limits, but the check asks more than that: run it again"
    return status, message


def _verdict_of_pairs(pairs: Sequence[Mapping[str, Any]]) -> tuple[Status, str]:
    beyond = [pair for pair in pairs if pair["within"] is False]
    if beyond:
        worst = max(beyond, key=lambda pair: read_comparison(pair).max_abs)
        difference = f"{read_comparison(worst).max_abs:.2g}"
        names = f"{worst['candidate']} differs from {worst['reference']}"
        return Status.FAIL, f"{names} by up to {difference}: {worst['reason']}"
    undecided = next((pair for pair in pairs if pair["within"] is None), None)
    if undecided is not None:
        return (
            Status.ERROR,
            f"the measurements of {undecided['candidate']} do not decide it: run it again with these limits",
        )
    comparisons = [read_comparison(pair) for pair in pairs]
    most = max(comparisons, key=flipped_share)
    if most.flipped:
        decisions = format_count(most.decisions, "decision")
        status = Status.FAIL if most.flipped > FLIPPED_SHARE * most.decisions else Status.WARN
        return status, f"within these limits, but {most.flipped} of {decisions} changed"
    return Status.PASS, "within these limits"


def _rejudged(
    code: str, stored: Mapping[str, Any], document: Mapping[str, Any], policy: _Limits
) -> dict[str, Any]:
    """One comparison with its new limit; `within` is None if it cannot be decided."""
    pair = read_comparison(stored)
    exact = (code, pair.candidate, pair.reference) in _ALWAYS_EXACT
    if policy == "calibrated":
        return {**stored, **_by_noise(pair, stored, document, exact)}
    stated = policy.stated_for(pair.output)
    if exact or (stated is None and not policy.exact):
        return dict(stored)
    if policy.exact:
        judgement = judge(NoiseEvidence(pair=pair), policy=Policy(exact=True))
        return {
            **stored,
            "within": judgement.within,
            "limit": 0.0,
            "origin": "exact",
            "measure": "greatest",
            "reason": judgement.reason,
        }
    assert stated is not None
    return {
        **stored,
        "within": _is_within(pair, stated),
        "limit": stated.atol + stated.rtol * pair.scale,
        "origin": "stated",
        "measure": "greatest",
        "reason": f"stated limit: atol {stated.atol:g} + rtol {stated.rtol:g} · |reference|",
    }


def _is_within(pair: Comparison, stated: UserLimit) -> bool | None:
    """Whether every element is within a limit that may grow with the reference.

    The largest differences and the worst rows decide it; None if they do not.
    """
    if pair.misshapen or pair.nonfinite:
        return False
    if pair.identical:
        return True
    most = stated.atol + stated.rtol * pair.scale
    if 0 < pair.scale <= most:
        return None  # zeros in place of every output would pass
    if pair.dtype != "string" and pair.max_abs <= stated.atol:
        return True
    if pair.max_abs > most or any(
        isinstance(worst.reference, float)
        and worst.distance > stated.atol + stated.rtol * abs(worst.reference)
        for worst in pair.worst
    ):
        return False
    # max_rel is relative to the greater of both values, the limit to the reference.
    return True if pair.max_rel < 1 and pair.max_rel / (1 - pair.max_rel) <= stated.rtol else None


def _by_noise(
    pair: Comparison, stored: Mapping[str, Any], document: Mapping[str, Any], exact: bool
) -> dict[str, Any]:
    calibration = as_mapping(document.get("calibration"))
    noise, rounded = (_of_output(calibration.get(name), pair.output) for name in ("noise", "rounded"))
    lifted = stored.get("lifted")
    float64_pair = read_comparison(lifted) if isinstance(lifted, dict) else None
    measured = NoiseEvidence(pair=pair, noise=noise, float64_pair=float64_pair, rounded=rounded)
    judgement = judge(measured, policy=Policy(), exact=exact)
    return {
        "within": judgement.within,
        "limit": judgement.limit.value,
        "origin": judgement.limit.origin,
        "measure": judgement.limit.measure,
        "reason": judgement.reason,
    }


def _of_output(stored: object, output: str) -> Comparison | None:
    pairs = stored if isinstance(stored, list) else []
    return next(
        (read_comparison(pair) for pair in pairs if isinstance(pair, dict) and pair.get("output") == output),
        None,
    )


def rechecked_report(
    document: Mapping[str, Any], rechecked: Iterable[RecheckedResult], fail_on: Literal["fail", "warn"]
) -> dict[str, Any]:
    """Return the report with new results, verdict, exit code and remaining diagnoses."""
    results = [each.result for each in rechecked]
    verdicts = [
        Verdict(status=Status(result["status"]), message="", code=result["code"]) for result in results
    ]
    report = replace(
        Report(version="", verdicts=verdicts, model=Source(path=""), data=Source(path=""), fail_on=fail_on),
        lost=_lost(document),
        required=[str(code) for code in document.get("required") or ()],
        exit_zero=document.get("exit_zero") is True,
    )
    open_codes = {verdict.code for verdict in verdicts if verdict.status in (Status.FAIL, Status.WARN)}
    diagnoses = [
        diagnosis
        for diagnosis in document.get("diagnoses") or ()
        if open_codes & set(as_mapping(diagnosis).get("explains") or ())
    ]
    return {
        **document,
        "verdict": report.outcome,
        "exit_code": report.exit_code,
        "fail_on": fail_on,
        "results": results,
        "diagnoses": diagnoses,
    }


def _lost(document: Mapping[str, Any]) -> list[str]:
    """What takes the verdict away: lost workers, and required checks without a result."""
    codes = {result["code"] for result in document["results"]}
    missing = [str(code) for code in document.get("required") or () if str(code) not in codes]
    return [
        *map(str, document.get("lost") or ()),
        *(f"{clean(code, 20)} is required but not among the results" for code in missing),
    ]
