"""The rounding noise, from the traces and comparisons that a run has collected."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.noise import NoiseMeasurements, estimate_noise
from keras_consistency_cli.pipeline.plan import OTHER_WITNESSES
from keras_consistency_cli.routes.calling.prediction import PredictDetails
from keras_consistency_cli.routes.trace import (
    FLOAT64_COPY,
    REFERENCE,
    REPEATED,
    ROUNDED,
    TRACED_AGAIN,
    Trace,
    is_float64,
)

__all__ = ["measured_noise"]


def measured_noise(
    traces: Mapping[str, Trace],
    comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]],
    *,
    coarse: bool,
) -> dict[str, Comparison]:
    """Return the rounding noise by output; see `estimate_noise`.

    Args:
        traces: the results of the routes.
        comparisons: by candidate and reference.
        coarse: whether less precision than float32 is to be expected.
    """
    predict = traces.get(REFERENCE)
    changed = predict.changed if predict is not None else ()
    details = predict.details_as(PredictDetails) if predict is not None else PredictDetails()
    return estimate_noise(
        NoiseMeasurements(
            reference=comparisons.get((REFERENCE, FLOAT64_COPY), ()),
            repeated=comparisons.get((REPEATED, REFERENCE), ()),
            alternatives=[comparisons.get((name, FLOAT64_COPY), ()) for name in OTHER_WITNESSES],
            rounded=comparisons.get((ROUNDED, REFERENCE), ()),
            traced_again=[pair for name in TRACED_AGAIN for pair in comparisons.get((name, REFERENCE), ())],
            in_float64=_in_float64(comparisons),
            changed_kinds={change.kind for change in changed},
            changes_numbers=any(change.plain for change in changed),
            reads_clock=bool(details.get("clock")),
            random_operations=bool(details.get("random_operations")),
            coarse=coarse,
        )
    )


def _in_float64(comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]]) -> list[Comparison]:
    """Return the ways of calling the float64 copy, each compared with its predict."""
    return [
        pair
        for (candidate, reference), pairs in comparisons.items()
        if reference == FLOAT64_COPY and is_float64(candidate)
        for pair in pairs
    ]
