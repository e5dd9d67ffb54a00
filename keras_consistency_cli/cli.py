"""The command line: argv to Settings, Report to exit code.

Only typer and the lightest modules are imported here; the commands import the rest, so that `kcheck --help` answers at once.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli import __version__, output
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.text import clean, did_you_mean

if TYPE_CHECKING:
    from keras_consistency_cli.report import Report
    from keras_consistency_cli.settings import Settings
    from keras_consistency_cli.supervisor.nursery import Nursery

__all__ = ["app", "main"]

_INTERRUPTED, _TERMINATED, _NO_VERDICT = 130, 143, 3

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tell whether a saved Keras model answers the same every way it is called.",
    epilog="Exit codes: 0 consistent, 1 the model or its pipeline is at fault, 2 the call is at fault, 3 no verdict, 130 and 143 interrupted.",
)


@dataclass(kw_only=True)
class _Call:
    """One call of the command; not frozen, because `debug` may be found only in the settings."""

    line: str
    debug: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run kcheck and return its exit code; every failure has been told on standard error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    call = _Call(line=shlex.join(["kcheck", *given]), debug="--debug" in given)
    output.hold_standard_streams()
    try:
        with _terminable():
            command = typer.main.get_command(app)
            with command.make_context("kcheck", list(given), obj=call) as context:
                return int(command.invoke(context) or 0)
    except BaseException as error:
        return _told(error, call)
    finally:
        output.settle_standard_streams()


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, so that workers and half-written files are cleaned up on the way out."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(error: BaseException, call: _Call) -> int:
    """Tell what ended the call, and return its exit code."""
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else _NO_VERDICT
    if isinstance(error, BrokenPipeError):
        return _NO_VERDICT
    if call.debug:
        import traceback

        output.say("".join(traceback.format_exception(error)))
    if isinstance(error, KeyboardInterrupt):
        output.say("interrupted")
        return _INTERRUPTED
    if isinstance(error, KcheckError):
        output.say(str(error))
        return error.exit_code
    # Every error of typer's parser has format_message; its class moved between modules from one version of typer to the next.
    if hasattr(error, "format_message"):
        output.say(_usage(error))
        return UsageError.exit_code
    output.say(f"internal error: {type(error).__name__}: {clean(error)}" + ("" if call.debug else "\n--debug shows where"))
    return _NO_VERDICT


def _usage(error: Any) -> str:
    """Put typer's complaint on one line, with a suggestion, and say where help is."""
    context = getattr(error, "ctx", None)
    unknown = getattr(error, "option_name", None) if hasattr(error, "possibilities") else None
    if unknown:
        known = [name for parameter in (context.command.params if context else ()) for name in parameter.opts if name.startswith("--")]
        what = f"unknown option {clean(unknown, 60)}{did_you_mean(unknown, known)}"
    else:
        what = clean(" ".join(error.format_message().split()))
    return f"{what}\nsee '{clean(context.command_path) if context else 'kcheck'} --help'"


def _version(wanted: bool) -> None:
    if wanted:
        output.write_stdout(f"kcheck {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Options that stand before the command."""


_Text = str | None
_Texts = list[str] | None


def _option(help_text: str, metavar: str | None = None) -> Any:
    return typer.Option(help=help_text, metavar=metavar, show_default=False)


@app.command()
def run(
    context: typer.Context,
    model: Annotated[
        _Text, typer.Argument(help="The saved model (.keras); may come from the YAML file.", metavar="MODEL", show_default=False)
    ] = None,
    data: Annotated[_Text, _option("Input rows, .npy, .npz (one array per input name), .csv or .parquet. Without it, rows are made.", "FILE")] = None,
    config: Annotated[_Text, _option("YAML file with any of these options.", "FILE")] = None,
    scaler: Annotated[_Text, _option("The scaler that the rows go through first.", "FILE")] = None,
    preprocess: Annotated[_Text, _option("Your own function that the rows go through, instead of a scaler; it is run.", "FILE.py:FUNCTION")] = None,
    reference: Annotated[_Text, _option("Rows that the model was trained on, raw.", "FILE")] = None,
    served: Annotated[_Text, _option("What serving fed to the model for the rows of --data, row for row.", "FILE")] = None,
    expected: Annotated[_Text, _option("Answers recorded for the rows of --data, row for row, to hold today's against.", "FILE")] = None,
    target_scaler: Annotated[_Text, _option("The scaler of the targets, to tell deviations in your units.", "FILE")] = None,
    custom_objects: Annotated[_Texts, _option("Python file with the model's own classes. Repeatable.", "FILE")] = None,
    select: Annotated[_Texts, _option("Checks to run: codes, beginnings of codes or names, comma separated. Repeatable.", "CHECKS")] = None,
    ignore: Annotated[_Texts, _option("Checks to leave out, in the same words. Repeatable.", "CHECKS")] = None,
    rows: Annotated[_Text, _option("How many rows to use, spread over the data. [256]", "N|all")] = None,
    batch_size: Annotated[_Text, _option("Batch size of the ordinary prediction. [32]", "N")] = None,
    seed: Annotated[_Text, _option("Seed for made rows, spreading and shuffling. [0]", "N")] = None,
    format: Annotated[_Text, _option("Form of the report. [terminal]", "terminal|json")] = None,
    output: Annotated[_Text, _option("File for the report, instead of standard output.", "FILE")] = None,
    backend: Annotated[_Text, _option("Keras backend. [tensorflow]", "tensorflow|jax|torch")] = None,
    rtol: Annotated[_Texts, _option("Relative limit, together with --atol, instead of the calibrated one; or one by output.", "X|OUTPUT:X")] = None,
    atol: Annotated[_Texts, _option("Absolute limit, together with --rtol.", "X|OUTPUT:X")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask for the same bits.")] = False,
    trust_scaler: Annotated[bool, typer.Option("--trust-scaler", help="Let a pickled scaler run its own code.")] = False,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let the model run its own code (Lambda layers).")] = False,
    fail_on: Annotated[_Text, _option("What makes the exit code 1. [fail]", "fail|warn")] = None,
    timeout: Annotated[_Text, _option("Seconds that one route may take. [600]", "SECONDS")] = None,
    color: Annotated[_Text, _option("Colour of the report. [auto]", "auto|always|never")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and the backend's own messages.")] = False,
) -> int:
    """Check a saved model."""
    from keras_consistency_cli.supervisor.nursery import Nursery

    call: _Call = context.obj
    # The worker's interpreter starts beside our own imports; it imports a backend only once it is told to.
    with Nursery() as nursery:
        from keras_consistency_cli.pipeline import inspect
        from keras_consistency_cli.settings import load_settings

        settings = load_settings(context.params, os.environ)
        call.debug = settings.debug
        _check_output(settings)
        with _told_at_the_end(nursery, settings), _told_to_machines(settings):
            report = inspect(settings, call.line, nursery=nursery)
    _deliver(report, settings)
    return report.exit_code


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
    """Give a refusal as JSON where JSON is asked for, so that what reads the report finds one; a mistake in the call gives none."""
    try:
        yield
    except KcheckError as refusal:
        if settings.format == "json" and refusal.exit_code != UsageError.exit_code:
            from keras_consistency_cli.reporting.as_json import render_refusal

            _write(render_refusal(__version__, str(settings.model), refusal), settings)
        raise


def _check_output(settings: Settings) -> None:
    if settings.output is not None:
        files = (settings.model, settings.data, settings.scaler, settings.reference, settings.served, settings.expected, settings.target_scaler)
        taken = (*files, *settings.custom_objects)
        output.check_destination(settings.output, (path for path in taken if path is not None))


def _deliver(report: Report, settings: Settings) -> None:
    """Render the report and write it; a reader that has left is no failure, for the verdict is known."""
    from keras_consistency_cli.reporting import render

    to_file, is_json = settings.output is not None, settings.format == "json"
    text = render(
        report,
        settings.format,
        width=output.terminal_width(),
        color=output.wants_color(settings.color, os.environ, to_file=to_file),
        ascii_only=not to_file and not is_json and output.speaks_ascii_only(),
    )
    _write(text, settings)


def _write(text: str, settings: Settings) -> None:
    if settings.output is not None:
        output.write_file(settings.output, text)
        return
    with suppress(BrokenPipeError):
        output.write_stdout(text, encoding="utf-8" if settings.format == "json" else None)


@app.command("list")
def list_checks() -> None:
    """List all checks: code, name, question."""
    from keras_consistency_cli.checks import CHECKS

    width = max(len(check.name) for check in CHECKS)
    output.write_stdout("".join(f"{check.code}  {check.name:<{width}}  {check.title}\n" for check in CHECKS))


@app.command()
def explain(
    topic: Annotated[str, typer.Argument(help="Code or name of a check (KC101, batch-vs-single), or a cause from a report.", metavar="CODE|NAME")],
) -> None:
    """Explain a check or a cause."""
    from keras_consistency_cli.checks import CHECKS
    from keras_consistency_cli.diagnosis import CAUSES

    pages = {word: (f"{check.code} {check.name}: {check.title}", check.explanation) for check in CHECKS for word in (check.code, check.name)}
    pages |= {slug: (f"{slug}: {cause.sentence.replace('{layer}', 'a layer')}", cause.explanation) for slug, cause in CAUSES.items()}
    found = next((page for word, page in pages.items() if word.casefold() == topic.strip().casefold()), None)
    if found is None:
        hint = did_you_mean(topic.upper(), pages) or did_you_mean(topic.lower(), pages)
        raise UsageError(f"nothing is called '{clean(topic, 60)}'{hint}", mend="'kcheck list' shows the checks")
    title, explanation = found
    output.write_stdout(f"{title}\n\n{explanation.strip()}\n")
