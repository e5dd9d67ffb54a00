"""Report targets: the values of --format."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.report_targets import (
    FORMATS,
    UTF_8,
    Destination,
    parse_destination,
    relative_to_folder,
)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_goes_to_standard_output_or_to_a_file(form: str) -> None:
    assert parse_destination(form) == Destination(format=form, flag=f"--format {form}=")
    assert parse_destination(f"{form}=r.txt") == Destination(
        format=form, path=Path("r.txt"), flag=f"--format {form}="
    )


def test_machine_readable_formats_are_utf_8() -> None:
    assert set(FORMATS) > UTF_8
    assert {"terminal", "concise", "github"}.isdisjoint(UTF_8)


@pytest.mark.parametrize(
    "word",
    [
        "jsn",
        "xml=\x1b",
        "",
        "json=",
    ],
)
def test_invalid_targets_are_refused(word: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(ValueError) as caught:
        parse_destination(word)
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("word", "placed"),
    [
        ("html=r.html", "html=/a/r.html"),
        ("html=/r.html", "html=/r.html"),
        ("html", "html"),
        ("html=", "html="),
    ],
)
def test_files_are_relative_to_a_folder(word: str, placed: str) -> None:
    assert relative_to_folder(word, Path("/a")) == placed
