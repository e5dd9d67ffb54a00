"""Which columns of a table go to which input of a model with several inputs.

A column that has the name of an input goes there. Of the other columns, those whose names begin with the name
of an input ("color_red" and "color_blue" for 'color') go there together, and one input that is left takes
all columns that are left. An input gets columns only if it takes exactly as many. One that takes a single
column needs its name: the column that is left may be the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.rows.reading import drop_option, list_columns
from keras_consistency_cli.loading.rows.source import ArrayName, RowSource
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean

__all__ = ["describe_columns", "pair_columns"]

_SEPARATORS = ("_", ".", "-")


def pair_columns(source: RowSource, inputs: Sequence[InputFact]) -> Mapping[str, ArrayName] | None:
    """Return the column or columns for each input; None if the table does not name the inputs.

    Args:
        source: the rows of a table.
        inputs: the inputs of a model, two or more.

    Raises:
        DataError: columns are left that no input takes, or not as many as the last input takes.
    """
    columns = source.columns or ()
    pairs: dict[str, ArrayName] = {fact.name: fact.name for fact in inputs if fact.name in columns}
    wide = [fact for fact in inputs if fact.name not in pairs]
    pairs |= {fact.name: found for fact in wide if (found := _columns_by_prefix(columns, fact, inputs))}
    left = [fact for fact in inputs if fact.name not in pairs]
    used = set(_flatten(pairs.values()))
    unused = tuple(name for name in columns if name not in used)
    if not pairs or len(left) > 1 or any(len(fact.shape) != 2 for fact in left):
        return None
    label = f"data {clean(source.path)}"
    for fact in left:
        if not unused or fact.shape[1] == 1 or fact.shape[1] not in (None, len(unused)):
            raise _describe_width(label, fact, unused)
        pairs[fact.name], unused = unused, ()
    if unused:
        raise _describe_surplus(label, columns, inputs, unused, is_single=not wide)
    return {fact.name: pairs[fact.name] for fact in inputs}


def describe_columns(source: RowSource, inputs: Sequence[InputFact]) -> Iterator[str]:
    """Yield which columns of the table go to each input that takes several."""
    if len(inputs) < 2 or source.columns is None:
        return
    for name, found in (pair_columns(source, inputs) or {}).items():
        if not isinstance(found, str):
            yield f"input '{clean(name)}' takes, in this order, the {list_columns(found)}"


def _columns_by_prefix(
    columns: Sequence[str], fact: InputFact, inputs: Sequence[InputFact]
) -> tuple[str, ...] | None:
    """The columns whose names begin with that of this input, and with no longer one, if their number fits."""
    longer = [each.name for each in inputs if len(each.name) > len(fact.name)]
    found = tuple(
        name
        for name in columns
        if _has_prefix(name, fact.name)
        and not any(name == each or _has_prefix(name, each) for each in longer)
    )
    return found if found and fact.shape[1:] == (len(found),) else None


def _has_prefix(column: str, name: str) -> bool:
    return column.startswith(tuple(f"{name}{separator}" for separator in _SEPARATORS))


def _flatten(found: Iterable[ArrayName]) -> Iterator[str]:
    for each in found:
        yield from (each,) if isinstance(each, str) else each


def _describe_width(label: str, fact: InputFact, unused: Sequence[str]) -> DataError:
    if not unused:
        return DataError(
            f"{label} has no column for '{clean(fact.name)}'",
            expected="a column for each of its features; or a .npz with an array for each input",
        )
    if fact.shape[1] == 1:
        return DataError(
            f"{label} has no column '{clean(fact.name)}', which the model's input of this name takes",
            expected=f"a column of this name; the table also has the {list_columns(unused)}",
            fix="rename the column of this input, or give a .npz with an array for each input",
        )
    return DataError(
        f"{label} has {len(unused)} columns that are not those of other inputs, "
        f"the model's input '{clean(fact.name)}' takes {fact.shape[1]}",
        expected=list_columns(unused),
        fix="leave out columns with --drop NAMES, or give --columns",
    )


def _describe_surplus(
    label: str, columns: Sequence[str], inputs: Sequence[InputFact], unused: Sequence[str], *, is_single: bool
) -> DataError:
    wanted = len(inputs) if is_single else len(columns) - len(unused)
    takes = f"the model has {len(inputs)} inputs" if is_single else f"the model's inputs take {wanted}"
    are = "is" if len(unused) == 1 else "are"
    shown = ", ".join(f"'{clean(name)}'" for name in unused[:4])
    return DataError(
        f"{label} has {len(columns)} columns, {takes}: {shown} {are} extra", fix=drop_option(unused)
    )
