"""Recorded outputs of another vocabulary, in whatever order: which word each word of the rows stood for.

Row by row, each word is replaced by every word that it may have stood for, and the model runs on all of these
rows. The words for which it gives the recorded outputs of the row remain. A row of few unknown words comes
first; the words that it decides make the following rows shorter, until nearly every row has one possible
reading and confirms the others. Rows of many words from a large vocabulary have too many readings, and end
the search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.persistence.recordings.activations import CLOSE
from keras_consistency_cli.routes.persistence.recordings.symbols import UNKNOWN, Space, Symbol, find_spaces
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["solve_vocabulary"]

_MOST_READINGS, _MOST_RUNS = 20_000, 60_000
"""Readings of one row, and rows that the model runs on in all."""
_WORK = 2e10
"""Multiplications of all of these rows."""
_AT_ONCE, _BYTES_AT_ONCE = 1024, 64 * 2**20
_CHANCE = 2 * CLOSE
"""The probability that other outputs agree with the recorded ones of a row by chance."""
_LEAST_EVIDENCE = 30.0
"""In bits: other words would give all of them by chance with a probability of 2 to the minus this."""
_SHOWN = 3

Word = tuple[str, Symbol]
"""A word or id, and the name of its input."""
Agree = Callable[[int, Outputs], np.ndarray]
"""Returns which of the outputs are the recorded ones of a row."""


@dataclass(kw_only=True)
class _Search:
    """What the words of the rows may have stood for.

    Args:
        spaces: by input, the words that there are.
        rows: the different words of each row.
        agree: compares outputs with the recorded ones of a row.
        runs: the number of rows that the model may still run on.
        readings: by word, those that it may have stood for.
        evidence: in bits, how improbable it is that what was found agrees by chance.
    """

    spaces: Mapping[str, Space]
    rows: Sequence[tuple[Word, ...]]
    agree: Agree
    runs: int
    readings: dict[Word, tuple[Symbol, ...]] = field(default_factory=dict)
    evidence: float = 0.0

    def __post_init__(self) -> None:
        for name, symbol in {word for row in self.rows for word in row}:
            self.readings[name, symbol] = self.spaces[name].readings

    def count(self, row: int) -> int:
        """Return the number of readings of a row."""
        return math.prod(len(self.readings[word]) for word in self.rows[row])

    def list_readings(self, row: int) -> list[tuple[Symbol, ...]]:
        """Return the readings of a row in which no two words stand for the same one."""
        names = [name for name, _ in self.rows[row]]
        return [
            each
            for each in product(*(self.readings[word] for word in self.rows[row]))
            if self._are_different(names, each)
        ]

    def _are_different(self, names: Sequence[str], symbols: tuple[Symbol, ...]) -> bool:
        known = [
            (name, each)
            for name, each in zip(names, symbols, strict=True)
            if each != self.spaces[name].unknown
        ]
        return len(known) == len({*known})

    def keep(self, row: int, kept: Sequence[tuple[Symbol, ...]]) -> None:
        """Keep these readings of a row; a word that only one word can stand for is free of all others."""
        for word, symbols in zip(self.rows[row], zip(*kept, strict=True), strict=True):
            self.readings[word] = tuple(dict.fromkeys(symbols))
            name, solved = word[0], self.readings[word]
            if len(solved) > 1 or solved[0] == self.spaces[name].unknown:
                continue
            for other, symbols_left in self.readings.items():
                if other != word and other[0] == name and solved[0] in symbols_left and len(symbols_left) > 1:
                    self.readings[other] = tuple(each for each in symbols_left if each != solved[0])


def solve_vocabulary(
    session: Session, batch: Rows, recorded: Outputs, in_units: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[str, Rows] | None:
    """Return rows whose words are replaced so that the model gives the recorded outputs, with a description.

    None if there are none, or if finding them takes too long.

    Args:
        session: that of the model.
        batch: some rows.
        recorded: their recorded outputs, in the shapes of the model's outputs.
        in_units: returns outputs in the units of the targets, if the recorded ones (the first argument) can
            be in these.
    """
    spaces = find_spaces(session, batch)
    if not spaces:
        return None
    if not _takes_unknown_words(session, batch, spaces):
        spaces = {name: space.without_unknown() for name, space in spaces.items()}
    words = [
        tuple(dict.fromkeys((name, symbol) for name, space in spaces.items() for symbol in space.read(row)))
        for row in range(count_rows(batch))
    ]
    search = _Search(
        spaces=spaces,
        rows=words,
        agree=_compare(recorded, in_units),
        runs=min(_MOST_RUNS, session.facts.rows_for_work(_WORK, fewest=0)),
    )
    if not _narrow_down(session, batch, search) or search.evidence < _LEAST_EVIDENCE:
        return None
    found = {word: symbols[0] for word, symbols in search.readings.items()}
    changed = {name: space.replace_all(_of_input(name, found)) for name, space in spaces.items()}
    return _describe(found), {**batch, **changed}


def _takes_unknown_words(session: Session, batch: Rows, spaces: Mapping[str, Space]) -> bool:
    """Whether the lookups have an entry for words that they lack; ids are always taken."""
    rows = {name: values[: session.batch_size] for name, values in batch.items()}
    for name, space in spaces.items():
        if space.unknown is not None:
            rows[name] = np.full(rows[name].shape, UNKNOWN)
    session.restore()
    try:
        session.steps(rows, session.batch_size)
    except Exception:  # each backend raises errors of its own
        return False
    return True


def _compare(recorded: Outputs, in_units: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Agree:
    limits = {
        name: CLOSE * max(float(values.astype(np.float64).std()), 1e-300) for name, values in recorded.items()
    }

    def agree(row: int, outputs: Outputs) -> np.ndarray:
        agreeing = np.ones(len(next(iter(outputs.values()))), dtype=bool)
        for name, values in recorded.items():
            wanted = np.broadcast_to(values[row], outputs[name].shape)
            ways = (outputs[name], in_units(wanted, outputs[name]))
            agreeing &= np.any([_are_near(each, wanted, limits[name]) for each in ways], axis=0)
        return agreeing

    return agree


def _are_near(outputs: np.ndarray, wanted: np.ndarray, limit: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        distances = np.abs(outputs.astype(np.float64) - wanted.astype(np.float64))
    return np.asarray(distances.reshape(len(outputs), -1).max(axis=1) <= limit)


def _narrow_down(session: Session, batch: Rows, search: _Search) -> bool:
    """Try the rows, those of the fewest readings first; whether all of them have one that agrees."""
    tried: dict[int, int] = {}
    different = {words: row for row, words in reversed([*enumerate(search.rows)])}.values()
    while True:
        counts = {row: search.count(row) for row in different}
        left = [row for row in different if tried.get(row) != counts[row]]
        if not left:
            return True
        row = min(left, key=lambda each: counts[each])
        if counts[row] > min(_MOST_READINGS, search.runs):
            return False
        readings = search.list_readings(row)
        kept = [
            each
            for each, agrees in zip(readings, _try(session, batch, search, row, readings), strict=True)
            if agrees
        ]
        if not kept:
            return False
        if row not in tried:
            search.evidence += max(0.0, -math.log2(len(readings) * _CHANCE))
        search.runs -= len(readings)
        search.keep(row, kept)
        tried[row] = search.count(row)


def _try(
    session: Session, batch: Rows, search: _Search, row: int, readings: Sequence[tuple[Symbol, ...]]
) -> Iterator[bool]:
    """Yield for each reading of a row whether the model gives the recorded outputs for it."""
    row_bytes = sum(values[:1].nbytes for values in batch.values())
    size = session.facts.batch_size or max(1, min(_AT_ONCE, _BYTES_AT_ONCE // max(row_bytes, 1)))
    for start in range(0, len(readings), size):
        part = [dict(zip(search.rows[row], each, strict=True)) for each in readings[start : start + size]]
        # A batch that is not full is filled, so that the model is traced once.
        full = part + part[:1] * (size - len(part)) if session.facts.batch_size else part
        rows = {name: np.repeat(values[row : row + 1], len(full), axis=0) for name, values in batch.items()}
        for name, space in search.spaces.items():
            rows[name] = space.replace_row(row, [_of_input(name, each) for each in full])
        session.restore()
        yield from search.agree(row, session.steps(rows, size))[: len(part)].tolist()


def _of_input(name: str, found: Mapping[Word, Symbol]) -> dict[Symbol, Symbol]:
    return {symbol: other for (own, symbol), other in found.items() if own == name}


def _describe(found: Mapping[Word, Symbol]) -> str:
    changed = sorted((str(symbol), str(other)) for (_, symbol), other in found.items() if symbol != other)
    shown = ", ".join(
        f"'{clean(symbol, 30)}' has the id of '{clean(other, 30)}'"
        if other.strip("\0")
        else f"'{clean(symbol, 30)}' is unknown"
        for symbol, other in changed[:_SHOWN]
    )
    return f"in which {shown}{', …' if len(changed) > _SHOWN else ''}"
