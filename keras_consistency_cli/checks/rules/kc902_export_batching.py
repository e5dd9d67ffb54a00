"""Rows of a batch must not influence each other in an export.

Why: an export is called with other batches than the model was: one row for each request, or whatever a
server's batcher puts together. Runtimes that choose a scale for a whole tensor while they run (dynamic
quantization in ONNX Runtime) make the outputs of a row depend on its neighbours. Some converters fix the
batch size that they saw.

How: inside the export, single rows, batches of seven and shuffled rows are compared with its own outputs; and
the neighbours of each row are replaced, position and batch size kept, where not one bit may change.

To fix: quantize with scales that are measured beforehand; export with a free batch axis.

Sources: onnxruntime.ai/docs/performance/model-optimizations/quantization.html, tensorflow#33014.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.exports.opened import EXPORTS, interface_of, skip_if_refused
from keras_consistency_cli.checks.analysis.exports.precision import widened
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.exports.interface import INTERFACE
from keras_consistency_cli.routes.exports.table import EXPORT_BATCH_SIZES
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_BATCHES = ("one-by-one", *(f"batch-{size}" for size in EXPORT_BATCH_SIZES), "shuffled")
_COMPANIONS = "companions"
_OF_MODEL = Pair(candidate=_COMPANIONS, reference=f"{_COMPANIONS}-baseline", exact=True)
_BATCHING = Wording(
    agree="gives the same outputs in every batch",
    differ="outputs depend on the batch",
    advice="compare one row at a time with a batch in the export's own runtime",
)
_NEIGHBOURS = Wording(
    agree="rows do not influence each other",
    differ="a row's outputs depend on its neighbours in the batch",
    advice="look for scales or statistics that are computed over the whole batch",
    counts_comparisons=True,
)


def examine(evidence: Evidence) -> Verdict:
    """Judge every export by its own outputs in other batches, if the model does not mix rows itself."""
    own = agreement(evidence, (_OF_MODEL,), _NEIGHBOURS)
    if own.status is Status.FAIL:
        return Verdict.skip("rows influence each other in the model itself, see KC103 companion-swap")
    return EXPORTS.examine(evidence, _examine, "rows of a batch do not influence each other")


def _examine(evidence: Evidence, label: str) -> Verdict:
    skipped, interface = skip_if_refused(evidence, label), interface_of(evidence, label)
    if skipped is not None:
        return skipped
    name = route_on(_COMPANIONS, label)
    swap = Pair(candidate=name, reference=f"{name}-baseline", exact=True)
    neighbours = agreement(evidence, (swap,), _NEIGHBOURS)
    if neighbours.status is Status.FAIL:
        return replace(neighbours, findings={**neighbours.findings, "cause": "export-neighbours"})
    if interface is not None and interface["fixed_batch"] is not None:
        return _warn_of_fixed_batch(interface["fixed_batch"], neighbours)
    if evidence.facts.stateful_layers:
        return neighbours
    pairs = [
        Pair(candidate=route_on(route, label), reference=route_on(REFERENCE, label)) for route in _BATCHES
    ]
    batches = agreement(evidence, pairs, _BATCHING)
    precision = interface["precision"] if interface is not None else "float32"
    judged = tuple(widened(evidence, batches.judged, precision))
    if batches.status is Status.FAIL and all(one.within for one in judged):
        return Verdict.ok(_BATCHING.agree, judged=judged)
    return batches


def _warn_of_fixed_batch(size: int, neighbours: Verdict) -> Verdict:
    message = f"the export only takes batches of {size}, the model any number of rows"
    return Verdict.warn(message, cause="export-batch-frozen", judged=neighbours.judged)


CHECK = Check(
    code="KC902",
    name="export-batching",
    title="rows do not influence each other in exports",
    explanation=__doc__,
    pairs_for=lambda settings: (
        _OF_MODEL,
        *EXPORTS.pairs(*((route, REFERENCE) for route in _BATCHES))(settings),
        *(
            replace(pair, exact=True)
            for pair in EXPORTS.pairs((_COMPANIONS, f"{_COMPANIONS}-baseline"))(settings)
        ),
    ),
    routes_for=EXPORTS.routes(INTERFACE),
    examine=examine,
    is_offered=EXPORTS.are_given,
)
