"""Which array of a data file belongs to which input of the model, and whether it fits there.

A misfit is refused with the line of NumPy that would fix it, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.errors import DataError, ShapeMismatchError
from keras_consistency_cli.loading.rows.input_order import shifted_inputs
from keras_consistency_cli.loading.rows.reading import list_columns
from keras_consistency_cli.loading.rows.shape_fit import (
    find_dtype_clash,
    fits,
    is_taken_silently,
    suggest_shape_fix,
)
from keras_consistency_cli.loading.rows.source import FLAT_TEXTS, ArrayName, RowSource
from keras_consistency_cli.loading.rows.unnamed_inputs import (
    GENERATED_NAMES,
    generated_names,
    name_each_input,
    pair_by_shape,
)
from keras_consistency_cli.loading.tables.columns import describe_texts
from keras_consistency_cli.loading.tables.input_columns import pair_columns
from keras_consistency_cli.measurement.distance import is_numeric, is_text
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.text import clean, did_you_mean, shape_text

__all__ = ["check_batch_size", "check_texts", "match_inputs", "served_inputs"]

_SHOWN = 4
_ENCODE = (
    "encode the texts as in training, such as --preprocess encode.py:encode; "
    "--columns and --drop choose the columns of a table"
)


def match_inputs(
    source: RowSource, inputs: tuple[InputFact, ...], *, batch_size: int | None
) -> Mapping[str, ArrayName]:
    """Return the array or the columns for each input, by name, after a check that everything fits.

    Args:
        source: the opened data.
        inputs: the model's inputs; if they are unknown (none), nothing is checked and each array goes to the
            input of its own name.
        batch_size: the batch size that the model was built for, None if any is accepted.

    Raises:
        DataError: names, rank, shape or dtype do not fit, or there are fewer rows than the batch; the message
            gives the form that would fit.
    """
    if not inputs:
        return {name: name for name in source.arrays}
    names = _pair_names(source, inputs)
    for fact in inputs:
        if fact.dtype and source.holds_words(names[fact.name]):
            raise describe_texts(source.words, f"data {clean(source.path)}")
        _check_shape(source, names[fact.name], fact)
        _check_dtype(source, names[fact.name], fact)
    if batch_size is not None:
        check_batch_size(source.length, batch_size, f"data {clean(source.path)}")
    return names


def served_inputs(source: RowSource, facts: Facts) -> tuple[InputFact, ...]:
    """Return the inputs that served rows belong to.

    Numbers for a text input are ids: they belong where the lookup inside the model gives its own.
    """
    lookups = {fact.name: fact for fact in facts.lookups}
    is_single = len(source.arrays) == len(facts.inputs) == 1
    lone = next(iter(source.arrays.values())) if is_single else None
    arrays = {fact.name: source.arrays.get(fact.name, lone) for fact in facts.inputs}
    are_ids = {
        name
        for name, values in arrays.items()
        if values is not None and is_numeric(values.dtype) and not source.words
    }
    return tuple(lookups.get(fact.name, fact) if fact.name in are_ids else fact for fact in facts.inputs)


def check_texts(source: RowSource, inputs: Sequence[str]) -> None:
    """Refuse columns of texts next to numbers, unless each of them is that of an input.

    Args:
        source: the opened rows, which no scaler and no function changes.
        inputs: the names of the model's inputs, as far as its file shows them.

    Raises:
        DataError: the texts would reach an input of numbers.
    """
    has_own_columns = len(inputs) > 1 and set(source.words) <= set(inputs)
    if source.words and not has_own_columns:
        raise describe_texts(source.words, f"data {clean(source.path)}")


def _pair_names(source: RowSource, inputs: Sequence[InputFact]) -> Mapping[str, ArrayName]:
    wanted, available = [fact.name for fact in inputs], list(source.arrays)
    if len(wanted) == len(available) == 1:
        takes_flat = source.has_single_texts and len(inputs[0].shape) == 1
        return {wanted[0]: FLAT_TEXTS if takes_flat else available[0]}
    if source.columns is not None and (columns := pair_columns(source, inputs)) is not None:
        return columns
    # Surplus arrays that Keras takes for others are a failure of a check, not an unusable file.
    if set(wanted) == set(available) or shifted_inputs(source.arrays, inputs):
        return {name: name for name in wanted}
    raise _describe_names_misfit(source, inputs, available)


def _describe_names_misfit(
    source: RowSource, inputs: Sequence[InputFact], available: Sequence[str]
) -> DataError:
    wanted = [fact.name for fact in inputs]
    label, fix = f"data {clean(source.path)}", _write_savez(wanted)
    if source.columns is not None:
        missing = [name for name in wanted if name not in source.columns]
        return DataError(
            f"{label} has no column for {_quote(missing)}",
            expected=f"a column for each input: {_quote(wanted)}; or a .npz with an array for each",
            fix=fix,
        )
    if not source.named:
        return DataError(
            f"{label} holds one array, the model takes {len(wanted)} inputs: {_quote(wanted)}", fix=fix
        )
    missing = [name for name in wanted if name not in available]
    surplus = [
        f"'{clean(name)}'{clean(did_you_mean(name, missing))}" for name in available if name not in wanted
    ]
    parts = [f"has no array for {_quote(missing)}"] if missing else []
    parts += [f"has {', '.join(surplus)}, which the model does not take"] if surplus else []
    expected = f"an array for each input: {_quote(wanted)}"
    if generated_names(wanted):
        expected += f"; {GENERATED_NAMES}"
        renamed = _write_savez(wanted, pair_by_shape(source.arrays, inputs))
        fix = f"{name_each_input(available)}, and save the model again; or rename the arrays: {renamed}"
    return DataError(f"{label} {' and '.join(parts)}", expected=expected, fix=fix)


def _quote(names: Sequence[str]) -> str:
    return ", ".join(f"'{clean(name)}'" for name in names)


def _write_savez(names: Sequence[str], arrays: Mapping[str, str] | None = None) -> str:
    """The call that saves one array per input, also for names that are not identifiers.

    Args:
        names: the inputs.
        arrays: the array for each input in the file that was read, if it is known.
    """
    values = {name: f"x[{clean(array)!r}]" for name, array in (arrays or {}).items()}
    given = {name: values.get(name, "...") for name in names}
    if all(name.isidentifier() for name in names):
        return f"np.savez('x.npz', {', '.join(f'{clean(name)}={value}' for name, value in given.items())})"
    return (
        f"np.savez('x.npz', **{{{', '.join(f'{clean(name)!r}: {value}' for name, value in given.items())}}})"
    )


def _label(source: RowSource, name: ArrayName) -> str:
    label = f"data {clean(source.path)}"
    return f"array '{clean(name)}' of {label}" if source.named else label


def _check_shape(source: RowSource, name: ArrayName, wanted: InputFact) -> None:
    shape = source.array(name).shape
    if fits(shape, wanted.shape) or is_taken_silently(shape, wanted.shape, wanted.lenient):
        return
    fix = _suggest_option(source, wanted) or suggest_shape_fix(shape, wanted.shape)
    if fix is None and len(shape) == len(wanted.shape) and fits(shape[:-1], wanted.shape[:-1]):
        fix = (
            f"pass the {wanted.shape[-1]} features of the last axis that the model was trained on, "
            "in the same order"
        )
    raise ShapeMismatchError(
        f"{_label(source, name)} has shape {shape}, "
        f"the model's input '{clean(wanted.name)}' takes {shape_text((None, *wanted.shape[1:]))}",
        fix=fix,
        name=wanted.name,
        shape=shape,
        expected=wanted.shape,
    )


def _suggest_option(source: RowSource, wanted: InputFact) -> str | None:
    """The option that fits one series to windows, or a table to fewer features; None if none does."""
    shape, expected = next(iter(source.arrays.values())).shape, wanted.shape
    if len(source.arrays) > 1 or len(shape) != 2:
        return None
    steps, features = (expected[1], expected[2]) if len(expected) == 3 else (None, None)
    if steps is not None and steps > 1 and features in (None, shape[1]) and steps < shape[0]:
        return f"--window {steps}, which is sliding_window_view(x, {steps}, axis=0).swapaxes(1, 2)"
    surplus = shape[1] - (expected[1] or shape[1]) if len(expected) == 2 else 0
    if source.columns is not None and surplus > 0:
        return f"leave out {surplus} with --drop NAMES, or give --columns; {list_columns(source.columns)}"
    return None


def _check_dtype(source: RowSource, name: ArrayName, wanted: InputFact) -> None:
    array = source.array(name)
    clash = find_dtype_clash(array, wanted.dtype)
    if clash is not None:
        raise DataError(
            f"{_label(source, name)} has dtype {array.dtype}, "
            f"the model's input '{clean(wanted.name)}' {clash.reason}",
            fix=_ENCODE if source.columns and is_text(array.dtype) else clash.fix,
        )


def check_batch_size(length: int, batch_size: int, label: str) -> None:
    """Refuse fewer rows than one batch.

    Args:
        length: the number of rows.
        batch_size: the batch size that the model was built for.
        label: the name of the rows in messages, already cleaned.

    Raises:
        DataError: there are fewer rows than that.
    """
    if length < batch_size:
        raise DataError(
            f"{label} has {length} rows, fewer than the batch of {batch_size} that the model was built for",
            expected=f"at least {batch_size} rows",
            fix="add rows, or use a model built without batch_size",
        )
