"""progress: what is done and what was found, on a terminal and nowhere else, and nothing of it left at the
end.
"""

from __future__ import annotations

import io

import pytest

from keras_consistency_cli.cli.progress import shown_on
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_what_comes_next_and_an_empty_line_in_the_end() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("1 of 2: rows one by one")
        observe("2 of 2: \x1b[31mshuffled\nrows")
    lines = stream.getvalue().split("\r")
    assert [line.strip()[-22:] for line in lines[1:3]] == [
        "1 of 2: rows one by one"[-22:],
        lines[2].strip()[-22:],
    ]
    assert "\x1b" not in stream.getvalue()
    assert "\n" not in stream.getvalue()
    assert lines[-2].strip() == lines[-1] == ""


def test_what_was_found_stays_above_what_is_done_until_the_end() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("1 of 2: rows one by one")
        observe.found("FAIL  KC101 batch-vs-single: \x1b[31mapart\nby 0.6")
        observe("2 of 2: shuffled rows")
        observe.found("WARN  KC702 " + "x" * 500)
        shown = stream.getvalue()
    above, between, last = shown.split("\n")
    assert [line.strip() for line in above.split("\r")][
        -1
    ] == "FAIL  KC101 batch-vs-single: \\x1b[31mapart\\x0aby 0.6"
    assert between.split("\r")[0].strip().endswith("1 of 2: rows one by one")
    assert between.split("\r")[-1].startswith("WARN  KC702 xxx")
    assert last.strip().endswith("2 of 2: shuffled rows")
    assert max(map(len, shown.replace("\n", "\r").split("\r"))) < 80
    wiped = stream.getvalue().removeprefix(shown)
    assert (wiped.strip(" \r"), "\x1b[2A\x1b[J" in wiped) == ("\x1b[2A\x1b[J", True)


def test_what_was_found_outlives_a_run_that_is_broken_off() -> None:
    stream = Terminal()

    def run() -> None:
        with shown_on(stream, {}) as observe:
            observe.found("FAIL  KC101")
            observe("2 of 2: shuffled rows")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    found, last = stream.getvalue().split("\n")
    assert found.strip() == "FAIL  KC101"
    assert "\x1b" not in last
    assert last.split("\r")[-2].strip() == last.split("\r")[-1] == ""


def test_a_line_is_never_longer_than_a_narrow_terminal() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("x" * 500)
    assert max(map(len, stream.getvalue().split("\r"))) < 80


def test_a_terminal_that_is_gone_ends_no_run() -> None:
    class Gone(Terminal):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    with shown_on(Gone(), {}) as observe:
        observe("rows one by one")
        observe.found("FAIL  KC101")


def test_after_the_end_nothing_is_written() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        pass
    before = stream.getvalue()
    observe("late")
    assert stream.getvalue() == before


@pytest.mark.parametrize(
    ("stream", "environ", "quiet"),
    [
        (io.StringIO(), {}, False),
        (Terminal(), {"CI": "true"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, True),
        (None, {}, False),
    ],
)
def test_where_nobody_watches_nothing_is_written(
    stream: io.StringIO | None, environ: dict[str, str], quiet: bool
) -> None:
    with shown_on(stream, environ, quiet=quiet) as observe:
        observe("rows one by one")
        observe.found("FAIL  KC101")
    assert observe is NULL_OBSERVER
    assert stream is None or stream.getvalue() == ""
