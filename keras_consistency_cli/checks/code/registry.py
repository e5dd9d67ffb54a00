"""The rules of `kcheck code`, in order of their codes."""

from __future__ import annotations

from keras_consistency_cli.checks.code.rule import Rule
from keras_consistency_cli.checks.code.rules import calls, inputs, pictures, refits, scaling, state, targets

__all__ = ["RULES", "find_rules"]

_MODULES = (refits, scaling, targets, pictures, calls, state, inputs)
RULES: tuple[Rule, ...] = tuple(
    sorted((rule for module in _MODULES for rule in module.RULES), key=lambda rule: rule.code)
)


def find_rules(word: str) -> tuple[Rule, ...]:
    """Return the rules that a code, the beginning of a code, or a name stands for."""
    wanted = word.strip().casefold()
    return tuple(
        rule for rule in RULES if wanted and (rule.code.casefold().startswith(wanted) or rule.name == wanted)
    )
