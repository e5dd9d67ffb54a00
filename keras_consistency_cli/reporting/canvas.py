"""Canvas: what a report is drawn on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Canvas"]


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The width in columns, whether colours may be used, and whether only ASCII may."""

    width: int = 80
    color: bool = False
    ascii_only: bool = False
