"""One chunk of rows: outputs, and what remains of them: comparisons, and traces without outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.distance import expand_row_mask, is_float
from keras_consistency_cli.measurement.measure import RowOutputs
from keras_consistency_cli.routes.trace import Trace

__all__ = ["ChunkEvidence", "blank_rows", "drop_outputs", "join_traces", "outputs_of"]


@dataclass(frozen=True, kw_only=True)
class ChunkEvidence:
    """The traces and comparisons of one chunk of rows, without outputs: small, whatever the rows."""

    traces: Mapping[str, Trace]
    comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]]
    bad_rows: Mapping[str, Sequence[int]]
    rows: int

    @property
    def is_whole(self) -> bool:
        """Whether no route ended with an error."""
        return all(trace.error is None for trace in self.traces.values())


def drop_outputs(trace: Trace) -> Trace:
    """Return a trace without its outputs, but with their numbers of rows."""
    sizes = {name: len(values) if values.ndim else 0 for name, values in trace.outputs.items()}
    return replace(trace, outputs={}, output_rows=sizes)


def join_traces(before: Trace | None, light: Trace) -> Trace:
    """Return the trace of two chunks without outputs; a failed chunk outweighs the others."""
    if before is None:
        return light
    for one in (before, light):
        if not one.ran:
            return one
    totals = {name: before.output_rows.get(name, 0) + size for name, size in light.output_rows.items()}
    return replace(
        before,
        changed=before.changed or light.changed,
        output_rows=totals,
        elapsed_s=before.elapsed_s + light.elapsed_s,
        tracing_s=before.tracing_s + light.tracing_s,
    )


def outputs_of(trace: Trace | None) -> RowOutputs | None:
    """Return the outputs of a trace, None if it has none."""
    if trace is None or not trace.ran or not trace.outputs:
        return None
    return RowOutputs(outputs=trace.outputs, rows=trace.rows)


def blank_rows(outputs: RowOutputs | None, bad: np.ndarray) -> RowOutputs | None:
    """Return outputs with NaN in the rows of the chunk marked bad, so that nothing is measured there."""
    if outputs is None or not bad.any():
        return outputs
    own = bad if outputs.rows is None else bad[outputs.rows]
    blanked = {
        name: np.where(expand_row_mask(own, values), np.nan, values)
        if is_float(values.dtype) and values.ndim and len(values) == len(own)
        else values
        for name, values in outputs.outputs.items()
    }
    return RowOutputs(outputs=blanked, rows=outputs.rows)
