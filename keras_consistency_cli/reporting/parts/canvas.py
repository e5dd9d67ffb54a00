"""The canvas that a report is drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Amount", "Canvas"]

Amount = Literal["quiet", "usual", "verbose"]


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Width in columns, permission for colours and non-ASCII characters, amount of detail."""

    width: int = 80
    color: bool = False
    ascii_only: bool = False
    amount: Amount = "usual"
    """For terminals: the last line alone, the report, or the report and details of the run."""
