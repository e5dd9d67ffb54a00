"""Versions are read from texts, and other texts are no versions."""

from __future__ import annotations

import pytest

from keras_consistency_cli.measurement.installed import KerasVersion, parse_version


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3.15.1", (3, 15, 1)),
        ("3.8", (3, 8, 0)),
        ("3.10.0.dev2026", (3, 10, 0)),
        ("", None),
        ("nightly", None),
        ("3", None),
    ],
)
def test_numbers_of_a_version(text: str, numbers: KerasVersion | None) -> None:
    assert parse_version(text) == numbers
