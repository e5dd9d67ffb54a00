"""Proofs: what shows that a cause is the cause, beyond its signature. Each looks at evidence alone and answers None where nothing was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.analysis.served_rows import find_mistakes
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.signatures import changed, differs
from keras_consistency_cli.measurement.rounding import MAX_FACTOR, PLAUSIBLE_FACTOR

__all__ = [
    "Proof",
    "Prove",
    "amplified",
    "cast_by_hand",
    "eager_shows_nan",
    "either",
    "held",
    "mask_put_back",
    "masks_restored",
    "neighbours_have_no_effect",
    "nonfinite_zeroed",
    "other_value_of_state",
    "plain_predict",
    "replayed",
    "reset",
    "restored",
    "retraced",
    "seen",
    "stepwise_copy_agrees",
    "unproven",
]

_NAMED = 3
_GONE = 1e-2
"""Of the symptom: what may be left where kernels of another kind answered, and so round differently."""
_SHARE = 1e-4
"""Of the greatest answer: what may be left where rows of another length were answered."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came of an attempt: whether the symptom went with the suspect, and a sentence that says so, without capital or full stop."""

    confirmed: bool
    told: str


Prove = Callable[[Evidence, Mapping[str, Verdict]], Proof | None]
"""Takes the evidence and the checks that failed or warned, by code."""


def either(*proofs: Prove) -> Prove:
    """Return the first of these that confirms, else the first that was tried at all."""

    def prove(evidence: Evidence, failing: Mapping[str, Verdict]) -> Proof | None:
        tried = [proof for each in proofs if (proof := each(evidence, failing)) is not None]
        return next((proof for proof in tried if proof.confirmed), tried[0] if tried else None)

    return prove


def unproven(told: str) -> Prove:
    """Return what is said of causes that nothing at hand could switch off, or where it was not: why it is not certain."""
    return lambda _evidence, _failing: Proof(confirmed=False, told=told)


def seen(told: str, *codes: str, finding: str = "", failed: bool = False) -> Prove:
    """Return a proof for causes that are what a check has read or counted itself.

    Args:
        told: what was seen.
        codes: the checks that see it.
        finding: what must be among their findings and not be empty; any finding of theirs will do without.
        failed: whether a warning of theirs is not enough.
    """

    def prove(_evidence: Evidence, failing: Mapping[str, Verdict]) -> Proof | None:
        verdicts = [
            failing[code]
            for code in codes
            if code in failing and (not failed or failing[code].status is Status.FAIL)
        ]
        there = any(not finding or each.findings.get(finding) for each in verdicts)
        return Proof(confirmed=True, told=told) if there else None

    return prove


def named(paths: Iterable[str]) -> str:
    """Layers in words: 'a', 'b' and 2 more."""
    every = [f"'{path}'" for path in paths]
    shown, more = every[:_NAMED], len(every) - _NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def held(route: str, how: str, gone: str) -> Prove:
    """Return a proof by patching.

    Args:
        route: the route that held the suspects.
        how: what was done to them, with {layers}.
        gone: what is then so.
    """

    def prove(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
        found = evidence.details(route)
        if "left" not in found:
            return None
        if found["left"] is None:
            told = f"no layer does it: the inputs of one differ although all before agree, so it is in the call() of {found['own_code']} itself"
            return Proof(confirmed=False, told=told)
        action = how.format(layers=named(found["held"]))
        if found["left"] == 0 or _rounding_only(evidence, found):
            bits = "" if found["left"] == 0 else f" but for rounding ({found['left']:.1e})"
            return Proof(confirmed=True, told=f"{action}, {gone}{bits}")
        further = f", '{found['then']}' differs next" if found.get("then") else ""
        return Proof(
            confirmed=False,
            told=f"{action}, {found['left']:.2g} of {found['before']:.2g} is left{further}: it is not the only one",
        )

    return prove


def _rounding_only(evidence: Evidence, found: Mapping[str, Any]) -> bool:
    """What kernels in varying order leave, on accelerators."""
    noise = max((each.max_abs for each in evidence.noise.values()), default=0.0)
    return bool(0 < found["left"] <= min(MAX_FACTOR * noise, _GONE * found["before"]))


def nonfinite_zeroed(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """NaN and infinity replaced where they arise."""
    found = evidence.details("hold-nonfinite")
    if "left" not in found or not found["before"]:
        return None
    action = f"with what is not finite replaced by 0 behind {named(found['held'])}"
    if found["left"] == 0:
        return Proof(confirmed=True, told=f"{action}, every answer is finite")
    return Proof(
        confirmed=False,
        told=f"{action}, {found['left']} of {found['before']} values are still NaN or infinite",
    )


def masks_restored(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """The mask put back where it ends."""
    found = evidence.details("hold-masks")
    if "left" not in found:
        return None
    action = f"with the mask restored at {named(found['held'])}"
    if found["left"] <= min(_SHARE * found["scale"], _GONE * found["before"]):
        return Proof(confirmed=True, told=f"{action}, padding changes nothing")
    return Proof(
        confirmed=False,
        told=f"{action}, padding still moves answers by {found['left']:.2g} (by {found['before']:.2g} without)",
    )


def mask_put_back(_evidence: Evidence, failing: Mapping[str, Verdict]) -> Proof | None:
    """The mask put back where it ends, at the one length that the model takes."""
    found = failing["KC504"].findings if "KC504" in failing else {}
    if not found.get("restored"):
        return None
    told = f"with the mask put back behind {named(found['restored'])}, and not a number changed there, answers move by {found['restored_moves']:.2g}"
    return Proof(confirmed=True, told=f"{told} of the greatest")


def plain_predict(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Predict as Keras has it, without the class's own."""
    found = evidence.details("plain-predict")
    if "left" not in found:
        return None
    noise = max((each.max_abs for each in evidence.noise.values()), default=0.0)
    names = ", ".join(evidence.facts.overridden)
    if found["left"] <= max(MAX_FACTOR * noise, 1e-6 * found["scale"]) and found["left"] < found["before"]:
        return Proof(confirmed=True, told=f"with Keras's own {names}, predict gives what model(x) gives")
    return Proof(
        confirmed=False,
        told=f"with Keras's own {names}, predict and model(x) are still {found['left']:.2g} apart",
    )


def reset(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Two predicts, with states reset in between and without."""
    pairs = evidence.comparisons.get(("predict-reset", "predict"), ())
    if not pairs or not differs(evidence, "predict-again"):
        return None
    if all(each.identical for each in pairs):
        return Proof(
            confirmed=True,
            told="with states reset in between, a second predict gives the first one's bits; without, it does not",
        )
    return Proof(
        confirmed=False,
        told="a reset of all states does not bring the first answers back: something else is kept too",
    )


def restored(*kinds: str) -> Prove:
    """Return a proof by putting back what predict changed: the same batch, run twice from the same variables, gives the same bits."""

    words = {"seed": "random seeds", "state": "states", "weight": "variables"}

    def prove(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
        found = evidence.details("companions")
        if (
            not changed(evidence, *kinds)
            or not differs(evidence, "predict-again")
            or "deterministic" not in found
        ):
            return None
        what = " and ".join(words[kind] for kind in kinds if changed(evidence, kind))
        if found["deterministic"]:
            return Proof(
                confirmed=True,
                told=f"from the same {what}, two runs give the same bits; left as they are, they do not",
            )
        return Proof(
            confirmed=False, told=f"from the same {what}, two runs still differ: something else moves too"
        )

    return prove


def retraced(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Answers that repeat until predict is traced, or the file is loaded, anew."""
    again = evidence.comparisons.get(("predict-again", "predict"), ())
    if not again or differs(evidence, "predict-again"):
        return None
    for route, when in (
        ("predict-retraced", "predict is traced anew"),
        ("fresh-process", "a fresh process loads the file"),
    ):
        if differs(evidence, route):
            return Proof(
                confirmed=True, told=f"answers repeat bit for bit until {when}, and then they are others"
            )
    return None


def neighbours_have_no_effect(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Neighbours switched, size and place kept: nothing moves, so that these two are what counts."""
    pairs = evidence.comparisons.get(("companions", "companions-baseline"), ())
    if not pairs or not all(each.identical for each in pairs):
        return None
    return Proof(
        confirmed=True,
        told="at the same size and place, other neighbours leave every bit as it was; another size or place does not",
    )


def eager_shows_nan(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """The same rows through kernels that are not fused."""
    pairs = evidence.comparisons.get(("call", "predict"), ())
    shown = sum(each.nonfinite_candidate - each.nonfinite_reference for each in pairs)
    if shown <= 0:
        return None
    return Proof(
        confirmed=True,
        told=f"called eagerly, without fused kernels, the same rows give {shown} values of NaN or infinity more",
    )


def cast_by_hand(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """The rows cast before the call, and not."""
    cast = evidence.comparisons.get(("call", "predict"), ())
    given = evidence.comparisons.get(("call-as-given", "call"), ())
    lost = evidence.details("rows").get("lost_in_cast")
    if lost:
        return Proof(
            confirmed=True, told=f"{sum(lost.values())} whole numbers come back from float32 as others"
        )
    if not cast or all(each.identical for each in given):
        return None
    furthest, close = max(each.max_abs for each in given), max(each.max_abs for each in cast)
    if close <= _GONE * furthest:
        return Proof(
            confirmed=True, told="with the rows cast to float32 by hand, model(x) gives what predict gives"
        )
    return Proof(
        confirmed=False,
        told=f"with the rows cast to float32 by hand, model(x) is still {close:.2g} from predict",
    )


def replayed(slug: str) -> Prove:
    """Return a proof by making the mistake again: the saved scaler, misused that way, gives the served rows."""

    def prove(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
        found = find_mistakes(evidence) or ()
        mine = sum(each.columns for each in found if each.cause == slug)
        other = sum(each.columns for each in found if each.cause != slug)
        if not mine:
            return None
        rest = f"; {other} more are wrong in another way" if other else ""
        columns = "1 column" if mine == 1 else f"{mine} columns"
        return Proof(
            confirmed=True,
            told=f"the same mistake made on purpose gives the served rows back, value by value, in {columns}{rest}",
        )

    return prove


def other_value_of_state(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Another value given to a variable that no file holds."""
    loose = evidence.details("reloaded").get("untracked", ())
    if not loose:
        return None
    return Proof(
        confirmed=True,
        told=f"with another value of {', '.join(loose[:_NAMED])}, which no file holds, the same rows get other answers",
    )


def amplified(_evidence: Evidence, failing: Mapping[str, Verdict]) -> Proof | None:
    """A change of the size of rounding made where nothing rounds, or rounding put back layer by layer."""
    factors = failing["KC604"].findings.get("amplification", {}) if "KC604" in failing else {}
    if factors and failing["KC604"].findings.get("cause") == "ill-conditioned":
        told = f"in float64, where nothing rounds, a change of 1e-7 comes out {max(factors.values()):.1e} times as large"
        return Proof(confirmed=True, told=told)
    beyond = failing["KC602"].findings.get("excess", 0.0) if "KC602" in failing else 0.0
    if 0 < beyond <= PLAUSIBLE_FACTOR:
        return Proof(
            confirmed=True,
            told=f"rounding put into the float64 copy layer by layer takes it as far (predict is {beyond:.2g} × that away)",
        )
    return None


def stepwise_copy_agrees(evidence: Evidence, _failing: Mapping[str, Verdict]) -> Proof | None:
    """Single steps through a copy that carries its state, or later steps replaced."""
    found = evidence.details("steps")
    twin, future = found.get("twin"), found.get("future") or 0.0
    if isinstance(twin, float) and twin <= _SHARE:
        return Proof(
            confirmed=True,
            told="a copy that carries its state, fed the same single steps, gives the answers of the whole sequence",
        )
    if future > _SHARE:
        return Proof(confirmed=True, told=f"with later steps replaced, earlier answers move by {future:.0%}")
    return None
