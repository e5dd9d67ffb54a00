"""The log: the end of what was printed, however much it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Thread

import pytest

from keras_consistency_cli.workers.supervision.log import Log


@pytest.fixture
def log() -> Iterator[Log]:
    opened = Log()
    yield opened
    opened.close()


def test_what_was_just_printed_is_there(log: Log) -> None:
    os.write(log.writer, b"one\ntwo\n")
    assert log.end(4000) == "one\ntwo\n"
    assert log.end(4) == "two\n"


def test_only_what_came_after_a_mark_is_told(log: Log) -> None:
    os.write(log.writer, b"before")
    log.drain()
    mark = log.printed
    assert log.end(4000, since=mark) == ""
    os.write(log.writer, b"after")
    assert log.end(4000, since=mark) == "after"
    assert log.end(2, since=mark) == "er"


def test_of_a_flood_the_end_is_kept(log: Log) -> None:
    piece = b"0123456789abcdef" * 4096
    flood = Thread(
        target=lambda: [os.write(log.writer, piece) for _ in range(200)] and os.write(log.writer, b"the end")
    )
    flood.start()
    while flood.is_alive():
        log.drain()
    flood.join()
    assert log.end(16) == "789abcdefthe end"
    assert log.printed == 200 * len(piece) + 7
    assert len(log._kept) == 64 * 1024


def test_it_is_known_when_nobody_can_print_any_more(log: Log) -> None:
    os.write(log.writer, b"last")
    assert log.drain()
    log.close_writer()
    assert not log.drain()
    assert log.end(100) == "last"


def test_what_was_kept_outlives_closing(log: Log) -> None:
    os.write(log.writer, b"words \xff")
    log.close()
    log.close()
    assert log.end(100) == "words \ufffd"
    assert not log.drain()
