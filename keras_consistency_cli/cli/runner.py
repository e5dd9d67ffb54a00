"""What commands share that check a model: settings to a report, the report to its readers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.config.report_targets import UTF_8, Destination
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.reporting.version import __version__

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report
    from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["checked"]


def checked(
    given: Mapping[str, Any],
    call: Call,
    inspected: Callable[..., Report],
    *,
    around: str | None = None,
    narrow: Callable[[Settings], Settings] | None = None,
) -> int:
    """Check and report; return the exit code.

    Args:
        given: the flags, by parameter.
        call: the call that they are part of.
        inspected: takes settings, and by name what `pipeline.inspect` takes beside them (fork server, config, observe); returns the report.
        around: the model beside which to look for files; None to take only what is named.
        narrow: what makes of the settings those of this command; they may come from a file that was written for another.
    """
    from keras_consistency_cli.workers.forkserver import ForkServer

    # The worker's interpreter starts beside our own imports; it imports a backend only once it is told to.
    with ForkServer() as fork_server:
        from keras_consistency_cli.cli.implicit_inputs import look_around
        from keras_consistency_cli.cli.progress import shown_on
        from keras_consistency_cli.config.settings import load_settings

        found = look_around(around)
        settings = load_settings(given, os.environ, found.said)
        settings = narrow(settings) if narrow else settings
        call.debug = settings.debug
        config = found.config(given["config"])
        _check_destinations(settings, config)
        with (
            _told_at_the_end(fork_server, settings),
            _told_to_machines(settings),
            shown_on(sys.stderr, os.environ, quiet=settings.quiet) as observe,
        ):
            report = found.told(
                inspected(settings, fork_server=fork_server, config=config, observe=observe), settings, config
            )
    _deliver(_rendered(report, settings))
    return _bundled(report, settings)


@contextmanager
def _told_at_the_end(fork_server: ForkServer, settings: Settings) -> Iterator[None]:
    """With --debug, show what backend and workers printed, however the run ends."""
    try:
        yield
    finally:
        if settings.debug:
            console.say(f"what the workers printed:\n{fork_server.log()}")


@contextmanager
def _told_to_machines(settings: Settings) -> Iterator[None]:
    """Give a refusal in the form of each report that has one, so that what reads it finds one; a mistake in the call gives none."""
    try:
        yield
    except KcheckError as refusal:
        if refusal.exit_code != UsageError.exit_code:
            from keras_consistency_cli.reporting.render import REFUSALS

            told = (one for one in settings.destinations() if one.format in REFUSALS)
            _deliver((one, REFUSALS[one.format](__version__, str(settings.model), refusal)) for one in told)
        raise


def _check_destinations(settings: Settings, config: Path | None) -> None:
    if settings.bundle is not None:
        from keras_consistency_cli.reporting.bundle import check_bundle

        check_bundle(settings.bundle)
    files = (
        settings.model,
        settings.data,
        settings.scaler,
        settings.reference,
        settings.served,
        settings.expected,
        settings.target_scaler,
    )
    function = (settings.preprocess or "").rpartition(":")[0]
    named = (Path(name) for name in (config, function if function.endswith(".py") else None) if name)
    taken = [*(path for path in files if path is not None), *settings.custom_objects, *named]
    for one in settings.destinations():
        if one.path is not None:
            console.check_destination(one.path, taken, said=one.said)


def _rendered(report: Report, settings: Settings) -> Iterator[tuple[Destination, str]]:
    from keras_consistency_cli.reporting.render import render

    amount: Any = {"amount": "quiet"} if settings.quiet else {"amount": "verbose"} if settings.verbose else {}
    for one in settings.destinations():
        to_file = one.path is not None
        text = render(
            report,
            one.format,
            width=console.terminal_width(),
            color=console.wants_color(settings.color, os.environ, to_file=to_file),
            ascii_only=not to_file and one.format not in UTF_8 and console.speaks_ascii_only(),
            **amount,
        )
        yield one, text


def _deliver(reports: Iterable[tuple[Destination, str]]) -> None:
    """Write all reports, files before standard output; one that cannot be written keeps no other from being so.

    A reader of standard output that has left is no failure, for the verdict is known.

    Raises:
        NoVerdictError: the first that could not be written.
    """
    failed: list[KcheckError] = []
    for one, text in sorted(reports, key=lambda report: report[0].path is None):
        try:
            if one.path is not None:
                console.write_file(one.path, text, add=console.is_step_summary(one.path, os.environ))
            else:
                with suppress(BrokenPipeError):
                    console.write_stdout(text, encoding="utf-8" if one.format in UTF_8 else None)
        except KcheckError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _bundled(report: Report, settings: Settings) -> int:
    """Write the bundle where one is asked for; a verdict that is known already outweighs that it could not be written."""
    if settings.bundle is None:
        return report.exit_code
    from keras_consistency_cli.reporting.bundle import write_bundle

    try:
        write_bundle(settings.bundle, report, settings)
    except KcheckError as problem:
        console.say(str(problem))
        return report.exit_code or problem.exit_code
    return report.exit_code
