"""Marks that several libraries and operators give: the columns of tables, and the range of pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keras_consistency_cli.checks.code.values.value import Mark, Site, Value

__all__ = [
    "OF_COLUMNS",
    "OPEN",
    "SCALED",
    "STATED",
    "is_open",
    "ordered_columns",
    "renamed",
    "scaled_pixels",
    "without_names",
]

SCALED = ("div255", "prepared", "scaled-twice")
"""What is true of pixels that are no longer between 0 and 255."""
_SCALED = SCALED[:2]


OPEN = "open-categories"
"""Of a column whose categories are those of its own rows: frame["city"].astype("category")."""
STATED = "stated-categories"
"""Of rows with a dtype that the code states, which may name the categories."""
OF_COLUMNS = -1
"""A mark "refit" about the columns themselves, as pd.get_dummies() makes them: named ones end it."""


def is_open(value: Value) -> bool:
    """Whether the categories of a column are those of the rows that a user sent."""
    return value.has(OPEN) and value.has("request") and not value.has(STATED)


def renamed(value: Value) -> Value:
    """Return a table of columns that the code names: those that the rows have made are over."""
    kept = frozenset(mark for mark in value.marks if (mark.kind, mark.about) != ("refit", OF_COLUMNS))
    return value if len(kept) == len(value.marks) else replace(value, marks=kept)


def ordered_columns(site: Site, names: Iterable[Value]) -> Mark:
    """Return the mark of a table whose columns are named, in this order."""
    return Mark("columns", site, names=tuple(str(name.ref) for name in names))


def without_names(table: Value, site: Site) -> Value:
    """Return the numbers of a table, x.to_numpy(): of its columns, only the order is left."""
    if table.kind != "frame" or not table.has("order"):
        return table
    moved = (mark._replace(site=site, before=mark.before or mark.site) for mark in table.of("order"))
    return table.without("order").marked(*moved)


def scaled_pixels(value: Value, kind: str, site: Site) -> frozenset[Mark]:
    """Return the marks of pixels that are scaled here, and perhaps were before."""
    before = [mark for mark in value.marks if mark.kind in _SCALED and mark.site not in (None, site)]
    first = min((mark.site for mark in before if mark.site is not None), default=None)
    marks = value.marks | {Mark(kind, site)}
    return marks | {Mark("scaled-twice", site, before=first)} if first is not None else marks
