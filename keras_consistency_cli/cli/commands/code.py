"""`kcheck code`: read serving code, without running it, and name the line where it goes wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.completion import code_rules
from keras_consistency_cli.cli.options import check_choice, option
from keras_consistency_cli.cli.runner import canvas_for, write_reports
from keras_consistency_cli.config.report_targets import Destination
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean, did_you_mean

if TYPE_CHECKING:
    from keras_consistency_cli.checks.code.rule import Rule
    from keras_consistency_cli.config.code_settings import CodeSettings
    from keras_consistency_cli.reporting.code.summary import CodeResult

__all__ = ["code"]

_COLORS: Mapping[str, Literal["auto", "always", "never"]] = {
    "auto": "auto",
    "always": "always",
    "never": "never",
}
_FORMATS = "terminal, concise, json, junit, sarif, github, markdown, html"


def code(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Python files, notebooks or folders.", metavar="PATH...", show_default=False),
    ],
    *,
    model: Annotated[
        Path | None, option("The model that the code serves; its layers decide more findings.", "FILE")
    ] = None,
    scaler: Annotated[
        Path | None, option("The scaler of the model; its columns decide more findings.", "FILE")
    ] = None,
    select: Annotated[
        list[str] | None,
        option(
            "Rules to use: codes, beginnings of codes or names. Repeatable.", "RULES", completion=code_rules
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        option("Rules to leave out, written like --select. Repeatable.", "RULES", completion=code_rules),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        option("Files to leave out below folders, such as 'notebooks/*'. Repeatable.", "PATTERN"),
    ] = None,
    format: Annotated[
        list[str] | None,
        option(f"Report format: {_FORMATS}. Repeatable.", "FORMAT[=FILE]"),
    ] = None,
    output: Annotated[Path | None, option("File for the report.", "FILE", "--output", "-o")] = None,
    fail_on: Annotated[
        str | None, option("The lowest severity that makes the exit code 1. [fail]", "fail|warn")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    color: Annotated[str, option("Colour. [auto]", "auto|always|never")] = "auto",
) -> int:
    """Find the faults of serving code without running it."""
    check_choice("--color", color, tuple(_COLORS))
    from keras_consistency_cli.config.code_settings import load_code_settings

    flags = {
        "model": model,
        "scaler": scaler,
        "select": select,
        "ignore": ignore,
        "exclude": exclude,
        "format": format,
        "fail_on": fail_on,
    }
    settings = load_code_settings(flags, Path())
    destinations = _destinations(settings, output)
    for destination in destinations:
        if destination.path is not None:
            console.check_destination(destination.path, paths, flag=destination.flag)
    result = replace(_examined(paths, settings), exit_zero=exit_zero)
    write_reports(_rendered(result, destinations, color))
    return result.exit_code


def _destinations(settings: CodeSettings, output: Path | None) -> tuple[Destination, ...]:
    from keras_consistency_cli.config.code_settings import CODE_FORMATS
    from keras_consistency_cli.config.report_targets import parse_destinations

    for word in settings.format:
        name = word.partition("=")[0]
        if name not in CODE_FORMATS:
            raise UsageError(
                f"--format {clean(name, 60)} is unknown{did_you_mean(name, CODE_FORMATS)}",
                expected=", ".join(CODE_FORMATS),
            )
    try:
        return parse_destinations(settings.format, output)
    except ValueError as error:
        raise UsageError(f"--format: {error}") from None


def _examined(paths: Sequence[Path], settings: CodeSettings) -> CodeResult:
    from keras_consistency_cli.checks.code.analysis import analyse
    from keras_consistency_cli.checks.code.files import read_model, read_scaler
    from keras_consistency_cli.checks.code.reading.collect import collect
    from keras_consistency_cli.reporting.code.summary import CodeResult

    collected = collect(paths, settings.exclude)
    if not collected.files:
        where = ", ".join(clean(path, 80) for path in paths)
        raise UsageError(f"{where}: no code to read", expected="a .py file, a notebook or a folder with them")
    report = analyse(
        collected.files,
        _rules(settings),
        model=read_model(settings.model) if settings.model is not None else None,
        scaler=read_scaler(settings.scaler) if settings.scaler is not None else None,
    )
    return CodeResult(
        report=replace(report, skipped=collected.tests), fail_on=settings.fail_on, version=__version__
    )


def _rules(settings: CodeSettings) -> tuple[Rule, ...]:
    """Return the rules that are selected and not ignored."""
    from keras_consistency_cli.checks.code.registry import RULES, find_rules

    def named(words: Sequence[str], flag: str) -> set[str]:
        codes: set[str] = set()
        for word in words:
            found = find_rules(word)
            if not found:
                known = [name for rule in RULES for name in (rule.code, rule.name)]
                raise UsageError(
                    f"{flag}: no rule is called '{clean(word, 60)}'{did_you_mean(word, known)}",
                    fix="'kcheck list --code' shows the rules",
                )
            codes |= {rule.code for rule in found}
        return codes

    selected = named(settings.select, "--select") or {rule.code for rule in RULES}
    chosen = selected - named(settings.ignore, "--ignore")
    if not chosen:
        raise UsageError("--ignore leaves no rule", fix="ignore fewer rules")
    return tuple(rule for rule in RULES if rule.code in chosen)


def _rendered(
    result: CodeResult, destinations: Sequence[Destination], color: str
) -> Iterator[tuple[Destination, str]]:
    from keras_consistency_cli.reporting.code.render import CODE_RENDERERS

    for destination in destinations:
        canvas = canvas_for(destination, _COLORS[color])
        yield destination, CODE_RENDERERS[destination.format](result, canvas)
