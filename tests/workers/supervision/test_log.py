"""log: the end of what was printed, however much it was."""

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


def test_printed_text_is_there_at_once(log: Log) -> None:
    os.write(log.writer, b"one\ntwo\n")
    assert log.tail(4000) == "one\ntwo\n"
    assert log.tail(4) == "two\n"


def test_text_before_a_position_is_left_out(log: Log) -> None:
    os.write(log.writer, b"before")
    log.drain()
    mark = log.printed
    assert log.tail(4000, since=mark) == ""
    os.write(log.writer, b"after")
    assert log.tail(4000, since=mark) == "after"
    assert log.tail(2, since=mark) == "er"


def test_the_end_of_a_flood_is_kept(log: Log) -> None:
    piece = b"0123456789abcdef" * 4096
    flood = Thread(
        target=lambda: [os.write(log.writer, piece) for _ in range(200)] and os.write(log.writer, b"the end")
    )
    flood.start()
    while flood.is_alive():
        log.drain()
    flood.join()
    assert log.tail(16) == "789abcdefthe end"
    assert log.printed == 200 * len(piece) + 7
    assert len(log._kept) == 64 * 1024


def test_it_is_known_when_no_process_can_print_any_more(log: Log) -> None:
    os.write(log.writer, b"last")
    assert log.drain()
    log.close_writer()
    assert not log.drain()
    assert log.tail(100) == "last"


def test_kept_text_stays_readable_after_closing(log: Log) -> None:
    os.write(log.writer, b"words \xff")
    log.close()
    log.close()
    assert log.tail(100) == "words \ufffd"
    assert not log.drain()
