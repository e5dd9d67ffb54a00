"""What a command knows of the call it is part of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Call"]


@dataclass(kw_only=True)
class Call:
    """One call of kcheck: the line as it was typed; not frozen, because `debug` may be found only in the settings."""

    line: str
    debug: bool
    bare: bool = False
    """Whether only the model was given, without a command: then what lies beside it is taken."""
