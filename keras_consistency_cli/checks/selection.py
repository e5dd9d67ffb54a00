"""Which checks to run: `--select` and `--ignore` words turned into codes."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["check_outputs", "required_codes", "resolve_selection"]


def resolve_selection(
    select: Sequence[str], ignore: Sequence[str], known: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Return the codes to run, in the order of `known`.

    Args:
        select: codes, beginnings of codes (KC1) or names; nothing selected means all of them.
        ignore: the same kinds of words, taken away from the selected.
        known: (code, name) of every check.

    Raises:
        UsageError: a word fits no check, or no check is left to run.
    """
    wanted = (
        {code for word in select for code in _matching(word, known)}
        if select
        else {code for code, _ in known}
    )
    unwanted = {code for word in ignore for code in _matching(word, known)}
    chosen = tuple(code for code, _ in known if code in wanted - unwanted)
    if not chosen:
        raise UsageError(
            "no check is left to run: everything selected is ignored too",
            fix="ignore less; 'kcheck list' shows all checks",
        )
    return chosen


def check_outputs(stated: Sequence[str], known: Sequence[str]) -> None:
    """Refuse limits for outputs that the model does not have; one that does not tell its outputs is taken at the user's word.

    Raises:
        UsageError: with the nearest name.
    """
    for name in stated:
        if known and name not in known:
            what = (
                f"a limit is stated for output '{clean(name, 60)}', which the model does not "
                f"have{did_you_mean(name, known)}"
            )
            raise UsageError(what, expected=clean(", ".join(known)))


def _matching(word: str, known: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    folded = word.strip().casefold()
    found = tuple(
        code
        for code, name in known
        if folded and (code.casefold().startswith(folded) or name.casefold() == folded)
    )
    if not found:
        words = [word for pair in known for word in pair]
        hint = did_you_mean(folded.upper(), words) or did_you_mean(folded, words)
        raise UsageError(
            f"no check is called '{clean(word, 60)}'{hint}", fix="'kcheck list' shows codes and names"
        )
    return found


def required_codes(words: Sequence[str], checks: Sequence[Check]) -> tuple[str, ...]:
    """Return the codes of the checks that must give a verdict; none without words.

    Raises:
        UsageError: a word fits no check.
    """
    return resolve_selection(words, (), [(check.code, check.name) for check in checks]) if words else ()
