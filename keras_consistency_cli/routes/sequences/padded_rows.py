"""The rows of a padded input, and variants without padding or with it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from keras_consistency_cli.routes.locating.moved_padding import MovedPadding
from keras_consistency_cli.routes.locating.padding_leak import PaddingLeak
from keras_consistency_cli.routes.locating.padding_runs import PaddingRuns
from keras_consistency_cli.routes.sequences.masks.mask_restoring import LostMaskEffect
from keras_consistency_cli.routes.sequences.padding_detection import Padding, Side, cut_to_length
from keras_consistency_cli.routes.session.batches import select_rows
from keras_consistency_cli.routes.trace import Rows

__all__ = ["MAX_ROWS", "OwnMask", "PaddedInput", "PaddedSample", "PaddingDetails", "choose_lengths"]

MAX_ROWS = 16
"""Rows that are compared of each length."""
_SPECK = 1e-20
"""Change of a time step of zeros that only a mask detects."""


class OwnMask(TypedDict):
    """A mask that the model computes by itself.

    `moves` is the greatest effect of other values in the padding while the mask stays, as a share of the
    greatest output. `reaches_leak` is whether the layer that lets padding in works with this mask, or
    is given it.
    """

    moves: float
    reaches_leak: bool


class PaddingDetails(LostMaskEffect, total=False):
    """The measurements of the route `unpadded` for one input; `declared` is always there.

    The effect of a lost mask is measured only if the model takes one length.
    """

    declared: bool
    mask: float | None
    side: Side
    padded_rows: int
    other_value: bool
    value: list[float]
    empty_rows: int
    rows: int
    foreign_steps: int
    inner_steps: int
    input: str
    empty_answers_nan: bool
    empty_would_be_nan: bool
    refused: str
    added: list[int]
    lengths: list[int]
    other_side: float
    inner_moves: float
    leak: PaddingLeak
    moved: MovedPadding
    own_mask: OwnMask


@dataclass(frozen=True, kw_only=True)
class PaddedInput:
    """The input whose padding is measured.

    Args:
        rows: the rows of all inputs.
        name: the input.
        masks: all inputs that are series, with the value that the model masks in them.
        padding: how the rows of this input are padded.
        details: what is already known about the padding.
        together: further inputs of the same time axis, which are cut with this one.
    """

    rows: Rows
    name: str
    masks: Mapping[str, float | None]
    padding: Padding | None
    details: PaddingDetails
    together: frozenset[str] = frozenset()

    @property
    def mask(self) -> float | None:
        """The value that the model masks in this input."""
        return self.masks[self.name]

    @property
    def with_all_of_its_length(self) -> PaddedInput:
        """The same, with every input that has as many time steps: the model may add or join them."""
        steps = self.rows[self.name].shape[1]
        alike = {name for name, values in self.rows.items() if values.ndim > 1 and values.shape[1] == steps}
        return replace(self, together=frozenset(alike - {self.name}))


@dataclass(frozen=True, kw_only=True)
class PaddedSample:
    """Rows of a few true lengths, sorted by length.

    Args:
        rows: the rows of all inputs.
        names: the inputs that are cut together.
        lengths: the true length of each row.
        padding: the padding from which the rows were chosen.
    """

    rows: Rows
    names: Sequence[str]
    lengths: np.ndarray
    padding: Padding

    @classmethod
    def choose(cls, series: PaddedInput, padding: Padding, lengths: Sequence[int]) -> PaddedSample:
        """Choose some rows of each length."""
        chosen = [np.flatnonzero(padding.lengths == length)[:MAX_ROWS] for length in lengths]
        return cls(
            rows=select_rows(series.rows, np.concatenate(chosen)),
            names=[
                name
                for name, values in series.rows.items()
                if name == series.name
                or name in series.together
                or (name in series.masks and _is_padded_alike(values, padding, series.masks[name]))
            ],
            lengths=np.repeat(lengths, [len(positions) for positions in chosen]),
            padding=padding,
        )

    @property
    def is_true(self) -> np.ndarray:
        """Whether each time step of each row is a true one."""
        return np.asarray(self.padding.positions[None] < self.lengths[:, None])

    def positions(self, length: int) -> slice:
        """Return the positions of the rows of one length."""
        positions = np.flatnonzero(self.lengths == length)
        return slice(int(positions[0]), int(positions[-1]) + 1)

    def cut(self, length: int) -> Rows:
        """Return the rows of one length without their padding."""
        own = self.positions(length)
        return {
            name: cut_to_length(values[own], length, self.padding.side) if name in self.names else values[own]
            for name, values in self.rows.items()
        }

    def move_padding(self) -> Rows:
        """Return the rows with their padding on the other side."""
        steps, direction = self.padding.steps, 1 if self.padding.side == "right" else -1
        shift = (steps - self.lengths) * direction
        source = (np.arange(steps)[None] - shift[:, None]) % steps
        return {
            name: values[np.arange(len(values))[:, None], source] if name in self.names else values
            for name, values in self.rows.items()
        }

    def runs(self, length: int) -> PaddingRuns:
        """Return the rows of one length with padding, without, with it elsewhere, and with other values."""
        own = self.positions(length)
        return PaddingRuns(
            padded={name: values[own] for name, values in self.rows.items()},
            cut=self.cut(length),
            moved={name: values[own] for name, values in self.move_padding().items()},
            refilled={name: values[own] for name, values in self.refill_padding().items()},
            side=self.padding.side,
        )

    def refill_padding(self) -> Rows:
        """Return the rows with their own true time steps, repeated, in place of the padding."""
        steps = self.padding.steps
        from_end = np.arange(steps) if self.padding.side == "right" else np.arange(steps)[::-1]
        repeated = from_end[None] % np.maximum(self.lengths[:, None], 1)
        source = repeated if self.padding.side == "right" else steps - 1 - repeated
        return {
            name: values[np.arange(len(values))[:, None], source] if name in self.names else values
            for name, values in self.rows.items()
        }

    def unmask_true_steps(self, name: str, mask: float) -> Rows:
        """Return the rows with a tiny change of true time steps that are masked."""
        values = self.rows[name]
        is_equal = (values == mask).reshape(len(values), self.padding.steps, -1).all(axis=2)
        is_hidden = is_equal & self.is_true
        above_mask = np.nextafter(values.dtype.type(mask), values.dtype.type(np.inf))
        speck = np.asarray(_SPECK if mask == 0 else above_mask, values.dtype)
        is_hidden = is_hidden.reshape(*is_hidden.shape, *(1,) * (values.ndim - 2))
        return {**self.rows, name: np.where(is_hidden, speck, values)}


def choose_lengths(padding: Padding) -> list[int]:
    """Return the most common, the shortest and the longest true length of padded rows.

    There are no more than these three, because each length is traced.
    """
    lengths, counts = np.unique(padding.lengths[padding.partly_padded], return_counts=True)
    if not len(lengths):
        return []
    positions = (int(np.argmax(counts)), 0, len(lengths) - 1)
    return sorted({int(lengths[position]) for position in positions})


def _is_padded_alike(values: np.ndarray, padding: Padding, mask: float | None) -> bool:
    """Whether a second series is padded in the same time steps, and can be cut with it."""
    if values.shape[1] != padding.steps:
        return False
    is_padding = padding.positions >= padding.lengths[:, None]
    padded = values.reshape(len(values), padding.steps, -1)[is_padding]
    # Segment ids, for example, are not masked: they hold one value wherever there is no word.
    return bool((padded == (padded[:1] if mask is None else mask)).all())
