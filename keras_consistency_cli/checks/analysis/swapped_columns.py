"""Features in each other's place: columns with the statistics of others. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.column_order import write_order
from keras_consistency_cli.checks.analysis.scaling_state import UNLIKE, by_input, distance
from keras_consistency_cli.measurement.data_facts import ColumnFact, DataFacts, RowsFact
from keras_consistency_cli.text import clean

__all__ = ["SwappedFeatures", "match_swapped_columns", "swapped_features"]

_LIKE = 0.1
"""Distance below which a column clearly is a certain other column."""
_AWAY, _SAME_SHARE = 0.04, 0.2
"""Beside columns that clearly are in a wrong place: distance of others from their own place, and the part of
it that may be left in the right one."""
_FEWEST_ROWS, _MOST_FEATURES = 16, 256

Looks = Sequence[tuple[float, float]]
"""Centre and spread of each feature."""


@dataclass(frozen=True, kw_only=True)
class SwappedFeatures:
    """Columns of one input in the place of other columns.

    `places` maps each column to the place where it belongs, `against` names the source that shows it.
    `trained` are the names of the columns there, if they are known.
    """

    input: str
    against: str
    names: Sequence[str]
    places: dict[int, int]
    trained: Sequence[str] = ()

    def describe(self) -> tuple[str, ...]:
        """Return what is wrong with each column, for messages.

        Columns with the names that belong to their values are in a wrong place; others have a wrong name.
        """
        names, trained = ([clean(name, 40) for name in each] for each in (self.names, self.trained))
        moves = self.places.items()
        if trained and all(trained[there] == names[here] for here, there in moves):
            return tuple(f"'{names[here]}' is in the place of '{trained[here]}'" for here in self.places)
        return tuple(f"'{names[here]}' holds '{names[there]}'" for here, there in moves)

    @property
    def fix(self) -> str:
        """The line of NumPy that puts them back."""
        return write_order(self.places, len(self.names)) or ""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What an input's columns are compared with: how they looked in training, by this source."""

    input: str
    against: str
    columns: Sequence[ColumnFact]
    looks: Looks
    rows: int
    trained: Sequence[str] = ()


def swapped_features(description: DataFacts) -> Iterator[SwappedFeatures]:
    """Yield the inputs whose features are in each other's place, each once.

    They are compared with the reference rows, the scaler and the Normalization layers, in this order.
    """
    seen = set()
    for source in _sources(description):
        if source.input in seen:
            continue
        places = match_swapped_columns(source.columns, source.looks, rows=source.rows)
        if places:
            seen.add(source.input)
            names = [column.name for column in source.columns]
            trained = source.trained if len(source.trained) == len(names) else ()
            yield SwappedFeatures(
                input=source.input, against=source.against, names=names, places=places, trained=trained
            )


def _sources(description: DataFacts) -> Iterator[_Source]:
    for reference in description.reference:
        rows = by_input(description.raw, reference.input)
        if rows is not None and reference.rows >= _FEWEST_ROWS:
            looks = [(column.mean, column.sd) for column in reference.columns]
            trained = [column.name for column in reference.columns]
            yield _source(rows, "the reference rows", rows.columns, looks, trained)
    yield from _scaler_source(description)
    for layer in description.layers:
        fed = by_input(description.fed, layer.input)
        if layer.kind == "Normalization" and layer.adapted and fed is not None:
            looks = list(zip(layer.mean, layer.sd, strict=False))
            yield _source(fed, f"'{layer.path}'", layer.seen, looks)


def _scaler_source(description: DataFacts) -> Iterator[_Source]:
    scaling = description.scaling
    if scaling is None or description.state != "raw":
        return
    rows = by_input(description.raw, scaling.input)
    if rows is not None and [each.column for each in scaling.expected] == list(range(len(rows.columns))):
        looks = [each.raw for each in scaling.expected]
        yield _source(rows, f"the {scaling.kind}", rows.columns, looks, scaling.names or ())


def _source(
    rows: RowsFact,
    against: str,
    columns: Sequence[ColumnFact],
    looks: Looks,
    trained: Sequence[str] = (),
) -> _Source:
    return _Source(
        input=rows.input, against=against, columns=columns, looks=looks, rows=rows.rows, trained=trained
    )


def match_swapped_columns(columns: Sequence[ColumnFact], looks: Looks, *, rows: int) -> dict[int, int]:
    """Return which columns look like which others, if all clearly are in each other's place."""
    if len(columns) != len(looks) or not 2 <= len(columns) <= _MOST_FEATURES or rows < _FEWEST_ROWS:
        return {}
    moved = [
        place for place, column in enumerate(columns) if distance(column, *looks[place], rows=rows) > UNLIKE
    ]
    places = {}
    for here in moved:
        nearest, *others = sorted(
            (distance(columns[here], *looks[there], rows=rows), there) for there in moved
        )
        if nearest[0] > _LIKE or (others and others[0][0] < 2 * _LIKE):
            return {}
        places[here] = nearest[1]
    if set(places.values()) != set(places):
        return {}
    return places | (_match_similar(columns, looks, rows=rows, beside=places) if places else {})


def _match_similar(
    columns: Sequence[ColumnFact], looks: Looks, *, rows: int, beside: Mapping[int, int]
) -> dict[int, int]:
    """Return which columns among the others are exchanged too, although they look alike.

    Where some columns are in a wrong place, a small distance that disappears in another place is no drift.
    """
    away = {
        place: own
        for place, column in enumerate(columns)
        if place not in beside and (own := distance(column, *looks[place], rows=rows)) > _AWAY
    }
    nearest = {
        here: min(away, key=lambda there: distance(columns[here], *looks[there], rows=rows)) for here in away
    }
    places = {
        here: there
        for here, there in nearest.items()
        if distance(columns[here], *looks[there], rows=rows) < _SAME_SHARE * away[here]
    }
    while places and set(places.values()) != set(places):
        places = {
            here: there for here, there in places.items() if here in places.values() and there in places
        }
        if len(set(places.values())) < len(places):
            return {}
    return places
