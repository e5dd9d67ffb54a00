"""An exported model in its runtime: what every kind of export offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

__all__ = ["ExportRefused", "ExportTensor", "ExportedModel", "Feeds"]

Feeds = Mapping[str, "np.ndarray"]
"""Arrays by the export's own name of the input or output."""


class ExportRefused(Exception):  # noqa: N818 - reported as a reason
    """An export cannot be loaded or run; the message says why.

    Args:
        reason: what happened, in one sentence.
        cause: the slug of the cause in the report, "" if there is none.
    """

    def __init__(self, reason: str, cause: str = "") -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class ExportTensor:
    """One input or output of an export.

    `shape` includes the batch axis, None if any size is accepted; it is None if the rank is not known.
    `position` is its place in the runtime's own list, None if the runtime only knows names.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    position: int | None = None


class ExportedModel(Protocol):
    """A loaded export. Inputs and outputs are named as the export names them."""

    @property
    def inputs(self) -> tuple[ExportTensor, ...]:
        """The inputs that a caller must give."""

    @property
    def outputs(self) -> tuple[ExportTensor, ...]:
        """The outputs, in the order of the signature."""

    @property
    def precision(self) -> str:
        """What it computes in, as far as the file and the runtime say: "float32", "bfloat16", "int8" ..."""

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Run it once on one batch and return the outputs by name.

        Raises:
            Exception: what the runtime raises.
        """

    def reset(self) -> None:
        """Return to the state directly after loading."""

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the float constants that the file holds, with their names."""

    def values(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the values inside the export on one batch, by name; none if the runtime hides them."""

    def exact(self) -> ExportedModel | None:
        """Return the same export without the runtime's optimizations and lower precision.

        None if the runtime has no such mode.
        """

    def with_wide_sums(self) -> ExportedModel | None:
        """Return the same export with exact sums of 8-bit products.

        None if it has no 8-bit numbers, or if its runtime cuts no sums as far as is known.
        """
