"""The call of kcheck that a command belongs to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MODEL_ENDING", "Call"]

MODEL_ENDING = ".keras"


@dataclass(kw_only=True)
class Call:
    """One call of kcheck. Not frozen, because the settings and the run change it."""

    line: str
    """The command line as it was typed."""
    debug: bool
    is_bare: bool = False
    """Whether only the model was given, without a command: then the files next to the model are used."""
    is_refusal_shown: bool = False
    """Whether standard output has a report for people that says why the model was refused."""
