"""Each cause is recognised by its signature, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.causes.targets.backends import BACKEND_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.endpoints import ENDPOINT_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.exports import EXPORT_CAUSES
from keras_consistency_cli.diagnosis.diagnose import diagnose
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.data_facts import DataFacts, PreprocessingFact
from keras_consistency_cli.measurement.facts import LayerFact
from tests.helpers.padding_places import MOVED, PLACES, REVERSED, WRONG_MASK

LSTM = (
    LayerFact(path="enc/lstm", kind="LSTM", stateful=True),
    LayerFact(path="enc/gru", kind="GRU", stateful=True),
)
MASKING = (LayerFact(path="masking", kind="Masking", masks=0.0),)
DENSE = (LayerFact(path="dense", kind="Dense"),)
BAKED = (LayerFact(path="bn", kind="BatchNormalization", baked_training=True),)
DEFAULT = (LayerFact(path="jitter", kind="Jitter", custom=True, default_training=True),)
UNCHANGED, CHANGED = ({"changed": by, "shape": [], "repeats": not by} for by in (0.0, 0.4))
EXPORTED = {
    "call": CHANGED,
    "saved_model": {**CHANGED, "changed": None, "shape": [8, 5]},
    "with_flag": UNCHANGED,
    "random_operations": ["StatelessRandomUniformV2"],
}
OWN_LAYER = (LayerFact(path="book", kind="Book", custom=True, takes_training=True),)
LATER = {"calls": 20, "moved": 4.5, "with_flag": 0.0, "restored": 0.0, "depends": True, "layer": "book"}
KEPT = {"call": {**UNCHANGED, "repeats": False}, "saved_model": {**UNCHANGED, "repeats": False}}
MIXED = {"layer": "mix", "kind": "Mix", "custom": True, "order": 2, "steps": 5}
NORMED = {**MIXED, "layer": "box/norm", "kind": "BatchNormalization"}
ODD = (
    LayerFact(path="box", kind="Box"),
    LayerFact(path="box/odd", kind="Odd"),
    LayerFact(path="dense", kind="Dense"),
)
HALF = {"low": ["m/box_1/odd_2/Cast (Cast, float16)"]}
PARTED = {"parting": {"layer": "odd", "kind": "Odd"}}
LOOSE = {"untracked": ["odd.v"]}
FORGOT = {"untracked": [], "forgotten": [{"layer": "odd", "kind": "Odd", "argument": "by", "value": "0.0"}]}
STATE = {"predict": ("lstm/state", "state")}
SEED = {"predict": ("drop/seed", "seed")}
WEIGHT = {"predict": ("count", "weight")}
MEAN = {"predict": ("bn/moving_mean", "weight")}
PROCESS = [
    {"layer": name, "kind": "Odd", "given": given, "gave": "b"}
    for name, given in (("dense", "a"), ("odd", "b"), ("box", "c"))
]
TWO_RUNS = {
    "layers-here": {"steps": PROCESS},
    "layers-elsewhere": {"steps": [PROCESS[0], {**PROCESS[1], "gave": "z"}, {**PROCESS[2], "given": "z"}]},
}
DRAWN = {"random_operations": ["StatelessRandomUniformV2"]}
AGAIN = ("predict-again",)
SHAPES = (
    "wrong-rank",
    "wrong-length",
    "wrong-features",
    "axes-swapped",
    "input-order",
    "wrong-ids",
    "ids-rounded",
    "time-distributed-dynamic",
)

SIGNATURES: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]], list[tuple[str, str | None]]]] = [
    ("neighbours", {}, {"KC103": {}}, [("cross-sample-dependence", None)]),
    (
        "neighbours, located",
        {"located": {"locate-companions": MIXED}},
        {"KC101": {}, "KC103": {}},
        [("cross-sample-dependence", "mix")],
    ),
    (
        "neighbours, in a batch norm",
        {"located": {"locate-companions": NORMED}},
        {"KC103": {}},
        [("batch-statistics-in-inference", "box/norm")],
    ),
    (
        "neighbours, with moving statistics",
        {"changed": MEAN},
        {"KC103": {}, "KC203": {}},
        [("batch-statistics-in-inference", None)],
    ),
    (
        "state",
        {"changed": STATE, "layers": LSTM},
        {"KC104": {}, "KC203": {}},
        [("state-carry-over", "enc/gru")],
    ),
    (
        "state, located",
        {"changed": STATE, "layers": LSTM, "located": {"locate-repeat": MIXED}},
        {"KC203": {}},
        [("state-carry-over", "mix")],
    ),
    (
        "state in a layer that is not recurrent",
        {"changed": STATE, "layers": DENSE},
        {"KC203": {}},
        [("hidden-state", None)],
    ),
    ("state that stays", {"layers": LSTM}, {"KC104": {}}, []),
    ("a seed", {"changed": SEED}, {"KC203": {}, "KC101": {}}, [("active-randomness", None)]),
    ("no seed, but different outputs", {"differing": AGAIN}, {"KC203": {}}, [("active-randomness", None)]),
    (
        "a counter that two loads differ by",
        {"changed": STATE, "layers": DENSE},
        {"KC203": {}, "KC801": {"cause": "untracked-state"}},
        [("hidden-state", None)],
    ),
    (
        "a counter, and a config that says less",
        {"changed": STATE, "layers": DENSE},
        {"KC203": {}, "KC801": {"cause": "config-loses-arguments"}},
        [("config-loses-arguments", None), ("hidden-state", None)],
    ),
    (
        "a weight and different outputs",
        {"differing": AGAIN, "changed": WEIGHT},
        {"KC203": {}},
        [("hidden-state", None)],
    ),
    (
        "different outputs when traced again",
        {"differing": ("predict-retraced",)},
        {"KC203": {}},
        [("hidden-state", None)],
    ),
    (
        "different outputs in a new process",
        {"differing": ("fresh-process",)},
        {"KC203": {}},
        [("untracked-state", None)],
    ),
    (
        "a different table in each process",
        {"differing": ("fresh-process",), "located": TWO_RUNS},
        {"KC203": {}},
        [("untracked-state", "odd")],
    ),
    (
        "an argument that each process draws",
        {"differing": ("fresh-process",)},
        {"KC203": {}, "KC801": {"cause": "config-loses-arguments"}},
        [("config-loses-arguments", None)],
    ),
    (
        "a lost argument, and outputs recorded for other rows",
        {},
        {
            "KC801": {"cause": "config-loses-arguments"},
            "KC802": {"cause": "recorded-from-other-rows"},
        },
        [("config-loses-arguments", None), ("recorded-from-other-rows", None)],
    ),
    (
        "traced and loaded again",
        {"differing": ("predict-retraced", "fresh-process")},
        {"KC203": {}},
        [("hidden-state", None)],
    ),
    ("repeats agree", {}, {"KC203": {}}, []),
    ("a flag in the graph", {"layers": BAKED}, {"KC202": {}}, [("training-flag-default", "bn")]),
    (
        "a flag by default",
        {"layers": (*DENSE, *DEFAULT)},
        {"KC202": {}},
        [("training-flag-default", "jitter")],
    ),
    (
        "a flag, located",
        {"located": {"locate-training": MIXED}},
        {"KC202": {}},
        [("training-flag-default", "mix")],
    ),
    (
        "a flag, and what it does to exports",
        {"located": {"locate-training": MIXED, "exported-training": EXPORTED}},
        {"KC202": {}},
        [("training-flag-default", "mix")],
    ),
    (
        "a tail that grows",
        {"layers": LSTM},
        {"KC102": {"given": 9, "output_rows": {"out": 12}}},
        [("state-batch-mismatch", "enc/gru")],
    ),
    (
        "rows lost",
        {"layers": DENSE},
        {"KC102": {"given": 9, "output_rows": {"out": 1}}},
        [("outputs-not-per-sample", None)],
    ),
    ("batch sizes differ by rounding", {}, {"KC102": {}}, []),
    ("batch sizes differ", {}, {"KC102": {"moved": (3,)}}, [("batch-size-dependence", None)]),
    (
        "the position in the batch has an effect",
        {},
        {"KC102": {"moved": (3,)}, "KC104": {"moved": (3,)}},
        [("batch-size-dependence", None)],
    ),
    (
        "batch sizes differ, located",
        {"located": {"locate-batching": MIXED}},
        {"KC102": {"moved": (3,)}},
        [("batch-size-dependence", "mix")],
    ),
    (
        "other batch sizes refused",
        {"located": {"locate-batching": MIXED}},
        {"KC102": {"refused": ["batch-1"]}},
        [("batch-size-dependence", "mix")],
    ),
    (
        "a fixed seed",
        {"located": {"predict": DRAWN}},
        {"KC102": {"moved": (3,)}, "KC204": {}},
        [("batch-size-dependence", None)],
    ),
    (
        "a fixed seed under XLA",
        {"located": {"predict": DRAWN, "locate-xla-numbers": MIXED}},
        {"KC204": {"moved": (3,), "route": "xla"}},
        [("seed-differs-under-xla", "mix")],
    ),
    (
        "a fixed seed that depends on the position, and XLA",
        {"located": {"predict": DRAWN, "locate-xla-numbers": MIXED}},
        {"KC102": {"moved": (3,)}, "KC204": {"moved": (3,), "route": "xla"}},
        [("batch-size-dependence", None), ("seed-differs-under-xla", "mix")],
    ),
    (
        "a graph that differs draws no other numbers",
        {"located": {"predict": DRAWN, "locate-xla-numbers": MIXED}},
        {"KC204": {"moved": (3,), "route": "graph"}},
        [],
    ),
    (
        "numbers drawn again",
        {"located": {"predict": DRAWN}, "differing": AGAIN},
        {"KC101": {"moved": (3,)}},
        [("active-randomness", None)],
    ),
    (
        "rows grow with their batch",
        {},
        {"KC102": {"shape_varies": True}},
        [("cross-sample-dependence", None)],
    ),
    (
        "state depends on the order",
        {"changed": STATE, "layers": LSTM},
        {"KC104": {"moved": (3,)}},
        [("state-carry-over", "enc/gru")],
    ),
    (
        "NaN hidden",
        {},
        {"KC701": {"hidden": {"out": 2}, "rows": {"x": 1}}, "KC201": {}},
        [("nan-hidden", None)],
    ),
    (
        "NaN dropped by a layer",
        {"located": {"locate-hidden-nan": MIXED}},
        {"KC701": {"hidden": {}, "rows": {"x": 1}}},
        [("nan-hidden", "mix")],
    ),
    (
        "NaN in weights, hidden",
        {},
        {"KC701": {"hidden": {"out": 2}, "weights": ["w"]}},
        [("non-finite-output", None)],
    ),
    ("NaN in rows", {}, {"KC701": {"hidden": {}, "rows": {"x": 1}}}, [("non-finite-input", None)]),
    ("NaN in weights", {}, {"KC701": {"weights": ["w"]}}, [("non-finite-output", None)]),
    (
        "NaN from within",
        {"located": {"locate-nonfinite": MIXED}},
        {"KC701": {"outputs": {"y": 1}}},
        [("non-finite-output", "mix")],
    ),
    ("NaN from an unknown place", {}, {"KC701": {"outputs": {"y": 1}}}, []),
    (
        "predict overridden",
        {"overridden": ("predict_step",)},
        {"KC201": {}, "KC101": {}},
        [("predict-overridden", None)],
    ),
    (
        "a layer that differs by execution",
        {"located": {"locate-execution": MIXED}},
        {"KC201": {}, "KC204": {}},
        [("eager-differs", "mix")],
    ),
    (
        "a layer whose constants the optimizer combines",
        {"located": {"locate-execution": {**MIXED, "by_optimizer": True}}},
        {"KC201": {}, "KC204": {}},
        [("constants-combined", "mix")],
    ),
    ("rows cast by predict", {}, {"KC201": {"cast": True}}, [("dtype-cast", None)]),
    ("rows that float32 does not hold", {}, {"KC201": {"lost": {"x": {}}}}, [("dtype-cast", None)]),
    (
        "amplified rows that float32 does not hold",
        {},
        {
            "KC201": {"lost": {"x": {}}},
            "KC604": {"cause": "ill-conditioned", "amplification": {"inputs": 1e6, "weights": 1.0}},
        },
        [("dtype-cast", None)],
    ),
    (
        "amplified weights are another cause",
        {},
        {
            "KC201": {"lost": {"x": {}}},
            "KC604": {"cause": "ill-conditioned", "amplification": {"inputs": 1e6, "weights": 1e6}},
        },
        [("dtype-cast", None), ("ill-conditioned", None)],
    ),
    ("predict differs", {}, {"KC201": {}}, []),
    ("a scaler refitted", {}, {"KC301": {"cause": "scaler-refit"}}, [("scaler-refit", None)]),
    ("no scaler", {}, {"KC301": {"cause": "scaler-missing"}}, [("scaler-missing", None)]),
    ("scaled twice", {}, {"KC301": {"cause": "scaler-applied-twice"}}, [("scaler-applied-twice", None)]),
    ("a step left out", {}, {"KC301": {"cause": "scaling-step-skipped"}}, [("scaling-step-skipped", None)]),
    (
        "gaps filled by serving",
        {},
        {"KC301": {"cause": "gaps-filled-otherwise"}},
        [("gaps-filled-otherwise", None)],
    ),
    (
        "gaps filled on the way",
        {},
        {"KC702": {"cause": "gaps-filled-otherwise"}},
        [("gaps-filled-otherwise", None)],
    ),
    ("columns mixed up", {}, {"KC301": {"cause": "feature-order"}}, [("feature-order", None)]),
    (
        "rows rounded",
        {},
        {"KC305": {"cause": "scaled-in-low-precision"}, "KC301": {}},
        [("scaled-in-low-precision", None)],
    ),
    ("codes assigned again", {}, {"KC301": {"cause": "codes-refit"}}, [("codes-refit", None)]),
    ("a different scaler", {}, {"KC301": {"cause": "scaler-foreign"}}, [("scaler-foreign", None)]),
    (
        "rows of other inputs",
        {},
        {"KC301": {"cause": "input-order"}, "KC501": {"cause": "input-order"}},
        [("input-order", None)],
    ),
    (
        "exchanged reference rows beside rows that are not scaled",
        {},
        {"KC301": {"cause": "scaler-missing"}, "KC501": {"cause": "input-order"}},
        [("scaler-missing", None), ("input-order", None)],
    ),
    ("padding at the other end", {}, {"KC301": {"cause": "padding-side"}}, [("padding-side", None)]),
    ("photos on their side", {}, {"KC301": {"cause": "images-turned"}}, [("images-turned", None)]),
    ("dark on light", {}, {"KC301": {"cause": "values-inverted"}}, [("values-inverted", None)]),
    ("a different time zone", {}, {"KC301": {"cause": "time-shift"}}, [("time-shift", None)]),
    ("rows in a different order", {}, {"KC301": {"cause": "row-order"}}, [("row-order", None)]),
    ("a window too late", {}, {"KC301": {"cause": "sampled-differently"}}, [("sampled-differently", None)]),
    (
        "the mean of each image",
        {},
        {"KC301": {"cause": "scaled-by-own-statistics"}},
        [("scaled-by-own-statistics", None)],
    ),
    ("a spelling", {}, {"KC501": {"cause": "unknown-words"}}, [("unknown-words", None)]),
    ("a default", {}, {"KC301": {"cause": "features-not-filled"}}, [("features-not-filled", None)]),
    ("one more logarithm", {}, {"KC301": {"cause": "function-misapplied"}}, [("function-misapplied", None)]),
    (
        "rows alone differ",
        {},
        {"KC302": {"cause": "preprocess-row-dependence"}},
        [("preprocess-row-dependence", None)],
    ),
    (
        "unrepeatable rows",
        {},
        {"KC302": {"cause": "preprocess-unrepeatable"}, "KC203": {}},
        [("preprocess-unrepeatable", None)],
    ),
    (
        "scaled already",
        {},
        {"KC303": {"cause": "scaler-applied-twice"}, "KC702": {"cause": "distribution-shift"}},
        [("scaler-applied-twice", None)],
    ),
    (
        "features exchanged",
        {},
        {"KC501": {"cause": "feature-order"}, "KC702": {}},
        [("feature-order", None)],
    ),
    (
        "columns in a different order",
        {},
        {"KC304": {"cause": "feature-order"}, "KC303": {}},
        [("feature-order", None)],
    ),
    ("a stale scaler", {}, {"KC304": {"cause": "scaler-stale"}}, [("scaler-stale", None)]),
    (
        "a scaler of a different version",
        {},
        {"KC304": {"cause": "scaler-version"}},
        [("scaler-version", None)],
    ),
    (
        "never adapted",
        {},
        {"KC401": {"cause": "normalization-unadapted"}, "KC702": {}},
        [("normalization-unadapted", None)],
    ),
    (
        "adapted on different rows",
        {},
        {"KC401": {"cause": "normalization-stale"}},
        [("normalization-stale", None)],
    ),
    (
        "normalised twice",
        {},
        {"KC402": {"cause": "normalized-twice"}, "KC702": {}},
        [("normalized-twice", None)],
    ),
    (
        "normalised by serving too",
        {},
        {"KC301": {"cause": "scaler-foreign"}, "KC402": {"cause": "normalized-twice"}},
        [("normalized-twice", None)],
    ),
    (
        "columns in another order, and normalised twice",
        {},
        {"KC301": {"cause": "scaler-missing"}, "KC402": {"cause": "normalized-twice"}},
        [("scaler-missing", None)],
    ),
    (
        "statistics of few steps",
        {},
        {"KC404": {"cause": "batch-norm-statistics"}, "KC703": {"cause": "outputs-stuck"}},
        [("batch-norm-statistics", None)],
    ),
    (
        "differences of bytes",
        {"located": {"wrapped-integers": {"layer": "mix", "kind": "Subtract"}}},
        {"KC704": {"cause": "integer-overflow"}},
        [("integer-overflow", "mix")],
    ),
    (
        "rows that do not fit",
        {"located": {"wrapped-integers": {"inputs": {"time": {}}}}},
        {"KC704": {"cause": "integer-overflow"}},
        [("integer-overflow", None)],
    ),
    ("outputs at their ends", {}, {"KC703": {"cause": "outputs-stuck"}}, [("outputs-stuck", None)]),
    (
        "outputs at their ends by the range",
        {},
        {"KC402": {"cause": "input-range"}, "KC703": {"cause": "outputs-stuck"}},
        [("input-range", None)],
    ),
    ("a different range", {}, {"KC402": {"cause": "input-range"}}, [("input-range", None)]),
    ("changed in place", {}, {"KC402": {"cause": "input-mutated"}}, [("input-mutated", None)]),
    ("rows that moved", {}, {"KC702": {"cause": "distribution-shift"}}, [("distribution-shift", None)]),
    ("rows in no state", {}, {"KC303": {}, "KC304": {}, "KC401": {}, "KC402": {}}, []),
    ("NaN that serving made", {}, {"KC701": {"served": {"x": 1}}}, [("non-finite-input", None)]),
    *((f"rows, {slug}", {}, {"KC501": {"cause": slug}}, [(slug, None)]) for slug in SHAPES),
    (
        "rows lost, by their shape",
        {},
        {"KC501": {"cause": "outputs-not-per-sample", "output_rows": {"out": 1}}},
        [("outputs-not-per-sample", None)],
    ),
    (
        "state, found by the reset",
        {"changed": STATE, "layers": LSTM},
        {"KC502": {"cause": "state-carry-over"}},
        [("state-carry-over", "enc/gru")],
    ),
    (
        "state of a different sequence",
        {"layers": LSTM},
        {"KC502": {"cause": "state-batch-mismatch"}},
        [("state-batch-mismatch", "enc/gru")],
    ),
    (
        "state of a different sequence, which predict changes",
        {"changed": STATE, "layers": LSTM},
        {"KC502": {"cause": "state-batch-mismatch"}},
        [("state-batch-mismatch", "enc/gru")],
    ),
    (
        "state forgotten",
        {"layers": LSTM},
        {"KC502": {"cause": "state-not-carried"}},
        [("state-not-carried", "enc/lstm")],
    ),
    (
        "a mask that ends",
        {"located": {"masks": {"layer": "conv", "kind": "Conv1D"}}},
        {"KC504": {"cause": "mask-lost"}},
        [("mask-lost", "conv")],
    ),
    (
        "positions that count padding",
        {"located": {"unpadded": {"leak": PLACES}}},
        {"KC504": {"cause": "positions-count-padding"}},
        [("positions-count-padding", "places")],
    ),
    (
        "time steps that are reversed",
        {"located": {"unpadded": {"leak": REVERSED}}},
        {"KC504": {"cause": "mask-misplaced"}},
        [("mask-misplaced", "back")],
    ),
    (
        "a mask that does not fit",
        {"located": {"unpadded": {"leak": WRONG_MASK}}},
        {"KC504": {"cause": "mask-misplaced"}},
        [("mask-misplaced", "joined")],
    ),
    (
        "padding that is moved",
        {"located": {"unpadded": {"moved": MOVED}}},
        {"KC504": {"cause": "padding-moved"}},
        [("padding-moved", "norm")],
    ),
    (
        "padding with a different value",
        {"layers": MASKING},
        {"KC504": {"cause": "padding-unmasked"}},
        [("padding-unmasked", "masking")],
    ),
    ("nothing but padding", {}, {"KC504": {"cause": "fully-masked-row"}}, [("fully-masked-row", None)]),
    (
        "steps that look ahead",
        {"located": {"steps": {"layer": "both"}}},
        {"KC503": {"cause": "stepwise-differs"}},
        [("stepwise-differs", "both")],
    ),
    (
        "a decoder that forgets",
        {"located": {"steps": {"decoder": "dec"}}},
        {"KC503": {"cause": "stepwise-differs"}},
        [("stepwise-differs", "dec")],
    ),
    (
        "steps that are forgotten",
        {"layers": LSTM},
        {"KC503": {"cause": "stepwise-differs"}},
        [("stepwise-differs", "enc/lstm")],
    ),
    ("noise", {}, {"KC602": {"cause": "ill-conditioned"}}, [("ill-conditioned", None)]),
    (
        "noise, located",
        {"located": {"locate-rounding": MIXED}},
        {"KC602": {"cause": "ill-conditioned"}},
        [("ill-conditioned", "mix")],
    ),
    (
        "a device",
        {"located": {"locate-rounding": MIXED}},
        {"KC601": {"cause": "device-precision"}},
        [("device-precision", "mix")],
    ),
    ("kernels", {}, {"KC605": {"cause": "kernel-dependent"}}, [("kernel-dependent", None)]),
    (
        "changes grow",
        {"located": {"locate-rounding": MIXED}},
        {"KC604": {"cause": "ill-conditioned"}},
        [("ill-conditioned", "mix")],
    ),
    ("near ties", {}, {"KC604": {"cause": "near-ties"}}, [("near-ties", None)]),
    ("near ties that XLA flips", {}, {"KC204": {"cause": "near-ties"}}, [("near-ties", None)]),
    (
        "a scale that is not applied",
        {"located": {"locate-quantisation": MIXED, "dequantised": {"called_directly": ["mix/dense"]}}},
        {"KC606": {"cause": "quantisation-broken"}},
        [("quantisation-broken", "mix")],
    ),
    ("int4", {}, {"KC606": {"cause": "quantisation-coarse"}}, [("quantisation-coarse", None)]),
    (
        "int4, most of all in one layer",
        {"located": {"coarse-layers": {**MIXED, "in_floats": ["mix"]}}},
        {"KC606": {"cause": "quantisation-coarse"}},
        [("quantisation-coarse", "mix")],
    ),
    ("16 bits in use", {}, {"KC603": {"cause": "low-precision"}}, [("low-precision", None)]),
    (
        "half precision",
        {"located": {"low-operations": HALF}, "layers": ODD},
        {"KC602": {"cause": "low-precision"}},
        [("low-precision", "box/odd")],
    ),
    (
        "half precision, located",
        {"located": {"locate-rounding": MIXED}},
        {"KC602": {"cause": "low-precision"}},
        [("low-precision", "mix")],
    ),
    (
        "random state at loading",
        {"located": {"loaded-again": PARTED}},
        {"KC801": {"cause": "untracked-state"}, "KC203": {}},
        [("untracked-state", "odd")],
    ),
    (
        "state that no file has",
        {"located": {"reloaded": LOOSE}},
        {"KC801": {"cause": "untracked-state"}},
        [("untracked-state", "odd")],
    ),
    (
        "weights that the file lacks",
        {"located": {"reloaded": {"unsaved": [{"layer": "odd"}]}}},
        {"KC801": {"cause": "weights-not-saved"}},
        [("weights-not-saved", "odd")],
    ),
    (
        "layers that each call creates",
        {"located": {"locate-created": MIXED}},
        {"KC801": {"cause": "untracked-state"}, "KC202": {}},
        [("layers-created-in-call", "mix")],
    ),
    (
        "weights that loading does not reach",
        {"located": {"reloaded": {"unsaved": [{"layer": "odd"}]}}},
        {"KC801": {"cause": "weights-not-loaded"}},
        [("weights-not-loaded", "odd")],
    ),
    (
        "an optimizer that does not fit",
        {},
        {"KC801": {"cause": "training-state-unreadable"}},
        [("training-state-unreadable", None)],
    ),
    (
        "a config that drifts",
        {"located": {"reloaded": PARTED}},
        {"KC801": {"cause": "config-loses-arguments"}},
        [("config-loses-arguments", "odd")],
    ),
    (
        "a config that forgets",
        {"located": {"reloaded": FORGOT}},
        {"KC801": {"cause": "config-loses-arguments"}},
        [("config-loses-arguments", "odd")],
    ),
    ("versions", {}, {"KC801": {}}, []),
    (
        "extra rounding",
        {},
        {"KC201": {"cause": "ill-conditioned"}, "KC204": {"cause": "ill-conditioned"}},
        [("ill-conditioned", None)],
    ),
    ("outputs changed", {}, {"KC802": {"cause": "answers-moved"}}, [("answers-moved", None)]),
    (
        "outputs in a different form",
        {},
        {"KC802": {"cause": "recorded-in-other-form"}},
        [("recorded-in-other-form", None)],
    ),
    (
        "outputs for rows prepared differently",
        {},
        {"KC802": {"cause": "recorded-from-other-rows"}},
        [("recorded-from-other-rows", None)],
    ),
    (
        "another target scaler",
        {},
        {"KC802": {"cause": "target-scaler-foreign"}},
        [("target-scaler-foreign", None)],
    ),
    (
        "outputs changed by state that a file lacks",
        {"located": {"reloaded": FORGOT}},
        {"KC802": {"cause": "answers-moved"}, "KC801": {"cause": "config-loses-arguments"}},
        [("config-loses-arguments", "odd")],
    ),
    (
        "two at once",
        {"changed": SEED},
        {"KC103": {}, "KC203": {}},
        [("cross-sample-dependence", None), ("active-randomness", None)],
    ),
    ("a file that is not asked about", {"changed": SEED, "overridden": ("predict",)}, {"KC205": {}}, []),
    (
        "a variable that a bare call overwrites",
        {"layers": (*OWN_LAYER, *BAKED), "located": {"bare-call": LATER}},
        {"KC202": {}},
        [("training-flag-default", "book")],
    ),
    (
        "a variable that a bare call overwrites, in an export too",
        {"layers": OWN_LAYER, "located": {"bare-call": LATER, "exported-training": KEPT}},
        {"KC202": {}},
        [("training-flag-default", "book")],
    ),
    (
        "a variable that a bare call overwrites, of a layer of Keras",
        {"layers": BAKED, "located": {"bare-call": {**LATER, "layer": "bn"}}},
        {"KC202": {}},
        [("training-flag-default", "bn")],
    ),
    (
        "a variable that outputs depend on later",
        {"layers": OWN_LAYER, "located": {"bare-call": {**LATER, "moved": 0.0}}},
        {"KC202": {}},
        [("training-flag-default", "book")],
    ),
    (
        "a graph that reads the clock",
        {
            "located": {"predict": {"clock": ["m/age_1/Timestamp"]}},
            "layers": (LayerFact(path="age", kind="Age"),),
        },
        {"KC203": {"cause": "clock-read"}, "KC104": {"moved": (3,)}},
        [("clock-read", "age")],
    ),
    (
        "neighbours in batches of another size",
        {"located": {"locate-companions": {**MIXED, "batch": 96}}},
        {"KC102": {"moved": (3,)}},
        [("cross-sample-dependence", "mix")],
    ),
    (
        "neighbours in a large batch, not in one of a row",
        {"located": {"locate-companions": {**MIXED, "batch": 32}}},
        {"KC101": {"moved": (3,)}},
        [("cross-sample-dependence", "mix")],
    ),
    (
        "neighbours that change shapes, and so bits by rounding",
        {"located": {"locate-companions": MIXED, "companions": {"resized": True}}},
        {"KC102": {"moved": (3,)}},
        [("batch-size-dependence", None)],
    ),
    (
        "rows that are lost, which mixes what is left",
        {"located": {"locate-companions": MIXED}},
        {"KC102": {"output_rows": {"out": 1}}},
        [("outputs-not-per-sample", None)],
    ),
    (
        "outputs of other weights in the file",
        {},
        {"KC802": {"cause": "recorded-with-other-weights"}},
        [("recorded-with-other-weights", None)],
    ),
    (
        "outputs of scaled rows, and rows that move nothing",
        {"located": {"recorded": {"unscaled": True}}},
        {"KC802": {"cause": "recorded-from-other-rows"}, "KC703": {"cause": "outputs-stuck"}},
        [("recorded-from-other-rows", None)],
    ),
    (
        "outputs of other rows, and rows that move nothing",
        {},
        {"KC802": {"cause": "recorded-from-other-rows"}, "KC703": {"cause": "outputs-stuck"}},
        [("recorded-from-other-rows", None), ("outputs-stuck", None)],
    ),
    (
        "recorded outputs that differ as two runs do",
        {"changed": SEED, "differing": ("predict-again",)},
        {"KC203": {}, "KC802": {"cause": "answers-moved", "moved": (3,)}},
        [("active-randomness", None)],
    ),
    (
        "recorded outputs that differ by much more than two runs",
        {"changed": SEED, "differing": ("predict-again",)},
        {"KC203": {}, "KC802": {"cause": "answers-moved", "moved": tuple(range(16))}},
        [("active-randomness", None), ("answers-moved", None)],
    ),
    (
        "a mask that code drops",
        {"located": {"masks": {"layer": "lstm", "kind": "LSTM", "after": "words"}}},
        {"KC504": {"cause": "mask-lost"}},
        [("mask-lost", "lstm")],
    ),
    (
        "recorded outputs of other rows, beside two runs that differ",
        {"changed": SEED, "differing": ("predict-again",)},
        {"KC203": {}, "KC802": {"cause": "recorded-from-other-rows", "moved": (3,)}},
        [("active-randomness", None), ("recorded-from-other-rows", None)],
    ),
    (
        "outputs of training mode",
        {},
        {"KC802": {"cause": "recorded-in-training-mode"}},
        [("recorded-in-training-mode", None)],
    ),
    (
        "a clock whose next second only another process sees",
        {
            "differing": ("fresh-process",),
            "located": {"predict": {"clock": ["age/datetime.now"]}},
            "layers": (LayerFact(path="age", kind="Age"),),
        },
        {"KC203": {"cause": "clock-read"}},
        [("clock-read", "age")],
    ),
]


@pytest.mark.parametrize(
    ("known", "failed", "expected"), [case[1:] for case in SIGNATURES], ids=[case[0] for case in SIGNATURES]
)
def test_signatures(
    evidence: Any,
    verdict: Any,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
    expected: list[tuple[str, str | None]],
) -> None:
    diagnoses = diagnose(evidence(**known), [verdict(code, **findings) for code, findings in failed.items()])
    assert [(each.cause, each.layer) for each in diagnoses] == expected
    codes = [code for each in diagnoses for code in each.explains]
    assert set(codes) <= set(failed)


def test_every_cause_has_a_signature_here() -> None:
    by_numbers = {"rounding", "overflow-in-float16", "normalization-not-finite"}
    # see test_precision.py, tests/diagnosis/test_exports.py and test_backends.py, tests/workers/endpoints
    # and below
    by_numbers |= {cause.slug for cause in (*EXPORT_CAUSES, *ENDPOINT_CAUSES, *BACKEND_CAUSES)}
    assert set(CAUSES) == by_numbers | {cause for _, _, _, expected in SIGNATURES for cause, _ in expected}


@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        ("mixed_float16", "overflow-in-float16"),
        ("mixed_bfloat16", "non-finite-output"),
        ("float32", "non-finite-output"),
    ],
)
def test_nan_that_float64_does_not_have_is_an_overflow_of_float16(
    evidence: Any, verdict: Any, policy: str, cause: str
) -> None:
    layers = (LayerFact(path="mix", kind="Dense", dtype_policy=policy),)
    known = evidence(located={"locate-nonfinite": MIXED}, layers=layers)
    same = Comparison(candidate="predict", reference="predict-float64", output="y", rows=2, elements=2)
    compared = {**known.comparisons, ("predict", "predict-float64"): (same,)}
    failed = [verdict("KC701", outputs={"y": 1}), verdict("KC602", Status.WARN, cause="low-precision")]
    first, *others = diagnose(replace(known, comparisons=compared), failed)
    assert (first.cause, first.layer) == (cause, "mix")
    assert bool(others) is (cause == "non-finite-output")


@pytest.mark.parametrize(
    ("weights", "others"), [(["vars/1"], []), (["vars/1", "kernel"], ["non-finite-output"])]
)
def test_statistics_that_are_not_finite_explain_their_own_weights(
    evidence: Any, verdict: Any, weights: list[str], others: list[str]
) -> None:
    norm = PreprocessingFact(path="norm", kind="Normalization", mean=(0.0, 1.0), sd=(float("inf"), 1.0))
    known = replace(evidence(), data=DataContext(description=DataFacts(layers=(norm,))))
    failed = [
        verdict("KC401", cause="normalization-not-finite", layer="norm"),
        verdict("KC701", weights=weights),
    ]
    found = diagnose(known, failed)
    assert [each.cause for each in found] == ["normalization-not-finite", *others]
    assert (found[0].layer, found[0].confidence) == ("norm", "confirmed")


@pytest.mark.parametrize("slug", CAUSES)
@pytest.mark.parametrize("layer", ["{layer}", "a{0}b", "norm"])
def test_texts_accept_any_layer_name(slug: str, layer: str) -> None:
    cause = CAUSES[slug]
    for text in (cause.sentence, cause.advice):
        plain = text.replace("{layer}", "\0").replace("{{", "{").replace("}}", "}").replace("\0", layer)
        assert text.format(layer=layer) == plain


def test_a_warning_is_a_signature_too(evidence: Any, verdict: Any) -> None:
    diagnoses = diagnose(evidence(), [verdict("KC602", Status.WARN, cause="ill-conditioned")])
    assert [(each.cause, each.severity) for each in diagnoses] == [("ill-conditioned", "warn")]


@pytest.mark.parametrize("slug", CAUSES)
def test_texts(slug: str, wording: SnapshotAssertion) -> None:
    cause = CAUSES[slug]
    assert cause.sentence == wording
    assert cause.explanation == wording
    assert cause.advice == wording


def test_statistics_that_bare_calls_move_are_said_to_change_predict(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    located = {"locate-training": NORMED, "exported-training": EXPORTED}
    before = Comparison(candidate="bare-call", reference="call", output="y", rows=2, elements=2, mismatched=2)

    def sentence(later: dict[str, Any]) -> str:
        known = evidence(layers=BAKED, located={**located, "bare-call": later})
        compared = {**known.comparisons, ("bare-call", "call"): (before,)}
        (found,) = diagnose(replace(known, comparisons=compared), [verdict("KC202")])
        assert found.layer == "box/norm"
        return found.sentence

    assert sentence(LATER) == wording
    assert sentence({**LATER, "moved": 0.0}) == sentence({}) != sentence(LATER)


def test_the_layer_that_hands_the_flag_on_is_named(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    resizing = LayerFact(path="shrink", kind="Resizing", default_training=True, takes_training=True)
    normal = LayerFact(path="box/norm", kind="BatchNormalization", takes_training=True)
    located = {"locate-training": NORMED, "exported-training": EXPORTED}
    (found,) = diagnose(evidence(layers=(resizing, normal), located=located), [verdict("KC202")])
    assert found.layer == "box/norm"
    assert found.sentence == wording
