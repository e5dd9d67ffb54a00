"""Versions of installed packages."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.measurement.installed import has_other_minor_version, installed_version


def test_the_first_that_is_installed_counts() -> None:
    assert installed_version("kcheck-none", "numpy") == np.__version__
    assert installed_version("kcheck-none") is None


@pytest.mark.parametrize(
    ("saved", "running", "differ"),
    [("1.5.2", "1.5.0", False), ("1.4.2", "1.5.0", True), (None, "1.5.0", False), ("1.5.2", "", False)],
)
def test_the_last_number_does_not_count(saved: str | None, running: str, differ: bool) -> None:
    assert has_other_minor_version(saved, running) is differ
