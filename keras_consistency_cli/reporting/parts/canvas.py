"""Canvas: what a report is drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Canvas"]


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The width in columns, whether colours may be used, whether only ASCII may, and how much is shown."""

    width: int = 80
    color: bool = False
    ascii_only: bool = False
    amount: Literal["quiet", "usual", "verbose"] = "usual"
    """How much a terminal shows: the last line alone, the report, or the report and what was around it."""
