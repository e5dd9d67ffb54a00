"""The command line: dispatches argv to a command and turns every ending into an exit code.

Only Typer and light modules are imported here; the commands import the rest, so that `kcheck --help` is fast.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.commands.baseline import baseline
from keras_consistency_cli.cli.commands.code import code
from keras_consistency_cli.cli.commands.compare import compare
from keras_consistency_cli.cli.commands.diff import diff
from keras_consistency_cli.cli.commands.doctor import doctor
from keras_consistency_cli.cli.commands.explain import explain, list_checks
from keras_consistency_cli.cli.commands.fleet import fleet
from keras_consistency_cli.cli.commands.init import init
from keras_consistency_cli.cli.commands.inspect import inspect_model
from keras_consistency_cli.cli.commands.recheck import recheck
from keras_consistency_cli.cli.commands.run import run
from keras_consistency_cli.cli.commands.schema import schema
from keras_consistency_cli.cli.invocation import MODEL_ENDING, Call
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean, did_you_mean
from keras_consistency_cli.workers.signals import Interruption, interruptible

__all__ = ["COMMANDS", "app", "main"]

_INTERRUPTED, _NO_VERDICT = 130, 3
_COMPLETING = "_KCHECK_COMPLETE"
"""Set by a shell that requests completions."""

_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("check", "test", "validate"), "run"),
    **dict.fromkeys(("show", "summary", "info"), "inspect"),
    **dict.fromkeys(("lint", "scan"), "code"),
    **dict.fromkeys(("record", "verify"), "baseline {}"),
    "causes": "list --causes",
    "help": "--help",
}
"""By a word that is not a command, the command that it stands for."""

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Check whether a saved Keras model gives the same outputs every way it is called.\n\n"
    "'kcheck MODEL' is 'kcheck run MODEL' with the scaler, the rows and the kcheck.yaml "
    "from the model's folder.",
    epilog="Exit codes: 0 consistent, 1 fault in the model or its pipeline, 2 wrong call, 3 no verdict, "
    "130 and 143 interrupted.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run kcheck and return its exit code; every failure has been reported on standard error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    is_bare = _is_bare(given)
    call = Call(line=shlex.join(["kcheck", *given]), debug="--debug" in given, is_bare=is_bare)
    console.hold_standard_streams()
    try:
        with interruptible():
            command, words = typer.main.get_command(app), ["run", *given] if is_bare else list(given)
            _check_command(words)
            if _COMPLETING in os.environ:
                command.main(args=list(given), prog_name="kcheck")
            if words and words[0] in COMMANDS:
                # No option stands before the command; Typer would import pydantic to find that out.
                command.params.clear()
                command.add_help_option = False
            with command.make_context("kcheck", words, obj=call) as context:
                return int(command.invoke(context) or 0)
    except BaseException as error:
        return _report_ending(error, call)
    finally:
        console.settle_standard_streams()


def _is_bare(given: Sequence[str]) -> bool:
    """Whether a model is given instead of a command, as in `kcheck model.keras`; the name of a command is
    never a file.
    """
    first, *others = given or ("",)
    if first.startswith("-"):
        return not any(name in others for name in COMMANDS) and any(
            word.endswith(MODEL_ENDING) for word in others
        )
    return (
        first not in COMMANDS
        and bool(first)
        and (first.endswith(MODEL_ENDING) or os.path.lexists(first.replace("\0", "")))
    )


def _check_command(words: Sequence[str]) -> None:
    """Name the command that another word stands for; Typer compares only letters."""
    meant = _MEANT.get(words[0], "").format(words[0]) if words else ""
    if meant:
        raise UsageError(
            f"no command is called '{words[0]}' (did you mean '{meant}'?)",
            fix=shlex.join(["kcheck", *meant.split(), *words[1:]]),
        )
    if words and words[0] not in COMMANDS and (MODEL_ENDING in words[0] or os.sep in words[0]):
        raise UsageError(f"{clean(words[0])}: there is no such file", expected="the path of a .keras file")


def _report_ending(error: BaseException, call: Call) -> int:
    """Report what ended the call, and return its exit code."""
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, Interruption):
        console.say(error.word)
        return error.code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else _NO_VERDICT
    if isinstance(error, BrokenPipeError):
        return _NO_VERDICT
    if call.debug:
        import traceback

        console.say("".join(traceback.format_exception(error)))
    if isinstance(error, KeyboardInterrupt):
        console.say("interrupted")
        return _INTERRUPTED
    if isinstance(error, KcheckError):
        console.say(_short_refusal(error) if call.is_refusal_shown else str(error))
        return error.exit_code
    # Every error of Typer's parser has format_message; the module of its class differs between versions.
    if hasattr(error, "format_message"):
        console.say(_usage(error))
        return UsageError.exit_code
    console.say(
        f"internal error: {type(error).__name__}: {clean(error)}"
        + ("" if call.debug else "\n--debug shows the traceback")
    )
    return _NO_VERDICT


def _short_refusal(refusal: KcheckError) -> str:
    """Return one line for standard error: the report on standard output says the rest."""
    return f"refused: {refusal.cause}; the report says why, and how to fix it"


def _usage(error: Any) -> str:
    """Return Typer's error message on one line, with a suggestion and the command that shows help."""
    context = getattr(error, "ctx", None)
    unknown = getattr(error, "option_name", None) if hasattr(error, "possibilities") else None
    if unknown:
        flags = [
            name
            for parameter in (context.command.params if context else ())
            for name in parameter.opts
            if name.startswith("--")
        ]
        what = f"unknown option {clean(unknown, 60)}{did_you_mean(unknown, flags)}"
    else:
        what = clean(" ".join(error.format_message().split()))
    return f"{what}\nsee '{clean(context.command_path) if context else 'kcheck'} --help'"


def _show_version(is_requested: bool) -> None:
    if is_requested:
        console.write_stdout(f"kcheck {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Options before the command."""


COMMANDS: Mapping[str, Callable[..., object]] = {
    "run": run,
    "fleet": fleet,
    "code": code,
    "inspect": inspect_model,
    "list": list_checks,
    "explain": explain,
    "doctor": doctor,
    "recheck": recheck,
    "diff": diff,
    "compare": compare,
    "baseline": baseline,
    "init": init,
    "schema": schema,
}
"""The commands by name, in the order of `kcheck --help`."""

for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
