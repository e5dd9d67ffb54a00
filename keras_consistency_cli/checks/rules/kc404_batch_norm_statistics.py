"""The moving statistics of BatchNormalization must belong to the rows that reach the layer.

Why: in training, BatchNormalization uses the statistics of each batch; afterwards it uses moving statistics.
A few steps at momentum 0.99, or batches of one row, leave them far from the rows: accuracy is perfect in
training, and at prediction time the outputs are wrong or all the same.

How: one pass over the reference rows, or over the rows to check without them, measures what reaches each
BatchNormalization layer. The two distributions of each feature are compared (Hellinger distance, 0 if equal,
1 if disjoint), and the mean over the features is judged. Rows to check may differ from the training rows, so
without reference rows their values must also be far outside of the moving statistics.

A strong minority of features far outside is a fault, too. It fails if the rows are reference rows, or if all
moving statistics are one mixture of the 0 and 1 of the start and of the statistics of the rows: training took
too few steps. Otherwise the check warns, because the rows may be an unusual part of the training rows. Such a
mixture fails for smaller distances as well if the values become several times too large, or if they become
larger, the start is a large part of it, and the outputs change much with the statistics of the rows, unless
rows of another scale explain the statistics, too.

If the scale or the offset of a layer was trained but its statistics are still the 0 and 1 that it was created
with, the check warns: either a training loop did not store the updated statistics, or weights were copied
without them, or the layer was trained in inference mode, which is correct. Other layers as they were created,
and other layers that are not trainable, are left out.

A layer that the graph calls with training=False may have been trained with these statistics on purpose, as in
transfer learning with a loop of one's own. The check then warns, unless its statistics are a mixture with
those of the start: fit() of Keras 3 updates such a layer all the same.

To fix: train longer, or with a lower momentum, such as BatchNormalization(momentum=0.9); or run
`model(x, training=True)` on training batches until the moving statistics are those of the rows; save again.
A training loop of your own must store `non_trainable_variables` too.

Sources: tensorflow#38486, keras#6014, keras#8837, keras#20285, Ioffe and Szegedy 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.numerics.batch_norm.batch_norm_statistics import (
    BatchNormDetails,
    LayerStatistics,
)
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_ROUTE = "batch-norm-statistics"
_FAR = 0.4
"""Mean distance that shows statistics of other rows: layers of trained models had at most 0.02 on their
training rows, untrained ones on standardized rows 0.11, and rows shifted by a standard deviation 0.27."""
_FAR_FROM_ROWS, _OUTSIDE = 0.5, 3.0
"""Without reference rows: the distance, and the size of the normalized values, which is 1 for the rows of
training and was 1.9 for rows shifted by a standard deviation."""
_FAR_PART = 0.2
"""Share of the features that lie far outside: 0.23 after 5 steps with momentum 0.99, and none in trained
models, also on the rows of a single class."""
_FAR_PART_IF_MIXED = 0.05
"""The same if the moving statistics are a mixture with those of the start, which has no other reason."""
_FAR_IF_MIXED, _OUTSIDE_IF_MIXED = 0.25, 2.5
"""The distance and the size for such a mixture if no feature is far outside. After 12 steps with momentum
0.995 a convolution had 0.32 and 4. Below, outputs change little, or they shrink, as of layers with a variance
far below 1, which models that were trained briefly have too."""
_LARGE_SHARE, _LARGE_EFFECT = 0.2, 0.2
"""The share of the start, and the change of the outputs without it as a share of their standard deviation,
that are a fault in themselves. After 96 steps with momentum 0.99 they were 0.47 and 0.27: the mean squared
error was 50 times that with the statistics of the rows. Values that shrink are left out, as above."""
_FEWEST_ROWS = 8
_FIT = 0.1
"""The distance below which the statistics may be called those of the rows."""
_ADVICE = (
    "train longer or with BatchNormalization(momentum=0.9), in batches of many rows, so that the moving "
    "statistics of '{layer}' become those of the rows; then save again"
)
_ADVICE_IF_UNTOUCHED = (
    "if '{layer}' was trained with the statistics of its batches, store or copy the moving statistics "
    "(non_trainable_variables) with the other weights; if it was trained in inference mode, it needs none"
)

_ADVICE_IF_MEANT = (
    "the graph calls '{layer}' with training=False: if training called it in the same way, nothing is wrong. "
    "fit() of Keras 3 does not: it updates the statistics. To keep them, set layer.trainable = False"
)


def examine(evidence: Evidence) -> Verdict:
    """FAIL if the statistics of a layer are not those of the rows that reach it."""
    stopped = stop_unless_run(evidence, _ROUTE)
    if stopped is not None:
        return stopped
    details = evidence.details(_ROUTE, BatchNormDetails)
    if "reason" in details:
        return Verdict.skip(details["reason"])
    if details["rows"] < _FEWEST_ROWS:
        return Verdict.skip(f"{details['rows']} rows are too few for statistics")
    if not details["layers"]:
        return Verdict.skip("no row reaches a BatchNormalization layer that was trained")
    return _judge(details["layers"], details, _called_in_inference(evidence.facts))


def _called_in_inference(facts: Facts) -> tuple[str, ...]:
    """The paths of layers and models that the graph calls with training=False."""
    return tuple(layer.path for layer in facts.layers if layer.baked_training is False)


def _judge(
    layers: Sequence[LayerStatistics], details: BatchNormDetails, in_inference: tuple[str, ...]
) -> Verdict:
    source, rows = details["source"], details["rows"]
    what = "reference rows" if source == "reference" else "rows"
    far = [layer for layer in layers if _is_far(layer, source) or _is_far_in_part(layer) or _is_mixed(layer)]
    far = far or [layer for layer in layers if _has_effect(layer, details)]
    findings: dict[str, object] = {
        "distance": {layer["path"]: layer["distance"] for layer in layers},
        "source": source,
    }
    if not far:
        return Verdict.ok(_describe_fit(layers, what), findings=findings)
    moved = [layer for layer in far if not layer["untouched"]]
    meant = [layer for layer in moved if _is_meant(layer, in_inference)]
    sure = [layer for layer in moved if _is_sure(layer, source) and layer not in meant]
    first = (sure or moved or far)[0]
    more = f" ({len(far)} layers in all)" if len(far) > 1 else ""
    message = (
        f"{_describe(first, what)}{more}; "
        f"feature {first['feature']} has the moving mean {first['stored']:.3g}, "
        f"{rows} rows give {first['seen']:.3g}; "
        f"{_describe_extent(first)}"
    )
    is_meant = first in meant
    advice = _advice(first, is_meant=is_meant).format(layer=first["path"])
    fix: dict[str, object] = {"mend": advice, "mend_is_complete": True} if is_meant else {}
    return (Verdict.fail if sure else Verdict.warn)(
        message,
        cause="batch-norm-statistics",
        findings={**findings, "layer": first["path"], **_mixture(first), **fix},
        advice=advice,
    )


def _is_meant(layer: LayerStatistics, in_inference: tuple[str, ...]) -> bool:
    """Whether the layer may have been trained with these statistics, which do not come from its rows."""
    is_called = any(f"{layer['path']}/".startswith(f"{path}/") for path in in_inference)
    return is_called and layer["initial_share"] is None


def _advice(layer: LayerStatistics, *, is_meant: bool) -> str:
    if layer["untouched"]:
        return _ADVICE_IF_UNTOUCHED
    return _ADVICE_IF_MEANT if is_meant else _ADVICE


def _describe_fit(layers: Sequence[LayerStatistics], what: str) -> str:
    """The message of a PASS: it does not conceal single features that do not fit."""
    worst = max(layer["distance"] for layer in layers)
    count = format_count(len(layers), "layer")
    far, live = (sum(layer[key] for layer in layers) for key in ("far", "live"))
    but = f", except for {far} of {format_count(live, 'feature')}" if far else ""
    fit = "fit" if worst < _FIT else "are not far from those of"
    return f"the statistics of {count} {fit} the {what}{but}; largest distance {worst:.2g} of 1"


def _mixture(layer: LayerStatistics) -> dict[str, object]:
    """The share of the start, if it is known and not simply all of it."""
    share = layer["initial_share"]
    return {} if share is None or layer["untouched"] else {"initial_share": share}


def _describe_extent(layer: LayerStatistics) -> str:
    share = layer["initial_share"]
    if share is not None and not layer["untouched"]:
        return f"in each feature, {share:.3g} of the moving statistics is still the 0 and 1 of the start"
    if layer["distance"] > _FAR:
        return f"the distributions differ by {layer['distance']:.2f} of 1"
    return f"{layer['far']} of {format_count(layer['live'], 'feature')} lie far outside of them"


def _describe(layer: LayerStatistics, what: str) -> str:
    if layer["untouched"]:
        return (
            f"the moving statistics of '{layer['path']}' are still 0 and 1, although its scale or offset was "
            f"trained, and are not those of the {what}"
        )
    return f"the moving statistics of '{layer['path']}' are not those of the {what}"


def _is_far(layer: LayerStatistics, source: str) -> bool:
    if source == "reference":
        return layer["distance"] > _FAR
    return layer["distance"] > _FAR_FROM_ROWS and layer["size"] > _OUTSIDE


def _is_far_in_part(layer: LayerStatistics) -> bool:
    """Whether a strong minority of the features is far outside, which a mean over all features can hide."""
    part = _FAR_PART if layer["initial_share"] is None else _FAR_PART_IF_MIXED
    return layer["far"] > 0 and layer["far"] >= part * layer["live"]


def _is_mixed(layer: LayerStatistics) -> bool:
    """Whether training took so few steps that the start still decides the statistics of all features."""
    is_mixture = layer["initial_share"] is not None and not layer["untouched"]
    return is_mixture and layer["distance"] > _FAR_IF_MIXED and layer["size"] > _OUTSIDE_IF_MIXED


def _has_effect(layer: LayerStatistics, details: BatchNormDetails) -> bool:
    """Whether the start is a large part of the statistics, and outputs change much without it."""
    share, effect = layer["initial_share"] or 0.0, details.get("effect", 0.0)
    is_large = share > _LARGE_SHARE and effect > _LARGE_EFFECT and layer["size"] > 1
    return is_large and not layer["untouched"]


def _is_sure(layer: LayerStatistics, source: str) -> bool:
    """Whether no other rows of the same population explain what is far."""
    return _is_far(layer, source) or source == "reference" or layer["initial_share"] is not None


CHECK = Check(
    code="KC404",
    name="batch-norm-statistics",
    title="the moving statistics of BatchNormalization belong to the rows",
    explanation=__doc__,
    routes=(_ROUTE,),
    examine=examine,
)
