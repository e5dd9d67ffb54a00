"""Features in each other's place: columns that have the statistics of other columns, by what is known of the training rows. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.scaling_state import UNLIKE, by_input, distance
from keras_consistency_cli.measurement.column_facts import ColumnFact
from keras_consistency_cli.measurement.facts import DataFacts

__all__ = ["Displaced", "displaced", "displaced_features"]

_LIKE = 0.1
"""Distance below which a column is another one beyond doubt."""
_FEWEST_ROWS, _MOST_FEATURES = 16, 256

Looks = Sequence[tuple[float, float]]
"""Centre and spread, feature by feature."""


@dataclass(frozen=True, kw_only=True)
class Displaced:
    """Columns of one input that stand in other columns' places: `places` says where each belongs, `against` what remembers that."""

    input: str
    against: str
    names: Sequence[str]
    places: dict[int, int]

    @property
    def fix(self) -> str:
        """The line of NumPy that puts them back."""
        there, here = list(self.places.values()), list(self.places)
        return f"x[..., {there}] = x[..., {here}]"


def displaced_features(known: DataFacts) -> Iterator[Displaced]:
    """Yield the inputs whose features took each other's place, held against the reference rows, the scaler and Normalization layers in turn."""
    seen = set()
    for name, against, columns, looks, rows in _sources(known):
        places = displaced(columns, looks, rows=rows) if name not in seen else {}
        if places:
            seen.add(name)
            yield Displaced(
                input=name, against=against, names=[column.name for column in columns], places=places
            )


def _sources(known: DataFacts) -> Iterator[tuple[str, str, Sequence[ColumnFact], Looks, int]]:
    """Input, what remembers how it looked, its columns now, how they looked then, and rows."""
    for then in known.reference:
        now = by_input(known.raw, then.input)
        if now is not None and then.rows >= _FEWEST_ROWS:
            yield (
                then.input,
                "the reference rows",
                now.columns,
                [(each.mean, each.sd) for each in then.columns],
                now.rows,
            )
    scaling = known.scaling
    rows = by_input(known.raw, scaling.input) if scaling is not None and known.state == "raw" else None
    if (
        scaling is not None
        and rows is not None
        and [each.column for each in scaling.expected] == list(range(len(rows.columns)))
    ):
        yield (
            scaling.input,
            f"the {scaling.kind}",
            rows.columns,
            [each.raw for each in scaling.expected],
            rows.rows,
        )
    for layer in known.layers:
        fed = by_input(known.fed, layer.input)
        if layer.kind == "Normalization" and layer.adapted and fed is not None:
            yield (
                layer.input,
                f"'{layer.path}'",
                layer.seen,
                list(zip(layer.mean, layer.sd, strict=False)),
                fed.rows,
            )


def displaced(columns: Sequence[ColumnFact], looks: Looks, *, rows: int) -> dict[int, int]:
    """Return which columns have the looks of which others, where they took each other's place beyond doubt: none is left over. Else nothing."""
    if len(columns) != len(looks) or not 2 <= len(columns) <= _MOST_FEATURES or rows < _FEWEST_ROWS:
        return {}
    moved = [
        place for place, column in enumerate(columns) if distance(column, *looks[place], rows=rows) > UNLIKE
    ]
    places = {}
    for here in moved:
        apart = sorted((distance(columns[here], *looks[there], rows=rows), there) for there in moved)
        if apart[0][0] > _LIKE or (len(apart) > 1 and apart[1][0] < 2 * _LIKE):
            return {}
        places[here] = apart[0][1]
    return places if set(places.values()) == set(places) else {}
