"""One row of the safety table: a broken or hostile file or call, and the exit code that kcheck must give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Row"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The arguments of `kcheck` and the exit code; the message is in docs/safety.md.

    Every file is harmless to other programs. Where kcheck must refuse an amount that would exhaust a machine,
    `caps` lowers the limit for the row: it gives the value of a constant by its dotted name. `is_loaded` says
    that the row is decided once a worker has loaded the model; the others are decided before a backend is
    imported.
    """

    name: str
    line: str
    code: int
    caps: Mapping[str, object] = field(default_factory=dict)
    is_loaded: bool = False
