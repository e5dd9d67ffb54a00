"""`kcheck run`: flags to settings, settings to a report, the report to its reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli import __version__, output
from keras_consistency_cli.commands.call import Call
from keras_consistency_cli.destinations import FORMATS, UTF_8, Destination
from keras_consistency_cli.errors import KcheckError, UsageError

if TYPE_CHECKING:
    from keras_consistency_cli.report import Report
    from keras_consistency_cli.settings import Settings
    from keras_consistency_cli.supervisor.nursery import Nursery

__all__ = ["run"]

_Text = str | None
_Texts = list[str] | None


def _option(help_text: str, metavar: str | None = None, *names: str) -> Any:
    return typer.Option(*names, help=help_text, metavar=metavar, show_default=False)


def _switch(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text)


def run(
    context: typer.Context,
    model: Annotated[
        _Text, typer.Argument(help="The saved model (.keras); may come from the YAML file.", metavar="MODEL", show_default=False)
    ] = None,
    data: Annotated[_Text, _option("Input rows, .npy, .npz (by input name), .csv or .parquet. Else they are made.", "FILE", "--data", "-d")] = None,
    config: Annotated[_Text, _option("YAML file with any of these options.", "FILE", "--config", "-c")] = None,
    scaler: Annotated[_Text, _option("The scaler that the rows go through first.", "FILE")] = None,
    preprocess: Annotated[_Text, _option("Your own function that the rows go through, instead of a scaler; it is run.", "FILE.py:FUNCTION")] = None,
    reference: Annotated[_Text, _option("Rows that the model was trained on, raw.", "FILE")] = None,
    served: Annotated[_Text, _option("What serving fed to the model for the rows of --data, row for row.", "FILE")] = None,
    expected: Annotated[_Text, _option("Answers recorded for the rows of --data, row for row, to hold today's against.", "FILE")] = None,
    target_scaler: Annotated[_Text, _option("The scaler of the targets, to tell deviations in your units.", "FILE")] = None,
    custom_objects: Annotated[_Texts, _option("Python file with the model's own classes. Repeatable.", "FILE")] = None,
    select: Annotated[_Texts, _option("Checks to run: codes, beginnings of codes or names, comma separated. Repeatable.", "CHECKS")] = None,
    ignore: Annotated[_Texts, _option("Checks to leave out, in the same words. Repeatable.", "CHECKS")] = None,
    require: Annotated[_Texts, _option("Checks that must answer, in the same words: skipped, exit 3. Repeatable.", "CHECKS")] = None,
    exit_first: Annotated[bool, _switch("End at the first check that fails.", "--exit-first", "-x")] = False,
    rows: Annotated[_Text, _option("How many rows to use, spread over the data. [256]", "N|all")] = None,
    batch_size: Annotated[_Text, _option("Batch size of the ordinary prediction. [32]", "N")] = None,
    seed: Annotated[_Text, _option("Seed for made rows, spreading and shuffling. [0]", "N")] = None,
    format: Annotated[_Texts, _option(f"Form of the report: {', '.join(FORMATS)}. Repeatable. [terminal]", "FORMAT[=FILE]")] = None,
    output: Annotated[_Text, _option("File for the report that --format gives none, instead of standard output.", "FILE", "--output", "-o")] = None,
    bundle: Annotated[_Text, _option("Folder for what shows each failure: rows, both answers, versions, commands; under 1 MB.", "DIR")] = None,
    backend: Annotated[_Text, _option("Keras backend. [tensorflow]", "tensorflow|jax|torch")] = None,
    rtol: Annotated[_Texts, _option("Relative limit, together with --atol, instead of the calibrated one; or one by output.", "X|OUTPUT:X")] = None,
    atol: Annotated[_Texts, _option("Absolute limit, together with --rtol.", "X|OUTPUT:X")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask for the same bits.")] = False,
    trust_scaler: Annotated[bool, typer.Option("--trust-scaler", help="Let a pickled scaler run its own code.")] = False,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let the model run its own code (Lambda layers).")] = False,
    fail_on: Annotated[_Text, _option("What makes the exit code 1. [fail]", "fail|warn")] = None,
    exit_zero: Annotated[bool, _switch("Exit with 0 although checks fail.", "--exit-zero")] = False,
    timeout: Annotated[_Text, _option("Seconds that one route may take. [600]", "SECONDS")] = None,
    total_timeout: Annotated[_Text, _option("Seconds that the whole run may take. [no limit]", "SECONDS")] = None,
    memory_limit: Annotated[_Text, _option("GiB of memory that one worker may take. [most of what is free]", "GIB")] = None,
    isolation: Annotated[_Text, _option("Keep workers from the network and from writing files, where possible. [auto]", "auto|off")] = None,
    color: Annotated[_Text, _option("Colour of the report. [auto]", "auto|always|never")] = None,
    quiet: Annotated[bool, _switch("In a terminal show only the last line.", "--quiet", "-q")] = False,
    verbose: Annotated[bool, _switch("In a terminal show also environment, isolation, and seconds by check.", "--verbose", "-v")] = False,
    show_settings: Annotated[bool, _switch("Show each setting with its value and where it comes from, and run nothing.", "--show-settings")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and the backend's own messages.")] = False,
) -> int:
    """Check a saved model."""
    call: Call = context.obj
    given = {name: value for name, value in context.params.items() if name != "show_settings"}
    around = model if call.bare else None
    return _shown(given, around) if show_settings else _checked(given, around, call)


def _checked(given: Mapping[str, Any], around: str | None, call: Call) -> int:
    """Run and report; `around` is the model beside which to look for files."""
    from keras_consistency_cli.supervisor.nursery import Nursery

    # The worker's interpreter starts beside our own imports; it imports a backend only once it is told to.
    with Nursery() as nursery:
        from keras_consistency_cli.commands.surroundings import look_around
        from keras_consistency_cli.pipeline import inspect
        from keras_consistency_cli.progress import shown_on
        from keras_consistency_cli.settings import load_settings

        found = look_around(around)
        settings = load_settings(given, os.environ, found.said)
        call.debug = settings.debug
        config = found.config(given["config"])
        _check_destinations(settings, config)
        with (
            _told_at_the_end(nursery, settings),
            _told_to_machines(settings),
            shown_on(sys.stderr, os.environ, quiet=settings.quiet) as observe,
        ):
            report = found.told(inspect(settings, call.line, nursery=nursery, config=config, observe=observe), settings, config)
    _deliver(_rendered(report, settings))
    return _bundled(report, settings)


def _shown(given: Mapping[str, Any], model: str | None) -> int:
    from keras_consistency_cli.commands.surroundings import look_around
    from keras_consistency_cli.settings import stated_settings

    rows = [(name, value, origin) for name, value, origin in stated_settings(given, os.environ, look_around(model).said)]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    output.write_stdout("".join(f"{name:<{wide[0]}}  {value:<{wide[1]}}  {origin}\n" for name, value, origin in rows))
    return 0


@contextmanager
def _told_at_the_end(nursery: Nursery, settings: Settings) -> Iterator[None]:
    """With --debug, show what backend and workers printed, however the run ends."""
    try:
        yield
    finally:
        if settings.debug:
            output.say(f"what the workers printed:\n{nursery.log()}")


@contextmanager
def _told_to_machines(settings: Settings) -> Iterator[None]:
    """Give a refusal in the form of each report that has one, so that what reads it finds one; a mistake in the call gives none."""
    try:
        yield
    except KcheckError as refusal:
        if refusal.exit_code != UsageError.exit_code:
            from keras_consistency_cli.reporting import REFUSALS

            told = (one for one in settings.destinations() if one.format in REFUSALS)
            _deliver((one, REFUSALS[one.format](__version__, str(settings.model), refusal)) for one in told)
        raise


def _check_destinations(settings: Settings, config: Path | None) -> None:
    if settings.bundle is not None:
        from keras_consistency_cli.bundling import check_bundle

        check_bundle(settings.bundle)
    files = (settings.model, settings.data, settings.scaler, settings.reference, settings.served, settings.expected, settings.target_scaler)
    function = (settings.preprocess or "").rpartition(":")[0]
    named = (Path(name) for name in (config, function if function.endswith(".py") else None) if name)
    taken = [*(path for path in files if path is not None), *settings.custom_objects, *named]
    for one in settings.destinations():
        if one.path is not None:
            output.check_destination(one.path, taken, said=one.said)


def _rendered(report: Report, settings: Settings) -> Iterator[tuple[Destination, str]]:
    from keras_consistency_cli.reporting import render

    amount: Any = {"amount": "quiet"} if settings.quiet else {"amount": "verbose"} if settings.verbose else {}
    for one in settings.destinations():
        to_file = one.path is not None
        text = render(
            report,
            one.format,
            width=output.terminal_width(),
            color=output.wants_color(settings.color, os.environ, to_file=to_file),
            ascii_only=not to_file and one.format not in UTF_8 and output.speaks_ascii_only(),
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
                output.write_file(one.path, text, add=output.is_step_summary(one.path, os.environ))
            else:
                with suppress(BrokenPipeError):
                    output.write_stdout(text, encoding="utf-8" if one.format in UTF_8 else None)
        except KcheckError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _bundled(report: Report, settings: Settings) -> int:
    """Write the bundle where one is asked for; a verdict that is known already outweighs that it could not be written."""
    if settings.bundle is None:
        return report.exit_code
    from keras_consistency_cli.bundling import write_bundle

    try:
        write_bundle(settings.bundle, report, settings)
    except KcheckError as problem:
        output.say(str(problem))
        return report.exit_code or problem.exit_code
    return report.exit_code
