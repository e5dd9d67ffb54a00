"""The steps shared by all commands that check a model: flags to settings, settings to a report, the report to
its readers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.config.report_targets import UTF_8, Destination
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.reporting.version import __version__

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.parts.canvas import Amount, Canvas
    from keras_consistency_cli.reporting.report import Report
    from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["amount_of", "canvas_for", "check_and_report", "write_reports"]

_FOR_PEOPLE = ("terminal", "concise")
"""The formats that are read in a terminal."""


def check_and_report(
    flags: Mapping[str, Any],
    call: Call,
    inspect: Callable[..., Report],
    *,
    next_to: str | None = None,
    narrow: Callable[[Settings], Settings] | None = None,
) -> int:
    """Check a model, write the reports and return the exit code.

    Args:
        flags: the flags, by parameter name.
        call: the call that they belong to.
        inspect: takes settings and the keywords fork_server, config and observe of `pipeline.run.inspect`;
            returns a report.
        next_to: the model whose folder is searched for further files; None to use only what is named.
        narrow: adapts the settings to this command; a YAML file may have been written for another command.
    """
    from keras_consistency_cli.workers.forkserver import ForkServer

    # The worker's interpreter starts while this process still imports; it imports a backend only on request.
    with ForkServer() as fork_server:
        from keras_consistency_cli.cli.implicit_inputs import find_implicit_inputs
        from keras_consistency_cli.cli.progress import shown_on
        from keras_consistency_cli.config.settings import load_settings

        implicit = find_implicit_inputs(next_to)
        settings = load_settings(flags, os.environ, implicit.discovered)
        settings = narrow(settings) if narrow else settings
        call.debug = settings.debug
        config = implicit.config(flags["config"])
        _check_destinations(settings, config)
        with (
            _showing_worker_log(fork_server, settings),
            _reporting_refusals(settings, call),
            shown_on(sys.stderr, os.environ, quiet=settings.quiet) as observe,
        ):
            report = inspect(settings, fork_server=fork_server, config=config, observe=observe)
            report = implicit.with_notes(report, settings, config)
    write_reports(_rendered(report, settings))
    return _write_bundle(report, settings)


@contextmanager
def _showing_worker_log(fork_server: ForkServer, settings: Settings) -> Iterator[None]:
    """With --debug, show what backend and workers printed, however the run ends."""
    try:
        yield
    finally:
        if settings.debug:
            console.say(f"output of the workers:\n{fork_server.log()}")


@contextmanager
def _reporting_refusals(settings: Settings, call: Call) -> Iterator[None]:
    """Write a refusal in each report format; a mistake in the call is not reported there."""
    try:
        yield
    except KcheckError as refusal:
        if refusal.exit_code != UsageError.exit_code:
            from keras_consistency_cli.reporting.render import REFUSALS

            model = str(settings.model)
            reports = [
                (destination, text)
                for destination in settings.destinations()
                if (text := REFUSALS[destination.format](__version__, model, refusal))
            ]
            write_reports(reports)
            call.is_refusal_shown = any(
                destination.path is None and destination.format in _FOR_PEOPLE for destination, _ in reports
            )
        raise


def _check_destinations(settings: Settings, config: Path | None) -> None:
    if settings.bundle is not None:
        from keras_consistency_cli.reporting.bundle import check_bundle

        check_bundle(settings.bundle)
    taken = [*settings.input_files(), *([config] if config else [])]
    for destination in settings.destinations():
        if destination.path is not None:
            console.check_destination(destination.path, taken, flag=destination.flag)


def _rendered(report: Report, settings: Settings) -> Iterator[tuple[Destination, str]]:
    from keras_consistency_cli.reporting.render import render

    for destination in settings.destinations():
        canvas = canvas_for(destination, settings.color, amount_of(settings))
        text = render(
            report,
            destination.format,
            width=canvas.width,
            color=canvas.color,
            ascii_only=canvas.ascii_only,
            amount=canvas.amount,
        )
        yield destination, text


def amount_of(settings: Settings) -> Amount:
    """Return how much a report of these settings shows."""
    return "quiet" if settings.quiet else "verbose" if settings.verbose else "usual"


def canvas_for(
    destination: Destination, color: Literal["auto", "always", "never"], amount: Amount = "usual"
) -> Canvas:
    """Return what a report to this destination may use: columns, colours, characters, details."""
    from keras_consistency_cli.reporting.parts.canvas import Canvas

    to_file = destination.path is not None
    return Canvas(
        width=console.terminal_width(),
        color=console.wants_color(color, os.environ, to_file=to_file),
        ascii_only=not to_file and destination.format not in UTF_8 and console.speaks_ascii_only(),
        amount=amount,
    )


def write_reports(reports: Iterable[tuple[Destination, str]]) -> None:
    """Write all reports, files before standard output; an error with one does not prevent the others.

    A closed standard output is not an error, because the verdict is known.

    Raises:
        NoVerdictError: the first report that could not be written.
    """
    errors: list[KcheckError] = []
    for destination, text in sorted(reports, key=lambda report: report[0].path is None):
        try:
            if destination.path is not None:
                add = console.is_step_summary(destination.path, os.environ)
                console.write_file(destination.path, text, add=add)
            else:
                with suppress(BrokenPipeError):
                    encoding = "utf-8" if destination.format in UTF_8 else None
                    console.write_stdout(text, encoding=encoding)
        except KcheckError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _write_bundle(report: Report, settings: Settings) -> int:
    """Write the bundle, if requested; a verdict that is already known has priority over an error in writing
    it.
    """
    if settings.bundle is None:
        return report.exit_code
    from keras_consistency_cli.reporting.bundle import write_bundle

    try:
        write_bundle(settings.bundle, report, settings)
    except KcheckError as problem:
        console.say(str(problem))
        return report.exit_code or problem.exit_code
    return report.exit_code
