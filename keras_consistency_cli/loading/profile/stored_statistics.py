"""How far statistics that were stored in training differ from those of the rows."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.measurement.data_facts import ColumnFact, DataFacts

__all__ = ["measure_mismatch"]


def measure_mismatch(facts: DataFacts) -> float:
    """Return the mean difference of stored means from those of the rows, in stored standard deviations.

    The rows are the reference rows, if there are any. It is 0 if no scaler and no layer has statistics.
    """
    differences = [*_differences_of_layers(facts), *_differences_of_scaler(facts)]
    return sum(differences) / len(differences) if differences else 0.0


def _differences_of_layers(facts: DataFacts) -> Iterator[float]:
    for layer in facts.layers:
        if layer.adapted and layer.mean and layer.sd:
            columns = layer.seen_reference or layer.seen
            for column, mean, sd in zip(columns, layer.mean, layer.sd, strict=False):
                yield from _difference(column, mean, sd)


def _differences_of_scaler(facts: DataFacts) -> Iterator[float]:
    scaling = facts.scaling
    if scaling is None:
        return
    rows = {each.input: each.columns for each in facts.raw}
    columns = {each.input: each.columns for each in facts.reference} or rows
    for expected in scaling.expected:
        if expected.column < len(columns.get(scaling.input, ())):
            yield from _difference(columns[scaling.input][expected.column], *expected.raw)


def _difference(column: ColumnFact, mean: float, sd: float) -> Iterator[float]:
    if column.count and sd > 0:
        yield abs(column.mean - mean) / sd
