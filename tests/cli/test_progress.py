"""progress: one line on a terminal and nowhere else, and nothing of it left at the end."""

from __future__ import annotations

import io

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.progress import shown_on
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_each_event_overwrites_the_line(wording: SnapshotAssertion) -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("running 2 routes on 8 rows")
        observe.route_finished("one-by-one", "rows one by one", 1, 2)
        observe.route_finished("shuffled", "\x1b[31mshuffled\nrows", 2, 2)
    assert "\x1b" not in stream.getvalue()
    assert "\n" not in stream.getvalue()
    lines = [line.strip() for line in stream.getvalue().split("\r")]
    assert [line.partition(" s  ")[0].isdecimal() for line in lines[1:4]] == [True, True, True]
    assert [line.partition(" s  ")[2] for line in lines[1:4]] == wording


def test_the_line_is_erased_at_the_end() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("rows one by one")
    written = stream.getvalue().split("\r")
    assert written[-1] == ""
    assert (written[-2].strip(), len(written[-2])) == ("", len(written[1]))


def test_the_line_is_erased_if_the_run_is_interrupted() -> None:
    stream = Terminal()

    def run() -> None:
        with shown_on(stream, {}) as observe:
            observe.route_finished("shuffled", "shuffled rows", 1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert stream.getvalue().split("\r")[-2].strip() == stream.getvalue().split("\r")[-1] == ""


def test_a_line_is_never_longer_than_a_narrow_terminal() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe("x" * 500)
        observe.route_finished("x", "x" * 500, 1, 2)
    assert max(map(len, stream.getvalue().split("\r"))) < 80


def test_a_terminal_that_is_gone_does_not_end_the_run() -> None:
    class Gone(Terminal):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    with shown_on(Gone(), {}) as observe:
        observe("rows one by one")
        observe.route_finished("shuffled", "shuffled rows", 1, 2)


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
    ids=["a file", "in CI", "a dumb terminal", "quiet", "no stream"],
)
def test_without_a_terminal_nothing_is_written(
    stream: io.StringIO | None, environ: dict[str, str], quiet: bool
) -> None:
    with shown_on(stream, environ, quiet=quiet) as observe:
        observe("rows one by one")
        observe.route_finished("shuffled", "shuffled rows", 1, 2)
    assert observe is NULL_OBSERVER
    assert stream is None or stream.getvalue() == ""


def test_a_long_line_ends_after_a_whole_word() -> None:
    stream = Terminal()
    with shown_on(stream, {}) as observe:
        observe.route_finished("x", "predict " * 20, 1, 34)
    line = stream.getvalue().split("\r")[1].strip()
    assert line.endswith("predict …")
    assert len(line) <= 78
