"""pytest plugin: the fixture and the marker `kcheck`, and `assert_consistent` for tests that take no fixture.

pytest loads this whether or not a test asks for it, so nothing but pytest is imported before one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from keras_consistency_cli.api.check import Report

__all__ = ["Kcheck", "assert_consistent", "kcheck", "pytest_configure"]


def assert_consistent(model: Any, x: Any = None, **settings: Any) -> Report:
    """Check as `keras_consistency_cli.check` does, and fail the test with the report of what failed; return the report where nothing did.

    Args:
        model: a live model, or the path of one.
        x: its rows.
        settings: what `check` takes beside them.

    Raises:
        InconsistencyError: a check failed; it is an AssertionError.
        KcheckError: nothing could be checked or decided.
    """
    __tracebackhide__ = True
    report = _checked(model, x, settings)
    report.raise_for_failures()
    return report


def _checked(model: Any, x: Any, settings: Mapping[str, Any]) -> Report:
    __tracebackhide__ = True
    from keras_consistency_cli.api.check import check
    from keras_consistency_cli.errors import KcheckError

    try:
        return check(model, x, **settings)
    except KcheckError as problem:
        # Its message says all; the way through kcheck that led there says nothing to whoever reads a failed test.
        raise problem.with_traceback(None) from None


class Kcheck:
    """What the fixture gives: `check` and `assert_consistent` with the settings of the test's markers as defaults."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)

    def check(self, model: Any, x: Any = None, **settings: Any) -> Report:
        """Return the report of `keras_consistency_cli.check`; a model at fault does not fail the test."""
        __tracebackhide__ = True
        return _checked(model, x, {**self.defaults, **settings})

    def assert_consistent(self, model: Any, x: Any = None, **settings: Any) -> Report:
        """Fail the test where the model is at fault or nothing could be decided, else return the report."""
        __tracebackhide__ = True
        return assert_consistent(model, x, **{**self.defaults, **settings})


@pytest.fixture
def kcheck(request: pytest.FixtureRequest) -> Kcheck:
    """Checks models: `kcheck.assert_consistent(model, x)`; `@pytest.mark.kcheck(rows=64)` gives settings, the nearest marker winning."""
    markers = list(request.node.iter_markers("kcheck"))
    if any(marker.args for marker in markers):
        raise pytest.UsageError(
            "the marker kcheck takes settings by name, such as @pytest.mark.kcheck(rows=64, select='KC1')"
        )
    return Kcheck({name: value for marker in reversed(markers) for name, value in marker.kwargs.items()})


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "kcheck(**settings): settings for the fixture kcheck, as keras_consistency_cli.check takes them.",
    )
