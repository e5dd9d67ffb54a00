"""live table: what runs and what is done, on a terminal only."""

from __future__ import annotations

import io

from rich.console import Console

from keras_consistency_cli.cli.fleet.live_table import _LiveTable, fleet_shown_on
from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.reporting.fleet.report import model_result


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_running_and_finished_models_are_shown() -> None:
    table = _LiveTable(total=3)
    table.started("one")("loading")
    table.started("two").route_finished("predict", "predict", 1, 9)
    table.finished(model_result("one", "one", NoVerdictError("it died"), (), elapsed_s=1.0))
    drawn = io.StringIO()
    Console(file=drawn, width=100).print(table)
    lines = [line.split() for line in drawn.getvalue().splitlines()]
    assert [line[:2] for line in lines[:2]] == [["?", "one"], ["running", "two"]]
    assert "1 of 3 models" in " ".join(lines[2])


def test_a_terminal_is_erased_and_a_pipe_gets_nothing() -> None:
    for stream, is_shown in ((Terminal(), True), (io.StringIO(), False)):
        with fleet_shown_on(stream, {"TERM": "xterm"}, total=1) as observe:
            observe.started("one")("loading")
            observe.finished(model_result("one", "one", NoVerdictError("x"), (), elapsed_s=1.0))
        assert bool(stream.getvalue()) is is_shown


def test_nothing_is_shown_in_ci() -> None:
    stream = Terminal()
    with fleet_shown_on(stream, {"TERM": "xterm", "CI": "true"}, total=1):
        pass
    assert stream.getvalue() == ""
