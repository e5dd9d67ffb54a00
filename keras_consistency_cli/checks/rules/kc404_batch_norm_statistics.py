"""The moving statistics of BatchNormalization must belong to the rows that reach the layer.

Why: in training, BatchNormalization uses the statistics of each batch; afterwards it uses moving statistics.
A few steps at momentum 0.99, or batches of one row, leave them far from the rows: accuracy is perfect in
training, and at prediction time the outputs are wrong or all the same.

How: one pass over the reference rows, or over the rows to check without them, measures what reaches each
BatchNormalization layer. The two distributions of each feature are compared (Hellinger distance, 0 if equal,
1 if disjoint), and the mean over the features is judged. Rows to check may differ from the training rows, so
without reference rows their values must also be far outside of the moving statistics.

If the scale or the offset of a layer was trained but its statistics are still the 0 and 1 that it was created
with, the check warns: either a training loop did not store the updated statistics, or weights were copied
without them, or the layer was trained in inference mode, which is correct. Other layers as they were created,
and other layers that are not trainable, are left out.

To fix: train longer, or with a lower momentum, such as BatchNormalization(momentum=0.9); or run
`model(x, training=True)` on training batches until the moving statistics are those of the rows; save again.
A training loop of your own must store `non_trainable_variables` too.

Sources: tensorflow#38486, keras#6014, keras#8837, Ioffe and Szegedy 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.numerics.batch_norm_statistics import BatchNormDetails, LayerStatistics
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_ROUTE = "batch-norm-statistics"
_FAR = 0.4
"""Mean distance that shows statistics of other rows: layers of trained models had at most 0.02 on their
training rows, untrained ones on standardized rows 0.11, and rows shifted by a standard deviation 0.27."""
_FAR_FROM_ROWS, _OUTSIDE = 0.5, 3.0
"""Without reference rows: the distance, and the size of the normalized values, which is 1 for the rows of
training and was 1.9 for rows shifted by a standard deviation."""
_FEWEST_ROWS = 8
_ADVICE = (
    "train longer or with BatchNormalization(momentum=0.9), in batches of many rows, so that the moving "
    "statistics of '{layer}' become those of the rows; then save again"
)
_ADVICE_IF_UNTOUCHED = (
    "if '{layer}' was trained with the statistics of its batches, store or copy the moving statistics "
    "(non_trainable_variables) with the other weights; if it was trained in inference mode, it needs none"
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
    layers = [layer for layer in details["layers"] if _is_judged(layer)]
    if not layers:
        return Verdict.skip("every BatchNormalization layer is frozen, or still as it was created")
    return _judge(layers, details["source"], details["rows"])


def _is_judged(layer: LayerStatistics) -> bool:
    """Whether the layer normalizes with statistics of rows, or was trained and should."""
    return layer["learned"] if layer["untouched"] else layer["trainable"]


def _judge(layers: Sequence[LayerStatistics], source: str, rows: int) -> Verdict:
    what = "reference rows" if source == "reference" else "rows"
    far = [layer for layer in layers if _is_far(layer, source)]
    findings: dict[str, object] = {
        "distance": {layer["path"]: layer["distance"] for layer in layers},
        "source": source,
    }
    if not far:
        worst = max(layer["distance"] for layer in layers)
        message = (
            f"the statistics of {format_count(len(layers), 'layer')} fit the {what}; "
            f"largest distance {worst:.2g} of 1"
        )
        return Verdict.ok(message, findings=findings)
    moved = [layer for layer in far if not layer["untouched"]]
    first = (moved or far)[0]
    more = f" ({len(far)} layers in all)" if len(far) > 1 else ""
    message = (
        f"{_describe(first, what)}{more}; "
        f"feature {first['feature']} has the moving mean {first['stored']:.3g}, "
        f"{rows} rows give {first['seen']:.3g}; "
        f"the distributions differ by {first['distance']:.2f} of 1"
    )
    return (Verdict.fail if moved else Verdict.warn)(
        message,
        cause="batch-norm-statistics",
        findings={**findings, "layer": first["path"]},
        advice=(_ADVICE if moved else _ADVICE_IF_UNTOUCHED).format(layer=first["path"]),
    )


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


CHECK = Check(
    code="KC404",
    name="batch-norm-statistics",
    title="the moving statistics of BatchNormalization belong to the rows",
    explanation=__doc__,
    routes=(_ROUTE,),
    examine=examine,
)
