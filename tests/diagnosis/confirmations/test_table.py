"""Each cause is confirmed by its own test; docs/diagnosis.md lists the same texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.causes.targets.backends import BACKEND_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.endpoints import ENDPOINT_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.exports import EXPORT_CAUSES
from keras_consistency_cli.diagnosis.confirmations.table import CONFIRMATIONS, confirm
from keras_consistency_cli.diagnosis.diagnose import confirming_routes, diagnose
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import RAW_ROWS
from keras_consistency_cli.routes.registry import CONFIRMING_ROUTES
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.padding_places import LEAK, MOVED, PLACES, REVERSED, WRONG_MASK

PAGE = Path(__file__).resolve().parents[3] / "docs" / "diagnosis.md"

REMOVED = {"held": ["a", "b/c"], "before": 0.3, "left": 0.0}
LEFT = {"held": ["a"], "before": 0.3, "left": 0.2, "then": "d"}
OWN = {"held": [], "before": 0.3, "left": None, "own_code": "Net"}
SERVED_BATCHES = {
    "kind": "refit-batches",
    "columns": [0, 1],
    "batch": 32,
    "off": 2.0,
    "factor": 0.0,
    "shift": 0.0,
}


def served(*kinds: str, hits: tuple[int, ...] = ()) -> dict[str, Any]:
    """The result of the served route if each of these mistakes affects two columns.

    With `hits`, they affect the same two columns, in so many rows each.
    """
    places = [[0, 1] if hits else [2 * number, 2 * number + 1] for number in range(len(kinds))]
    mistakes = [
        {**SERVED_BATCHES, "kind": kind, "columns": columns}
        for kind, columns in zip(kinds, places, strict=True)
    ]
    mistakes = [
        {**each, **({"hit": hits[number], "first": [0], "last": 8, "every": 0} if hits else {})}
        for number, each in enumerate(mistakes)
    ]
    return {
        "located": {
            "served": {"inputs": {"x": {"mistakes": mistakes, "features": 6, "rows": 9, "wrong_rows": 9}}}
        }
    }


def pair(
    candidate: str, reference: str, *, difference: float = 0.0, nan: bool = False
) -> dict[tuple[str, str], tuple[Comparison, ...]]:
    """A comparison of two routes whose outputs differ in one row."""
    changed, expected = np.ones((16, 1), np.float32), np.ones((16, 1), np.float32)
    changed[3] = np.nan if nan else changed[3] + difference
    return {
        (candidate, reference): (
            compare(
                (candidate, reference),
                RowOutputs(outputs={"out": changed}),
                RowOutputs(outputs={"out": expected}),
            )[0],
        )
    }


def measured(route: str, details: dict[str, Any]) -> dict[str, Any]:
    return {"located": {route: details}}


SEED = {"changed": {"predict": ("drop/seed", "seed")}, "differing": ("predict-again",)}
REPEATS, VARIES = (
    {"located": {"companions": {"deterministic": True}}},
    {"located": {"companions": {"deterministic": False}}},
)
COUNT = {"changed": {"predict": ("count", "weight")}, "differing": ("predict-again",)}
ILL = {"KC604": {"cause": "ill-conditioned", "amplification": {"inputs": 3e6}}}

PLAIN = {
    "located": {"plain-predict": {"before": 1.0, "left": 0.0, "scale": 2.0}},
    "overridden": ("predict_step",),
}
CAST = {"pairs": {**pair("call", "predict"), **pair("call-as-given", "call", difference=0.5)}}
MISCAST = {
    "pairs": {**pair("call", "predict", difference=0.4), **pair("call-as-given", "call", difference=0.5)}
}
UNRESET = {"differing": ("predict-again",), "pairs": pair("predict-reset", "predict", difference=0.1)}

RAISED = {"layer": "norm", "raised": ["norm"], "lost_before": 5, "lost": 0, "off_before": 0.2, "off": 1e-4}
COARSE = {
    "shares": [{"layer": "head", "share": 0.4}, {"layer": "first", "share": 0.1}],
    "in_floats": ["head"],
    "before": 0.41,
    "after": 0.1,
}
REPLACED = {"saved": 0.0, "fitted": 0.99, "columns": 2}
IN_FLOATS = {
    "dequantised": ["steps/dense"],
    "before": 900.0,
    "after": 0.7,
    "beyond_before": 0.0,
    "beyond_after": 0.0,
}


def in_float64(left: float) -> Judged:
    """A pair that differs on the float64 copy by this much."""
    (comparison,) = pair("shuffled", "predict", difference=left)[("shuffled", "predict")]
    limit = Limit(value=left / 10, origin="calibrated", measure="float64")
    return Judged(comparison=comparison, limit=limit, within=False, float64_pair=comparison)


def without_noise(left: float, difference: float = 0.4) -> Judged:
    """A pair that differs, of a model whose noise is unknown; in float64 it differs by `left`."""
    (comparison,) = pair("shuffled", "predict", difference=difference)[("shuffled", "predict")]
    (in_copy,) = pair("shuffled", "predict", difference=left)[("shuffled", "predict")]
    limit = Limit(value=1e-5, origin="fallback")
    return Judged(comparison=comparison, limit=limit, within=False, float64_pair=in_copy)


def nonfinite() -> Judged:
    """A pair with NaN on one side."""
    (comparison,) = pair("without-onednn", "predict", nan=True)[("without-onednn", "predict")]
    return Judged(comparison=comparison, limit=Limit(value=0.0, origin="exact"), within=False)


LATER = {"calls": 20, "moved": 4.5, "with_flag": 0.0, "restored": 0.0, "depends": True, "layer": "a"}

CONFIRMED: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", measured("hold-copies", REMOVED), {"KC801": {}}),
    ("untracked-state", measured("reloaded", {"untracked": ["odd.v"]}), {"KC801": {}}),
    ("weights-not-saved", measured("reloaded", {"unsaved": [{"layer": "odd"}]}), {"KC801": {}}),
    ("training-state-unreadable", {}, {"KC801": {"failure": "shapes"}}),
    ("config-loses-arguments", measured("hold-copies", REMOVED), {"KC801": {}}),
    ("config-loses-arguments", {}, {"KC801": {"forgotten": [{"layer": "odd"}]}}),
    ("config-loses-arguments", {}, {"KC801": {"failure": "TypeError: no"}}),
    ("batch-statistics-in-inference", measured("hold-companions", REMOVED), {"KC103": {}}),
    ("cross-sample-dependence", measured("hold-companions", REMOVED), {"KC103": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline")},
        {"KC102": {"judged": (in_float64(1e-6),)}},
    ),
    ("batch-size-dependence", {}, {"KC102": {"refused": ["batch-2"]}}),
    (
        "state-carry-over",
        {"differing": ("predict-again",), "pairs": pair("predict-reset", "predict")},
        {"KC502": {}},
    ),
    ("state-carry-over", measured("hold-repeat", REMOVED), {"KC203": {}}),
    ("active-randomness", measured("hold-repeat", REMOVED), {"KC203": {}}),
    ("active-randomness", {**SEED, **REPEATS}, {"KC203": {}}),
    ("hidden-state", measured("hold-repeat", REMOVED), {"KC203": {}}),
    ("hidden-state", {**COUNT, **REPEATS}, {"KC203": {}}),
    ("hidden-state", {"differing": ("predict-retraced",)}, {"KC203": {}}),
    ("untracked-state", {"differing": ("fresh-process",)}, {"KC203": {}}),
    ("training-flag-default", measured("hold-training", REMOVED), {"KC202": {}}),
    ("state-batch-mismatch", {}, {"KC102": {"given": 9, "output_rows": {"out": 12}}}),
    ("outputs-not-per-sample", {}, {"KC102": {"output_rows": {"out": 1}}}),
    ("nan-hidden", {"pairs": pair("call", "predict", nan=True)}, {"KC701": {"hidden": {"out": 1}}}),
    ("non-finite-input", measured("locate-nonfinite", {"finite_rows": 8}), {"KC701": {"rows": {"x": 1}}}),
    (
        "non-finite-output",
        measured("hold-nonfinite", {"held": ["log"], "before": 4, "left": 0}),
        {"KC701": {}},
    ),
    ("non-finite-output", {}, {"KC701": {"weights": ["w"]}}),
    ("predict-overridden", PLAIN, {"KC201": {}}),
    ("eager-differs", {}, {"KC204": {}}),
    ("dtype-cast", CAST, {"KC201": {"cast": True}}),
    ("dtype-cast", {}, {"KC201": {"lost": {"x": {"given": 16777217.0, "becomes": 16777216.0}}}}),
    ("preprocess-row-dependence", {}, {"KC302": {}}),
    ("preprocess-unrepeatable", {}, {"KC302": {}}),
    ("scaler-refit", served("refit-batches"), {"KC301": {}}),
    ("scaler-missing", served("unscaled"), {"KC301": {}}),
    ("scaler-applied-twice", served("scaled-twice", "unknown"), {"KC301": {}}),
    ("scaling-step-skipped", served("without-step:log"), {"KC301": {}}),
    ("gaps-filled-otherwise", served("filled:0"), {"KC301": {}}),
    ("feature-order", served("other-columns"), {"KC301": {}}),
    ("feature-order", {}, {"KC304": {"fitted": ["a", "b"]}}),
    ("scaled-in-low-precision", served("float16-first"), {"KC305": {}}),
    ("input-mutated", {}, {"KC402": {}}),
    ("scaler-version", {}, {"KC304": {}}),
    ("wrong-rank", {}, {"KC501": {}}),
    ("wrong-length", {}, {"KC501": {}}),
    ("wrong-features", {}, {"KC501": {}}),
    ("axes-swapped", {}, {"KC501": {"refused": True}}),
    ("wrong-ids", {}, {"KC501": {}}),
    ("mask-lost", measured("hold-masks", {**REMOVED, "scale": 1.0}), {"KC504": {}}),
    ("fully-masked-row", {}, {"KC504": {}}),
    ("stepwise-differs", measured("steps", {"twin": 1e-7, "future": 0.0}), {"KC503": {}}),
    ("stepwise-differs", measured("steps", {"future": 0.5}), {"KC503": {}}),
    ("state-not-carried", {}, {"KC502": {}}),
    ("time-distributed-dynamic", {}, {"KC501": {}}),
    ("recorded-in-other-form", {}, {"KC802": {"forms": {"out": "sorted"}}}),
    ("kernel-dependent", {}, {"KC605": {"judged": (nonfinite(),)}}),
    ("low-precision", measured("raise-precision", RAISED), {"KC603": {}}),
    ("overflow-in-float16", measured("raise-precision", RAISED), {"KC701": {}}),
    ("low-precision", {}, {"KC602": {"operations": ["m/Cast (Cast, float16)"]}}),
    (
        "low-precision",
        measured("raise-precision", {**RAISED, "layer": "waves", "raised": ["minutes", "waves"]}),
        {"KC603": {}},
    ),
    ("rounding", {}, {"KC101": {}}),
    ("ill-conditioned", {}, ILL),
    ("ill-conditioned", {}, {"KC602": {"excess": 1.4}}),
    ("near-ties", {}, {"KC604": {"cause": "near-ties"}}),
    ("ids-rounded", {}, {"KC501": {}}),
    ("codes-refit", served("relabelled"), {"KC301": {}}),
    ("input-order", {"orders": {"surplus": {"left": "extra"}}}, {"KC501": {}}),
    ("mask-lost", measured("unpadded", {"leak": LEAK}), {"KC504": {}}),
    ("positions-count-padding", measured("unpadded", {"leak": PLACES}), {"KC504": {}}),
    ("padding-moved", measured("unpadded", {"moved": MOVED}), {"KC504": {}}),
    ("scaler-applied-twice", served("scaled-twice", "unknown", hits=(40, 1)), {"KC301": {}}),
    ("padding-side", served("padding-side:x"), {"KC301": {}}),
    ("images-turned", served("images-turned:rotated by 90 degrees", "unknown"), {"KC301": {}}),
    ("values-inverted", served("inverted:with the opposite sign"), {"KC301": {}}),
    ("time-shift", served("turned:30", "unknown"), {"KC301": {}}),
    ("row-order", served("rows-reordered"), {"KC301": {}}),
    ("normalization-not-finite", {}, {"KC401": {}}),
    ("function-misapplied", served("function:log1p"), {"KC301": {}}),
    (
        "nan-hidden",
        measured("locate-hidden-nan", {"layer": "pool", "nan_rows": 2}),
        {"KC701": {"rows": {"x": 1}}},
    ),
    ("quantisation-broken", measured("dequantise-layers", IN_FLOATS), {"KC606": {}}),
    ("quantisation-coarse", {}, {"KC606": {}}),
    ("features-not-filled", served("constant"), {"KC301": {}}),
    ("weights-not-loaded", measured("reloaded", {"unsaved": [{"layer": "odd"}]}), {"KC801": {}}),
    ("unknown-words", {}, {"KC501": {"tried": True}}),
    ("mask-misplaced", measured("unpadded", {"leak": REVERSED}), {"KC504": {}}),
    ("mask-misplaced", measured("unpadded", {"leak": WRONG_MASK}), {"KC504": {}}),
    ("row-order", served("late:the row before"), {"KC301": {}}),
    ("layers-created-in-call", measured("locate-created", {"layer": "odd"}), {"KC801": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline")},
        {"KC104": {"judged": (without_noise(0.5),)}},
    ),
    ("codes-refit", served("encoded-by-row"), {"KC301": {}}),
    ("sampled-differently", served("resampled:cut 1 time step later"), {"KC301": {}}),
    ("scaled-by-own-statistics", served("own-statistics:range of each row"), {"KC301": {}}),
    ("feature-order", {}, {"KC304": {"reference": ["a", "b"]}}),
    ("recorded-from-other-rows", {}, {"KC802": {"rows": "rows divided by 255"}}),
    ("quantisation-coarse", measured("coarse-layers", COARSE), {"KC606": {}}),
    ("integer-overflow", {}, {"KC704": {}}),
    ("overflow-in-float16", {}, {"KC401": {"cause": "overflow-in-float16"}}),
    ("seed-differs-under-xla", measured("locate-xla-numbers", {"plain": 0.5, "left": 1e-7}), {"KC204": {}}),
    ("constants-combined", {}, {"KC201": {}}),
    (
        "overflow-in-float16",
        measured(
            "raise-precision",
            {"layer": "rms", "raised": ["rms"], "lost_before": 0, "off_before": 0.6, "off": 1e-4},
        ),
        {"KC701": {"cause": "overflow-in-float16"}},
    ),
    ("batch-norm-statistics", {}, {"KC404": {"initial_share": 0.95}}),
    ("training-flag-default", {"located": {"bare-call": LATER}}, {"KC202": {}}),
    ("input-order", served("other-input:the rows of input 'right'"), {"KC301": {}}),
    ("codes-refit", served("lost-categories:0"), {"KC301": {}}),
    ("scaler-foreign", served("not-divided"), {"KC301": {}}),
    ("scaler-stale", measured("scaler-of-reference", REPLACED), {"KC304": {"unfit": {"speed": 3000.0}}}),
    ("clock-read", measured("hold-clock", {"held": 0.0, "moved": 0.5}), {"KC203": {}}),
    ("padding-unmasked", served("padding-changed:-7.1 in the padding in place of 0"), {"KC301": {}}),
    ("scaler-foreign", served("other-unit:°F in place of °C"), {"KC301": {}}),
    ("recorded-with-other-weights", {}, {"KC802": {"weights": "averages"}}),
    ("recorded-in-training-mode", {}, {"KC802": {"training": True}}),
    ("scaler-applied-twice", {}, {"KC303": {}, "KC802": {"rows": RAW_ROWS}}),
    ("scaler-applied-twice", {}, {"KC303": {"served": {"twice": 1.0}, "cause": "scaler-applied-twice"}}),
    ("scaler-missing", {}, {"KC303": {"served": {"raw": 1.0}, "cause": "scaler-missing"}}),
]

LIKELY: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", measured("hold-copies", LEFT), {"KC801": {}}),
    ("cross-sample-dependence", measured("hold-companions", LEFT), {"KC103": {}}),
    ("cross-sample-dependence", measured("hold-companions", OWN), {"KC103": {}}),
    ("state-carry-over", UNRESET, {"KC502": {}}),
    ("active-randomness", {**SEED, **VARIES}, {"KC203": {}}),
    ("training-flag-default", measured("hold-training", LEFT), {"KC202": {}}),
    ("state-batch-mismatch", {}, {"KC502": {}}),
    ("nan-hidden", {"pairs": pair("call", "predict", difference=0.1)}, {"KC701": {"hidden": {"out": 1}}}),
    (
        "non-finite-output",
        measured("hold-nonfinite", {"held": ["log"], "before": 4, "left": 3}),
        {"KC701": {}},
    ),
    (
        "predict-overridden",
        measured("plain-predict", {"before": 1.0, "left": 0.5, "scale": 2.0}),
        {"KC201": {}},
    ),
    ("dtype-cast", MISCAST, {"KC201": {}}),
    ("preprocess-row-dependence", {}, {"KC301": {}}),
    ("scaler-refit", served("unknown"), {"KC301": {}}),
    ("scaler-missing", {}, {"KC303": {}}),
    ("scaler-applied-twice", {}, {"KC303": {}}),
    ("feature-order", {}, {"KC301": {}}),
    ("gaps-filled-otherwise", {}, {"KC702": {}}),
    ("scaled-in-low-precision", {}, {"KC305": {}}),
    ("scaler-foreign", served("another-scaler"), {"KC301": {}}),
    ("normalization-stale", {}, {"KC401": {}}),
    ("normalization-unadapted", {}, {"KC401": {}}),
    ("normalized-twice", {}, {"KC402": {}}),
    ("batch-norm-statistics", {}, {"KC404": {}}),
    ("outputs-stuck", {}, {"KC703": {}}),
    ("target-scaler-foreign", {}, {"KC802": {}}),
    ("feature-order", served("nearly-moved"), {"KC301": {}}),
    ("input-range", {}, {"KC402": {}}),
    ("scaler-stale", {}, {"KC304": {}}),
    ("distribution-shift", {}, {"KC702": {}}),
    ("axes-swapped", {}, {"KC501": {}}),
    ("input-order", {}, {"KC501": {}}),
    ("mask-lost", measured("hold-masks", {**LEFT, "scale": 1.0}), {"KC504": {}}),
    ("mask-lost", {}, {"KC504": {}}),
    ("padding-unmasked", {}, {"KC504": {}}),
    ("stepwise-differs", measured("steps", {"twin": 0.3, "future": 0.0}), {"KC503": {}}),
    ("answers-moved", {}, {"KC802": {}}),
    ("device-precision", {}, {"KC601": {}}),
    ("low-precision", {}, {"KC602": {"operations": []}}),
    ("low-precision", measured("raise-precision", {**RAISED, "off": 0.15}), {"KC602": {"operations": []}}),
    ("overflow-in-float16", measured("raise-precision", {**RAISED, "lost": 3}), {"KC701": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline")},
        {"KC102": {"moved": (3,)}},
    ),
    ("kernel-dependent", {}, {"KC605": {"moved": (3,)}}),
    ("rounding", {}, {"KC204": {"moved": (3,)}}),
    ("non-finite-input", measured("locate-nonfinite", {"layer": "log"}), {"KC701": {"rows": {"x": 1}}}),
    ("mask-lost", measured("unpadded", {"leak": {**LEAK, "left": 0.2}}), {"KC504": {}}),
    ("positions-count-padding", measured("unpadded", {"leak": {**PLACES, "left": 0.2}}), {"KC504": {}}),
    ("padding-moved", measured("unpadded", {"moved": {**MOVED, "left": 0.2}}), {"KC504": {}}),
    ("padding-moved", measured("unpadded", {"moved": {**MOVED, "left": None}}), {"KC504": {}}),
    ("non-finite-input", measured("locate-nonfinite", {"finite_rows": 0}), {"KC701": {"rows": {"x": 1}}}),
    ("non-finite-input", {}, {"KC701": {"rows": {"x": 1}}}),
    ("feature-order", served("other-columns", "unknown", hits=(6, 3)), {"KC301": {}}),
    ("padding-side", served("padding-side:x", "unknown", hits=(6, 3)), {"KC301": {}}),
    ("scaled-in-low-precision", {}, {"KC305": {"stored": {"column": "time"}}}),
    ("function-misapplied", served("function:log1p", "unknown", hits=(6, 3)), {"KC301": {}}),
    ("quantisation-broken", measured("dequantise-layers", {**IN_FLOATS, "after": 60.0}), {"KC606": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline"), **measured("predict-float64", {})},
        {"KC102": {"moved": (3,)}},
    ),
    ("unknown-words", {}, {"KC501": {"tried": False}}),
    ("mask-misplaced", measured("unpadded", {"leak": {**REVERSED, "left": 0.2}}), {"KC504": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline")},
        {"KC104": {"judged": (without_noise(1e-9),)}},
    ),
    ("sampled-differently", served("nearly-resampled:x"), {"KC301": {}}),
    ("scaler-refit", served("refit-first", "unknown", "unknown"), {"KC301": {}}),
    ("training-flag-default", {"located": {"bare-call": {**LATER, "restored": 0.5}}}, {"KC202": {}}),
    (
        "scaler-stale",
        measured("scaler-of-reference", {**REPLACED, "fitted": 0.4}),
        {"KC304": {"unfit": {"speed": 3000.0}}},
    ),
    ("scaler-foreign", served("not-divided", "another-scaler"), {"KC301": {}}),
    ("input-order", served("other-input:the rows of input 'right'", "unknown", hits=(6, 3)), {"KC301": {}}),
    ("scaler-stale", {}, {"KC304": {"unfit": {"speed": 3000.0}}}),
    (
        "batch-size-dependence",
        {
            **measured("companions-float64", {"deterministic": False}),
            "pairs": pair("companions", "companions-baseline"),
        },
        {"KC102": {"judged": (in_float64(1e-6),)}},
    ),
    ("clock-read", measured("hold-clock", {"held": 0.1, "moved": 0.5}), {"KC203": {}}),
    ("clock-read", measured("hold-clock", {"held": 0.0, "moved": 0.0}), {"KC203": {}}),
    ("low-precision", {}, {"KC603": {}}),
    ("recorded-in-other-form", {}, {"KC802": {"functions": {"out": "a range"}}}),
    ("recorded-in-training-mode", {}, {"KC802": {"training": False}}),
    ("scaler-refit", {}, {"KC303": {"served": {"raw": 1.0}, "cause": "scaler-missing"}}),
    ("scaler-applied-twice", {}, {"KC303": {}, "KC802": {"rows": "rows divided by 255"}}),
]

UNTRIED: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", {}, {"KC801": {}}),
    ("weights-not-saved", {}, {"KC801": {}}),
    ("config-loses-arguments", {}, {"KC801": {}}),
    ("batch-statistics-in-inference", {}, {"KC103": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline", difference=1e-6)},
        {"KC102": {}},
    ),
    ("state-carry-over", {"pairs": pair("predict-reset", "predict")}, {"KC502": {}}),
    ("active-randomness", SEED, {"KC203": {}}),
    ("hidden-state", {}, {"KC203": {}}),
    ("outputs-not-per-sample", {}, {"KC102": {}}),
    ("ill-conditioned", {}, {"KC602": {"excess": 40.0}}),
    ("ill-conditioned", {}, {"KC602": {"excess": 5.0}}),
    ("overflow-in-float16", {}, {"KC701": {}}),
    ("weights-not-loaded", {}, {"KC801": {}}),
    ("layers-created-in-call", {}, {"KC801": {}}),
    ("recorded-from-other-rows", {}, {"KC802": {"rows": ""}}),
    ("clock-read", {}, {"KC203": {}}),
    ("recorded-with-other-weights", {}, {"KC802": {"weights": ""}}),
]


def result_of(
    evidence: Any, verdict: Any, cause: str, known: dict[str, Any], failed: dict[str, dict[str, Any]]
) -> Any:
    bare = evidence(**{key: value for key, value in known.items() if key not in ("pairs", "orders")})
    data = replace(bare.data, input_orders=known.get("orders", {}))
    full = replace(bare, comparisons={**bare.comparisons, **known.get("pairs", {})}, data=data)
    verdicts = {}
    for code, findings in failed.items():
        judged = findings.get("judged", ())
        plain = verdict(code, **{key: value for key, value in findings.items() if key != "judged"})
        verdicts[code] = replace(plain, judged=judged) if judged else plain
    return confirm(cause, full, verdicts)


def cases(
    rows: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]],
) -> pytest.MarkDecorator:
    """One test per row, named after its cause, its codes and its place."""
    ids = [f"{cause}-{'-'.join(failed)}-{at}" for at, (cause, _, failed) in enumerate(rows)]
    return pytest.mark.parametrize(("cause", "known", "failed"), rows, ids=ids)


@cases(CONFIRMED)
def test_confirmed(
    evidence: Any,
    verdict: Any,
    wording: SnapshotAssertion,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
) -> None:
    result = result_of(evidence, verdict, cause, known, failed)
    assert result.confirmed
    assert result.explanation == wording


@cases(LIKELY)
def test_likely(
    evidence: Any,
    verdict: Any,
    wording: SnapshotAssertion,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
) -> None:
    result = result_of(evidence, verdict, cause, known, failed)
    assert not result.confirmed
    assert result.explanation == wording


@cases(UNTRIED)
def test_nothing_was_tried(
    evidence: Any, verdict: Any, cause: str, known: dict[str, Any], failed: dict[str, dict[str, Any]]
) -> None:
    assert result_of(evidence, verdict, cause, known, failed) is None


def test_every_cause_is_tested_here() -> None:
    assert set(CONFIRMATIONS) == set(CAUSES)
    # Causes of exports are tested in tests/diagnosis/test_exports.py, those of backends in test_backends.py
    # next to it, those of services in tests/workers/endpoints.
    of_backends = {cause.slug for cause in BACKEND_CAUSES}
    of_exports = {cause.slug for cause in EXPORT_CAUSES} - {"export-layer-differs"}
    of_services = {cause.slug for cause in ENDPOINT_CAUSES} - {"endpoint-unrepeatable"}
    certain = {case[0] for case in CONFIRMED} | of_exports | of_services | of_backends
    likely = {case[0] for case in [*LIKELY, *UNTRIED]} | {"export-layer-differs", "endpoint-unrepeatable"}
    assert certain | likely == set(CAUSES)
    assert {
        slug for slug, confirmation in CONFIRMATIONS.items() if confirmation.how.startswith("not: ")
    } == set(CAUSES) - certain


def test_a_length_that_may_be_intended_is_not_certain(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    result = confirm("wrong-length", evidence(), {"KC501": verdict("KC501", Status.WARN)})
    assert result is not None
    assert not result.confirmed
    assert result.explanation == wording


@pytest.mark.parametrize(("bad", "confirmed"), [((1, 2), True), ((0, 1, 2, 3), False)])
def test_a_warning_of_rows_counts_those_that_predict_ran(
    evidence: Any, verdict: Any, bad: tuple[int, ...], confirmed: bool
) -> None:
    known = evidence()
    data = replace(known.data, nonfinite_rows={"x": bad})
    warned = {"KC701": verdict("KC701", Status.WARN)}
    result = confirm("non-finite-input", replace(known, rows=4, data=data), warned)
    assert result is not None
    assert result.confirmed is confirmed


@pytest.mark.parametrize("route", ["hold-companions"])
def test_a_route_that_crashed_confirms_nothing(evidence: Any, verdict: Any, route: str) -> None:
    known = evidence(located={route: REMOVED})
    crashed = replace(
        known, traces={**known.traces, route: Trace(route=route, details=REMOVED, error="boom")}
    )
    assert confirm("cross-sample-dependence", crashed, {"KC103": verdict("KC103")}) is None
    assert confirm("no-known-cause", known, {}) is None


def test_many_layers_are_counted_rather_than_listed(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    result = confirm(
        "active-randomness",
        evidence(located={"hold-repeat": {**REMOVED, "held": list("abcde")}}),
        {"KC203": verdict("KC203")},
    )
    assert result is not None
    assert result.confirmed
    assert result.explanation == wording


def test_a_diagnosis_carries_its_confirmation(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    (sure,) = diagnose(evidence(located={"hold-companions": REMOVED}), [verdict("KC103")])
    assert sure.confidence == "confirmed"
    assert sure.confirmation == wording
    (unsure,) = diagnose(evidence(located={"hold-companions": LEFT}), [verdict("KC103")])
    assert unsure.confidence == "likely"
    assert unsure.confirmation == wording


def test_code_around_a_layer_is_named_in_its_place(evidence: Any, verdict: Any) -> None:
    place = {"layer": "last", "kind": "Dense", "custom": False, "order": 2, "steps": 3}
    (model,) = diagnose(
        evidence(located={"locate-companions": place, "hold-companions": OWN}), [verdict("KC103")]
    )
    assert (model.layer, model.confidence) == ("m", "likely")
    assert "'m' (Net)" in model.sentence
    known = {"locate-companions": {**place, "mixed": True, "batch": 32}, "hold-companions": OWN}
    (shown,) = diagnose(evidence(located=known), [verdict("KC103")])
    assert (shown.layer, shown.confidence) == ("m", "confirmed")
    block = {**REMOVED, "held": ["block"], "own_code": "Block"}
    (layer,) = diagnose(
        evidence(located={"locate-companions": place, "hold-companions": block}), [verdict("KC103")]
    )
    assert (layer.layer, layer.confidence) == ("block", "confirmed")


@pytest.mark.parametrize(
    ("known", "code", "status", "routes"),
    [
        ({}, "KC103", Status.FAIL, ["hold-companions"]),
        ({"changed": {"predict": ("drop/seed", "seed")}}, "KC203", Status.FAIL, ["hold-repeat"]),
        (
            {"layers": (LayerFact(path="bn", kind="BatchNormalization", baked_training=True),)},
            "KC202",
            Status.FAIL,
            ["hold-training", "exported-training"],
        ),
        ({"overridden": ("predict_step",)}, "KC201", Status.FAIL, ["plain-predict"]),
        ({}, "KC103", Status.WARN, []),
        ({}, "KC103", Status.PASS, []),
        ({}, "KC103", Status.ERROR, []),
        ({}, "KC103", Status.SKIP, []),
        ({}, "KC203", Status.FAIL, []),
    ],
)
def test_suspects_are_switched_off_only_if_a_check_fails(
    evidence: Any, verdict: Any, known: dict[str, Any], code: str, status: Status, routes: list[str]
) -> None:
    assert [route.name for route in confirming_routes(evidence(**known), [verdict(code, status)])] == routes


def test_every_toggling_route_belongs_to_a_cause() -> None:
    assert {route for confirmation in CONFIRMATIONS.values() for route in confirmation.routes} == {
        route.name for route in CONFIRMING_ROUTES
    }


def test_the_page_says_how_each_cause_is_confirmed() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    refusals = [
        f"| `{slug}` | {'read' if cause.is_read else 'tried'}: {cause.detection} |"
        for slug, cause in sorted(REFUSAL_CAUSES.items())
    ]
    assert rows == [f"| `{slug}` | {CONFIRMATIONS[slug].how} |" for slug in sorted(CAUSES)] + refusals


def test_a_cause_that_a_check_reads_needs_its_verdict(evidence: Any) -> None:
    empty: dict[str, Verdict] = {}
    assert confirm("wrong-rank", evidence(), empty) is None
