"""pytest plugin: the fixture and the marker `kcheck`, and `assert_consistent`.

pytest loads this module in every run, so it imports nothing but pytest until a test needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from keras_consistency_cli.api.check import Report

__all__ = ["Kcheck", "assert_consistent", "kcheck", "pytest_configure"]


def assert_consistent(model: Any, x: Any = None, **settings: Any) -> Report:
    """Run `keras_consistency_cli.check` and fail the test if a check fails; return the report.

    Args:
        model: a live model, or its path.
        x: its rows.
        settings: the other arguments of `check`.

    Raises:
        InconsistencyError: a check failed; it is an AssertionError.
        KcheckError: nothing could be checked or decided.
    """
    __tracebackhide__ = True
    report = _run_check(model, x, settings)
    report.raise_for_failures()
    return report


def _run_check(model: Any, x: Any, settings: Mapping[str, Any]) -> Report:
    __tracebackhide__ = True
    from keras_consistency_cli.api.check import check
    from keras_consistency_cli.errors import KcheckError

    try:
        return check(model, x, **settings)
    except KcheckError as problem:
        # The message says everything; the traceback through kcheck does not help the reader of a failed test.
        raise problem.with_traceback(None) from None


class Kcheck:
    """`check` and `assert_consistent` with the markers' settings as defaults."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)

    def check(self, model: Any, x: Any = None, **settings: Any) -> Report:
        """Return the report of `keras_consistency_cli.check`; a failed check raises no error."""
        __tracebackhide__ = True
        return _run_check(model, x, {**self.defaults, **settings})

    def assert_consistent(self, model: Any, x: Any = None, **settings: Any) -> Report:
        """Fail the test if the model is inconsistent or nothing is decided; return the report."""
        __tracebackhide__ = True
        return assert_consistent(model, x, **{**self.defaults, **settings})


@pytest.fixture
def kcheck(request: pytest.FixtureRequest) -> Kcheck:
    """Check models with `kcheck.assert_consistent(model, x)`.

    `@pytest.mark.kcheck(rows=64)` gives settings; the nearest marker wins.
    """
    markers = list(request.node.iter_markers("kcheck"))
    if any(marker.args for marker in markers):
        raise pytest.UsageError(
            "the marker kcheck takes settings by name, such as @pytest.mark.kcheck(rows=64, select='KC1')"
        )
    return Kcheck({name: value for marker in reversed(markers) for name, value in marker.kwargs.items()})


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "kcheck(**settings): settings for the fixture kcheck, as keras_consistency_cli.check takes them.",
    )
