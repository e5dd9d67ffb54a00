from __future__ import annotations

import shlex

import pytest
from rich.text import Text

from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import (
    align,
    code_lines,
    command_lines,
    draw,
    flow,
    labelled_lines,
    shorten,
    styled_text,
    wrap,
)

NARROW = Canvas(width=24)


def _lines(lines: list[Text], canvas: Canvas = NARROW) -> list[str]:
    return draw(canvas, lines).splitlines()


def test_written_never_reads_markup_or_control_codes() -> None:
    assert styled_text(NARROW, "[bold red]x[/]\x1b[31m\ny").plain == "[bold red]x[/]\\x1b[31m y"


def test_labelled_text_wraps_beside_its_label() -> None:
    assert _lines(labelled_lines(NARROW, "next", Text("one two three"))) == [
        "  next        one two",
        "              three",
    ]


def test_wrapped_folds_a_word_that_is_too_long() -> None:
    assert _lines(wrap(NARROW, Text("a" * 30), indent=4)) == ["    " + "a" * 20, "    " + "a" * 10]


def test_wrapped_leaves_no_spaces_at_the_ends_of_lines() -> None:
    assert [line.plain for line in wrap(NARROW, Text(""), indent=4)] == [""]
    assert [line.plain for line in wrap(NARROW, Text("a " * 15), indent=4)] == [
        "    a a a a a a a a a a",
        "    a a a a a",
    ]


def test_code_lines_keep_breaks_and_indentation_and_never_fold_code() -> None:
    advice = "Say so:\n\n    y = model(x,  training=False)\n\tz = 1\nThen run it again"
    assert _lines(code_lines(NARROW, "fix", advice)) == [
        "  fix         Say so:",
        "",
        "                  y = model(x,  training=False)",
        "                  z = 1",
        "              Then run",
        "              it again",
    ]


@pytest.mark.parametrize(
    "words",
    [
        [
            "kcheck",
            "run",
            "model.keras",
            "--data",
            "data.npy",
            "--custom-objects",
            "../layers.py",
            "-x",
            "--select",
            "KC101",
        ],
        [
            "kcheck",
            "run",
            "my model's.keras",
            "--data",
            "a  b c d e f g h i j k l m n.npy",
            "--format",
            'junit="r".xml',
        ],
        ["kcheck"],
    ],
)
@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_pasted_command_is_the_same_command(words: list[str], width: int) -> None:
    lines = [
        line.plain for line in command_lines(Canvas(width=width), shlex.join(words), Text("  alone       "))
    ]
    assert lines[0].startswith("  alone       kcheck")
    assert shlex.split("\n".join(lines).removeprefix("  alone").replace("\\\n", " ")) == words
    assert all(len(line) <= width or len(shlex.split(line.strip(" \\"))) == 1 for line in lines)


def test_a_command_breaks_before_an_option_and_not_behind_it() -> None:
    lines = command_lines(
        Canvas(width=40), "kcheck run model.keras --data data.npy --select KC101", Text("again: ")
    )
    assert [line.plain for line in lines] == [
        "again: kcheck run model.keras \\",
        "       --data data.npy --select KC101",
    ]


def test_code_lines_of_no_advice_are_none() -> None:
    assert code_lines(NARROW, "next", "") == []


def test_flowed_breaks_between_items() -> None:
    items = [Text("one"), Text("two"), Text("a longer item")]
    assert _lines(flow(NARROW, items)) == ["one · two", "a longer item"]
    assert _lines(flow(Canvas(width=40, ascii_only=True), items)) == ["one | two | a longer item"]


def test_aligned_counts_wide_characters_as_two() -> None:
    rows = [
        align([Text("日本"), Text("1")], [6, 4], 1, 2),
        align([Text("ab"), Text("1000")], [6, 4], 1, 2),
    ]
    assert [row.plain for row in rows] == ["日本       1", "ab      1000"]


@pytest.mark.parametrize(("canvas", "text"), [(Canvas(), "abcde…"), (Canvas(ascii_only=True), "abc...")])
def test_shortened_says_that_something_was_cut(canvas: Canvas, text: str) -> None:
    assert shorten(canvas, Text("abcdefgh"), 6).plain == text
    assert shorten(canvas, Text("abcdef"), 6).plain == "abcdef"


def test_draw_takes_away_the_meaning_of_a_build_log_command() -> None:
    assert draw(NARROW, [Text("  ::error::x"), Text("a ::error::x")]) == "  \\x3a:error::x\na ::error::x\n"


def test_draw_colours_only_where_the_canvas_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "10")
    line = Text("failed", style="red")
    assert draw(Canvas(width=24, color=True), [line]) == "\x1b[31mfailed\x1b[0m\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert draw(NARROW, [line]) == "failed\n"
