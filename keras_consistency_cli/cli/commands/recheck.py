"""`kcheck recheck`: a stored JSON report judged again with other limits, without the model, the rows or a backend."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.choices import check_choice
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.measurement.tolerance import Policy

__all__ = ["recheck"]

_Texts = list[str] | None
_COUNTED = {"fail": "failed", "error": "broken", "warn": "warned", "pass": "passed", "skip": "skipped"}
_ORDER = tuple(_COUNTED)
"""What needs looking at first."""


def recheck(
    report: Annotated[
        Path,
        typer.Argument(
            help="A report of 'kcheck run --format json'.", metavar="REPORT.json", show_default=False
        ),
    ],
    rtol: Annotated[
        _Texts,
        typer.Option(help="Relative limit, together with --atol; or one by output.", metavar="X|OUTPUT:X"),
    ] = None,
    atol: Annotated[
        _Texts, typer.Option(help="Absolute limit, together with --rtol.", metavar="X|OUTPUT:X")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask for the same bits.")] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Take the limits that the model's own rounding noise gives.")
    ] = False,
    select: Annotated[
        _Texts,
        typer.Option(
            help="Checks to keep: codes, beginnings of codes or names. Repeatable.", metavar="CHECKS"
        ),
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="What makes the exit code 1. [as in the report]", metavar="fail|warn")
    ] = None,
    format: Annotated[str, typer.Option(help="Form of what is shown.", metavar="terminal|json")] = "terminal",
) -> int:
    """Judge a stored report again with other limits."""
    check_choice("--format", format, ("terminal", "json"))
    if fail_on is not None:
        check_choice("--fail-on", fail_on, ("fail", "warn"))
    if calibrated and (exact or rtol or atol):
        raise UsageError("--calibrated excludes --exact, --rtol and --atol", fix="give one of them")
    from keras_consistency_cli.config.settings import load_settings
    from keras_consistency_cli.reporting.stored.reader import read_report
    from keras_consistency_cli.reporting.stored.recheck import recheck_results, rechecked_report

    flags = {"model": "-", "rtol": rtol, "atol": atol, "exact": exact, "select": select}
    settings = load_settings(flags, {})
    policy: Policy | Literal["calibrated"] | None = (
        "calibrated" if calibrated else settings.policy() if exact or rtol or atol else None
    )
    document = read_report(report)
    found = recheck_results(document, policy, settings.select)
    strict: Literal["fail", "warn"] = "warn" if (fail_on or document.get("fail_on")) == "warn" else "fail"
    whole = rechecked_report(document, found, strict)
    with suppress(BrokenPipeError):
        if format == "json":
            console.write_stdout(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        else:
            ranked = sorted(found, key=lambda each: _ORDER.index(each.result["status"]))
            lines = [line for each in ranked for line in _lines(each.was, each.result)]
            amounts = Counter(each.result["status"] for each in found)
            counted = ", ".join(
                f"{amounts[status]} {word}" for status, word in _COUNTED.items() if amounts[status]
            )
            ending = f"{whole['verdict'].replace('-', ' ')}: {counted}; rechecked {clean(report)}, exit {whole['exit_code']}"
            console.write_stdout("\n".join([*lines, "", ending, ""]))
    return int(whole["exit_code"])


def _lines(was: str, result: Mapping[str, Any]) -> list[str]:
    """A check's line, gone on below its name where the terminal is too narrow."""
    moved = f" (was {was})" if was != result["status"] else ""
    told = (
        f"  {clean(result['message'], 300)}" if moved or result["status"] in ("fail", "error", "warn") else ""
    )
    line = (
        f"{result['status'].upper():<5}  {clean(result['code'], 20)} {clean(result['name'], 60)}{moved}{told}"
    )
    return textwrap.wrap(line, console.terminal_width(), subsequent_indent=" " * 7, break_on_hyphens=False)
