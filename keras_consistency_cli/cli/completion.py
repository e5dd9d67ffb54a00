"""What a shell may put where a word is begun: called only while a line is completed, so that nothing is imported before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keras_consistency_cli.config.report_targets import FORMATS

__all__ = ["check_names", "forms", "one_of", "routes", "topics"]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return what completes one of a few words."""

    def completed(incomplete: str) -> list[str]:
        return _begun(words, incomplete)

    return completed


def forms(incomplete: str) -> list[str]:
    """Complete a form of the report; the file behind it is for the shell to complete."""
    return _begun(FORMATS, incomplete)


def check_names(incomplete: str) -> list[str]:
    """Complete the last of several checks with commas between them, by code or by name."""
    from keras_consistency_cli.checks.registry import CHECKS

    before, comma, last = incomplete.rpartition(",")
    return [
        f"{before}{comma}{word}"
        for word in _begun((word for check in CHECKS for word in (check.code, check.name)), last)
    ]


def routes(incomplete: str) -> list[str]:
    """Complete a way of calling a model."""
    from keras_consistency_cli.checks.route_pair import ROUTES

    return _begun(ROUTES, incomplete)


def topics(incomplete: str) -> list[str]:
    """Complete what can be explained: a check by code or by name, or a cause."""
    from keras_consistency_cli.checks.registry import CHECKS
    from keras_consistency_cli.diagnosis.causes.table import CAUSES

    return _begun((*(word for check in CHECKS for word in (check.code, check.name)), *CAUSES), incomplete)


def _begun(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]
