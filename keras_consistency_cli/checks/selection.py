"""Which checks to run: from the words of `--select`, `--ignore` and `require` to checks."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["check_outputs", "required", "resolve_selection", "selected"]


def selected(settings: Settings) -> tuple[Check, ...]:
    """Return the checks that the settings ask for, configured by them.

    Raises:
        UsageError: a word fits no check, no check is left, or a required check is not selected or left out.
    """
    offered = [
        check for check in CHECKS if settings.select or (not check.on_request and check.is_offered(settings))
    ]
    names = [(check.code, check.name) for check in offered]
    codes = resolve_selection(settings.select, settings.ignore, names)
    missing = next((code for code in required(settings) if code not in codes), None)
    if missing is not None:
        raise UsageError(
            f"{missing} is required, but it is not among the checks to run",
            fix=f"--select {missing} too, or do not require it",
        )
    checks = tuple(check for check in CHECKS if check.code in codes)
    if settings.quick:
        _refuse_left_out(settings, checks)
    return tuple(check.configured(settings) for check in checks)


def _refuse_left_out(settings: Settings, checks: Sequence[Check]) -> None:
    """Refuse `--quick` if it leaves out a check that is required, or all of them."""
    slow = [check.code for check in checks if check.is_slow]
    missing = next((code for code in required(settings) if code in slow), None)
    if missing is not None:
        raise UsageError(f"{missing} is required, but --quick leaves it out", fix="run without --quick")
    if len(slow) == len(checks):
        raise UsageError(
            f"no check is left to run: --quick leaves out {', '.join(slow)}", fix="run without --quick"
        )


def required(settings: Settings) -> tuple[str, ...]:
    """Return the codes of the checks that must not be skipped.

    Raises:
        UsageError: a word of `require` fits no check.
    """
    if not settings.require:
        return ()
    return resolve_selection(settings.require, (), [(check.code, check.name) for check in CHECKS])


def resolve_selection(
    select: Sequence[str], ignore: Sequence[str], checks: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Return the codes to run, in the order of `checks`.

    Args:
        select: codes, beginnings of codes (KC1) or names; no word selects all checks.
        ignore: words of the same kinds, removed from the selected ones.
        checks: (code, name) of every check.

    Raises:
        UsageError: a word fits no check, or no check is left to run.
    """
    wanted = {code for word in select for code in _matching_codes(word, checks)}
    unwanted = {code for word in ignore for code in _matching_codes(word, checks)}
    codes = tuple(code for code, _ in checks if (code in wanted or not select) and code not in unwanted)
    if not codes:
        raise UsageError(
            "no check is left to run: all selected checks are ignored",
            fix="ignore fewer checks; 'kcheck list' shows all of them",
        )
    return codes


def check_outputs(stated: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse limits for outputs that the model does not have, if it names its outputs.

    Raises:
        UsageError: with the closest name.
    """
    for name in stated:
        if outputs and name not in outputs:
            raise UsageError(
                f"a limit is stated for output '{clean(name, 60)}', which the model does not have"
                f"{did_you_mean(name, outputs)}",
                expected=clean(", ".join(outputs)),
            )


def _matching_codes(word: str, checks: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    folded = word.strip().casefold()
    codes = tuple(
        code
        for code, name in checks
        if folded and (code.casefold().startswith(folded) or name.casefold() == folded)
    )
    if not codes:
        words = [word for pair in checks for word in pair]
        hint = did_you_mean(folded.upper(), words) or did_you_mean(folded, words)
        raise UsageError(
            f"no check is called '{clean(word, 60)}'{hint}", fix="'kcheck list' shows codes and names"
        )
    return codes
