"""Rows of a data set that yields them: tf.data.Dataset, keras.utils.PyDataset and datasets of Hugging Face.

Such a data set may be endless, and reading it may be slow. Its first rows are taken, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean, format_count

__all__ = ["MOST_ROWS", "Collected", "collect_rows"]

MOST_ROWS = 65_536
"""Rows that are taken if the user asks for all."""
_MOST_BYTES = 2**29
_Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """The first rows of a data set: an array, or arrays by name; and how they were taken."""

    values: _Array | dict[str, _Array]
    remark: str


def collect_rows(values: Any, *, what: str, inputs: Sequence[InputFact], most: int) -> Collected | None:
    """Return the first rows of a data set, None if this is not one.

    Args:
        values: what the user gave as rows.
        what: its name in messages, such as "x".
        inputs: the inputs of the model, if they are known.
        most: how many rows to take.

    Raises:
        UsageError: its columns or its elements do not belong to the inputs.
        DataError: it fails when it is read, or yields nothing.
    """
    if type(values).__module__.partition(".")[0] == "datasets" and isinstance(values, Mapping):
        splits = [clean(name, 40) for name in values]
        raise UsageError(
            f"{what} has the splits {', '.join(splits)}", fix=f"give one: {what}['{splits[-1]}']"
        )
    try:
        elements = _find_elements(values)
        if elements is None:
            return None
        return _Collector(what=what, inputs=tuple(inputs), most=most).collect(elements)
    except (UsageError, DataError):
        raise
    except Exception as problem:  # a data set runs code of the user
        raise DataError(
            f"{what} fails when its rows are read: {type(problem).__name__}: {clean(problem, 120)}"
        ) from problem


@dataclass(frozen=True, kw_only=True)
class _Elements:
    """What a data set yields: single rows or batches, None if its rank decides.

    `kind` is its name in the report. `are_columns` says that the elements are rows by the names of columns,
    labels among them.
    """

    kind: str
    items: Iterable[Any]
    are_batches: bool | None = None
    are_columns: bool = False


def _find_elements(values: Any) -> _Elements | None:
    """What a data set yields; its class is recognised without an import of its package."""
    package = type(values).__module__.partition(".")[0]
    if hasattr(values, "element_spec") and hasattr(values, "as_numpy_iterator"):
        return _Elements(kind="tf.data.Dataset", items=values.as_numpy_iterator())
    if package == "datasets" and hasattr(values, "with_format"):
        kind = f"datasets.{type(values).__name__}"
        return _Elements(kind=kind, items=values, are_batches=False, are_columns=True)
    if hasattr(values, "num_batches") and hasattr(values, "__getitem__"):
        return _Elements(kind="PyDataset", items=_read_batches(values), are_batches=True)
    return None


def _read_batches(dataset: Any) -> Iterator[Any]:
    number = dataset.num_batches
    yield from (dataset[place] for place in (count() if number is None else range(int(number))))


@dataclass(frozen=True, kw_only=True)
class _Collector:
    """Puts the elements of a data set together; for the arguments see `collect_rows`."""

    what: str
    inputs: tuple[InputFact, ...]
    most: int

    def collect(self, elements: _Elements) -> Collected:
        """Return the first rows."""
        parts: list[dict[str, _Array]] = []
        left_out: set[str] = set()
        taken = size = 0
        for element in elements.items:
            rows, unused = self._name_parts(element, elements)
            left_out |= unused
            batches = elements.are_batches if elements.are_batches is not None else self._are_batches(rows)
            parts.append({name: part if batches else part[None] for name, part in rows.items()})
            taken += len(next(iter(parts[-1].values())))
            size += sum(part.nbytes for part in rows.values())
            if taken >= self.most or size >= _MOST_BYTES:
                break
        if not taken:
            raise DataError(f"{self.what} yields no rows", expected="a data set with rows")
        joined = {name: self._join([part[name] for part in parts], name) for name in parts[0]}
        return Collected(
            values=joined.get("", joined),
            remark=self._describe(elements.kind, min(taken, self.most), left_out),
        )

    def _describe(self, kind: str, taken: int, left_out: set[str]) -> str:
        unused = f"; left out: {', '.join(clean(name, 40) for name in sorted(left_out))}" if left_out else ""
        return f"{self.what}: the first {format_count(taken, 'row')} of a {kind}{unused}"

    def _name_parts(self, element: Any, elements: _Elements) -> tuple[dict[str, _Array], set[str]]:
        """The arrays of one element by input, "" for the only one; and what else it holds."""
        if elements.are_columns:
            return self._choose_columns(element)
        rows, left_out = element, set()
        if isinstance(element, (tuple, list)) and element:
            rows, left_out = element[0], set(("labels", "sample weights")[: len(element) - 1])
        if isinstance(rows, Mapping):
            return {str(name): _to_array(part) for name, part in rows.items()}, left_out
        if isinstance(rows, (tuple, list)) and len(rows) == len(self.inputs) > 1:
            pairs = zip(self.inputs, rows, strict=True)
            return {fact.name: _to_array(part) for fact, part in pairs}, left_out
        return {"": _to_array(rows)}, left_out

    def _choose_columns(self, row: Mapping[str, Any]) -> tuple[dict[str, _Array], set[str]]:
        names = [fact.name for fact in self.inputs]
        chosen = names if names and set(names) <= set(row) else list(row)
        if len(chosen) != max(len(names), 1):
            raise UsageError(
                f"{self.what} has the columns {', '.join(clean(name, 40) for name in row)}, "
                f"the model's inputs are {', '.join(map(clean, names)) or 'not known'}",
                fix="choose the columns: dataset.select_columns([...]), and rename them to the inputs if the "
                "model has several: dataset.rename_column(old, new)",
            )
        arrays = {name if len(chosen) > 1 else "": _to_array(row[name]) for name in chosen}
        return arrays, {str(name) for name in row} - set(chosen)

    def _are_batches(self, rows: Mapping[str, _Array]) -> bool:
        """Whether an element has a batch axis, by the rank of an input; Keras expects batches."""
        ranks = {fact.name: len(fact.shape) for fact in self.inputs}
        if len(self.inputs) == 1:
            ranks[""] = len(self.inputs[0].shape)
        return not any(part.ndim == ranks.get(name, -1) - 1 for name, part in rows.items())

    def _join(self, parts: Sequence[_Array], name: str) -> _Array:
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            shown = ", ".join(str(shape) for shape in islice(sorted(shapes), 2))
            place = f" for {clean(name)}" if name else ""
            raise DataError(
                f"{self.what} yields rows of different shapes{place}: {shown}",
                fix="pad them to one length, or give rows of one length only",
            )
        return np.concatenate(parts)[: self.most]


def _to_array(values: Any) -> _Array:
    """An array of one element; bytes of texts become texts."""
    array = np.asarray(values)
    if array.dtype.kind in "OS" and array.size and all(isinstance(item, bytes) for item in array.flat):
        texts = [item.decode("utf-8", "replace") for item in array.flat]
        return np.array(texts, dtype=str).reshape(array.shape)
    return array
