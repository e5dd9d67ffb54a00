"""Shell completion. The functions are called only while a shell completes a line, so imports happen inside
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keras_consistency_cli.config.report_targets import FORMATS

__all__ = ["check_names", "code_rules", "one_of", "report_forms", "routes", "topics"]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return a function that completes one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return _starting_with(incomplete, words)

    return complete


def report_forms(incomplete: str) -> list[str]:
    """Complete a report format; the shell itself completes the file after `=`."""
    return _starting_with(incomplete, FORMATS)


def check_names(incomplete: str) -> list[str]:
    """Complete the last of several checks separated by commas, by code or by name."""
    from keras_consistency_cli.cli.check_headings import read_headings

    before, comma, last = incomplete.rpartition(",")
    words = (word for check in read_headings() for word in (check.code, check.name))
    return [f"{before}{comma}{word}" for word in _starting_with(last, words)]


def code_rules(incomplete: str) -> list[str]:
    """Complete the last of several rules of `kcheck code`, by code or by name."""
    from keras_consistency_cli.checks.code.registry import RULES

    before, comma, last = incomplete.rpartition(",")
    words = (word for rule in RULES for word in (rule.code, rule.name))
    return [f"{before}{comma}{word}" for word in _starting_with(last, words)]


def routes(incomplete: str) -> list[str]:
    """Complete the name of a route."""
    from keras_consistency_cli.checks.route_pair import ROUTES

    return _starting_with(incomplete, ROUTES)


def topics(incomplete: str) -> list[str]:
    """Complete what `kcheck explain` knows: a check or a rule by code or by name, or a cause."""
    from keras_consistency_cli.checks.code.registry import RULES
    from keras_consistency_cli.checks.registry import CHECKS
    from keras_consistency_cli.diagnosis.causes.table import CAUSES
    from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES

    checks = (word for check in CHECKS for word in (check.code, check.name))
    rules = (word for rule in RULES for word in (rule.code, rule.name))
    return _starting_with(incomplete, (*checks, *CAUSES, *REFUSAL_CAUSES, *rules))


def _starting_with(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]
