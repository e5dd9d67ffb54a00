"""destinations: the words of --format."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.config.report_targets import FORMATS, UTF_8, Destination, destination, in_folder


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_goes_to_standard_output_or_to_a_file(form: str) -> None:
    assert destination(form) == Destination(format=form, said=f"--format {form}=")
    assert destination(f"{form}=r.txt") == Destination(
        format=form, path=Path("r.txt"), said=f"--format {form}="
    )


def test_what_machines_read_is_utf_8() -> None:
    assert set(FORMATS) > UTF_8
    assert {"terminal", "concise", "github"}.isdisjoint(UTF_8)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("jsn", "'jsn' is no format (did you mean 'json'?)"),
        ("xml=\x1b", "'xml' is no format"),
        ("", "'' is no format"),
        ("json=", "'json=' names no file"),
    ],
)
def test_other_words_are_refused(word: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        destination(word)
    assert str(caught.value) == message


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
    assert in_folder(word, Path("/a")) == placed
