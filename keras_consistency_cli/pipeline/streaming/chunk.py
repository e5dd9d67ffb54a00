"""The evidence of one chunk of rows: traces without outputs, and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.trace import Trace

__all__ = ["ChunkEvidence", "drop_outputs", "join_traces"]


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
