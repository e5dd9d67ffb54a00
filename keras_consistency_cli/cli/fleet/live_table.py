"""The live table of a fleet: what runs, what is done, and what was found so far.

It is drawn on the terminal of standard error, and nothing is left of it when the report follows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from keras_consistency_cli.cli.progress import is_watched
from keras_consistency_cli.pipeline.fleet.place import NULL_FLEET_OBSERVER, FleetObserver
from keras_consistency_cli.pipeline.observer import Observer
from keras_consistency_cli.reporting.fleet.lines import found_text
from keras_consistency_cli.reporting.fleet.report import ModelResult
from keras_consistency_cli.text import clean, format_count

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["fleet_shown_on"]

_LATEST = 8
_MARKS = {"consistent": ("ok", "green"), "inconsistent": ("FAULT", "red"), "no-verdict": ("?", "magenta")}


@contextmanager
def fleet_shown_on(
    stream: TextIO | None, environ: Mapping[str, str], *, total: int, quiet: bool = False
) -> Iterator[FleetObserver]:
    """Give an observer that draws the table on a terminal, and erase it at the end.

    Args:
        stream: standard error; only a terminal is written to.
        environ: the environment; with CI or TERM=dumb nothing is shown.
        total: the number of models.
        quiet: whether the user asked for silence.
    """
    if stream is None or not is_watched(stream, environ, quiet=quiet):
        yield NULL_FLEET_OBSERVER
        return
    from rich.console import Console
    from rich.live import Live

    table = _LiveTable(total)
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    with Live(table, console=console, transient=True, refresh_per_second=4, redirect_stdout=False):
        yield table


class _LiveTable:
    """What the table shows; Rich draws it several times a second, while models run in other threads."""

    def __init__(self, total: int) -> None:
        self._total, self._start, self._lock = total, time.monotonic(), threading.Lock()
        self._running: dict[str, str] = {}
        self._latest: list[ModelResult] = []
        self._amounts = dict.fromkeys(_MARKS, 0)

    def started(self, name: str) -> Observer:
        """Show a model that starts."""
        with self._lock:
            self._running[name] = "starting"
        return _Row(self, name)

    def show(self, name: str, activity: str) -> None:
        """Show what a model does; one that has finished stays out."""
        with self._lock:
            if name in self._running:
                self._running[name] = activity

    def finished(self, result: ModelResult) -> None:
        """Show a result."""
        with self._lock:
            self._running.pop(result.name, None)
            self._latest = [*self._latest, result][-_LATEST:]
            self._amounts[result.outcome] += 1

    def __rich__(self) -> Table:
        """Return what is drawn now."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False)
        for width in (8, None, None):
            table.add_column(no_wrap=True, width=width, overflow="ellipsis")
        with self._lock:
            for result in self._latest:
                word, style = _MARKS[result.outcome]
                found = clean(found_text(result), 60)
                table.add_row(Text(word, style=style), Text(clean(result.name, 60)), Text(found))
            for name, activity in self._running.items():
                table.add_row(Text("running", style="dim"), Text(clean(name, 60)), Text(clean(activity, 60)))
            done = sum(self._amounts.values())
            faults, open_ = self._amounts["inconsistent"], self._amounts["no-verdict"]
        seconds = f"{time.monotonic() - self._start:.0f} s"
        summary = (
            f"{done} of {format_count(self._total, 'model')}, {faults} with faults, {open_} without verdict"
        )
        table.add_row(Text(seconds, style="bold"), Text(summary, style="bold"), Text())
        return table


class _Row:
    """The observer of one model."""

    def __init__(self, table: _LiveTable, name: str) -> None:
        self._table, self._name = table, name

    def __call__(self, activity: str, /) -> None:
        """Show what the run does next."""
        self._table.show(self._name, activity)

    def route_finished(self, _name: str, summary: str, done: int, total: int, /) -> None:
        """Show how many routes have finished."""
        self._table.show(self._name, f"{done} of {format_count(total, 'route')}: {summary}")
