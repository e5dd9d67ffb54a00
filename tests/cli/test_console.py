"""output: streams, files, colour and alphabet."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Literal

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.console import (
    check_destination,
    is_step_summary,
    say,
    speaks_ascii_only,
    terminal_width,
    wants_color,
    write_file,
    write_stdout,
)
from keras_consistency_cli.errors import NoVerdictError, UsageError


class Screen(io.TextIOWrapper):
    """A standard output of a given encoding, which may claim to be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it claims to be one."""
        return self._terminal


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour(
    choice: Literal["auto", "always", "never"],
    environ: dict[str, str],
    terminal: bool,
    wanted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(terminal=terminal))
    assert wants_color(choice, environ) is wanted
    assert wants_color(choice, environ, to_file=True) is (choice == "always")


@pytest.mark.parametrize(
    ("encoding", "ascii_only"), [("utf-8", False), ("ascii", True), ("latin-1", True), ("cp437", True)]
)
def test_the_alphabet_follows_the_encoding(
    encoding: str, ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(encoding))
    assert speaks_ascii_only() is ascii_only


def test_what_the_encoding_lacks_is_spelled_out_unless_the_format_fixes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen("ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    write_stdout("café\n")
    write_stdout("café\n", encoding="utf-8")
    assert screen.buffer.getvalue() == b"caf\\xe9\ncaf\xc3\xa9\n"  # type: ignore[attr-defined]


def test_a_stream_without_bytes_takes_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    write_stdout("text\n")
    assert stream.getvalue() == "text\n"


@pytest.mark.parametrize("closed", [True, False])
def test_a_closed_standard_output_is_a_broken_pipe(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    screen.close()
    monkeypatch.setattr(sys, "stdout", screen if closed else None)
    with pytest.raises(BrokenPipeError):
        write_stdout("text\n")


def test_messages_are_indented_and_survive_a_missing_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say("one\ntwo")
    assert capsys.readouterr() == ("", "kcheck: one\n        two\n")
    monkeypatch.setattr(sys, "stderr", None)
    say("unheard")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("10", 40), ("", 80)])
def test_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert terminal_width() == width


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("before, and longer than the new one", encoding="utf-8")
    write_file(path, "✓ \ud800\n")
    assert path.read_text(encoding="utf-8") == "✓ \\ud800\n"
    assert os.listdir(tmp_path) == ["report.txt"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "new\n"), ("", "new\n"), ("a\n", "a\nnew\n"), ("a", "a\nnew\n"), ("\xe9", "\xe9\nnew\n")],
)
def test_what_is_added_stands_below_what_was_there(before: str | None, after: str, tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    if before is not None:
        path.write_bytes(before.encode("latin-1"))
    write_file(path, "new\n", add=True)
    assert path.read_bytes() == after.encode("latin-1")
    assert os.listdir(tmp_path) == ["summary.md"]


def test_only_the_summary_of_a_step_is_added_to(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "summary.md")
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    assert [is_step_summary(tmp_path / name, environ) for name in ("summary.md", "link.md", "other.md")] == [
        True,
        True,
        False,
    ]
    assert not any(
        is_step_summary(tmp_path / "summary.md", empty) for empty in ({}, {"GITHUB_STEP_SUMMARY": ""})
    )


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "target.txt")
    write_file(link, "new\n")
    assert link.is_symlink()
    assert (tmp_path / "target.txt").read_text(encoding="utf-8") == "new\n"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.txt"
    path.write_text("before", encoding="utf-8")

    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(NoVerdictError, match="No space left on device"):
        write_file(path, "after")
    assert path.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_devices_are_written_to_and_not_replaced() -> None:
    with pytest.raises(NoVerdictError, match="No space left on device"):
        write_file(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_a_destination_is_checked_beforehand(tmp_path: Path, wording: SnapshotAssertion) -> None:
    model = tmp_path / "m.keras"
    model.write_bytes(b"model")
    check_destination(tmp_path / "report.txt", [model, tmp_path / "missing.npy"])
    for path in (tmp_path, tmp_path / "no" / "r.txt", tmp_path / "." / "m.keras"):
        with pytest.raises(UsageError) as caught:
            check_destination(path, [model])
        assert str(caught.value).replace(str(tmp_path), "FOLDER") == wording


def test_a_name_too_long_for_any_file_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="File name too long"):
        check_destination(tmp_path / ("n" * 5000), [])
