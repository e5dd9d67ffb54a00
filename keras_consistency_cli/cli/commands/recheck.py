"""`kcheck recheck`: judge a stored JSON report again with different limits, without model, rows or
backend.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.options import check_choice
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.measurement.policy import Policy
    from keras_consistency_cli.reporting.stored.recheck import RecheckedResult

__all__ = ["recheck"]

_Texts = list[str] | None
_COUNTED = {"fail": "failed", "error": "broken", "warn": "warned", "pass": "passed", "skip": "skipped"}
_ORDER = tuple(_COUNTED)
"""Statuses in the order of urgency."""


def recheck(
    report: Annotated[
        Path,
        typer.Argument(
            help="A report of 'kcheck run --format json'.", metavar="REPORT.json", show_default=False
        ),
    ],
    rtol: Annotated[
        _Texts,
        typer.Option(help="Relative limit, together with --atol; also for one output.", metavar="X|OUTPUT:X"),
    ] = None,
    atol: Annotated[
        _Texts, typer.Option(help="Absolute limit, together with --rtol.", metavar="X|OUTPUT:X")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Require bit-identical outputs.")] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Use the limits measured from rounding noise.")
    ] = False,
    select: Annotated[
        _Texts,
        typer.Option(help="Checks to keep: codes, prefixes of codes or names. Repeatable.", metavar="CHECKS"),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="The lowest status that makes the exit code 1. [as in the report]", metavar="fail|warn"
        ),
    ] = None,
    format: Annotated[str, typer.Option(help="Output format.", metavar="terminal|json")] = "terminal",
) -> int:
    """Judge a stored report again with different limits."""
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
    results = recheck_results(document, policy, settings.select)
    strict: Literal["fail", "warn"] = "warn" if (fail_on or document.get("fail_on")) == "warn" else "fail"
    summary = rechecked_report(document, results, strict)
    with suppress(BrokenPipeError):
        if format == "json":
            console.write_stdout(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        else:
            console.write_stdout(_text(results, summary, report))
    return int(summary["exit_code"])


def _text(results: Sequence[RecheckedResult], summary: Mapping[str, Any], report: Path) -> str:
    ranked = sorted(results, key=lambda result: _ORDER.index(result.status))
    lines = [line for result in ranked for line in _lines(result.was, result.result)]
    amounts = Counter(result.status for result in results)
    counted = ", ".join(f"{amounts[status]} {word}" for status, word in _COUNTED.items() if amounts[status])
    verdict = summary["verdict"].replace("-", " ")
    ending = f"{verdict}: {counted}; rechecked {clean(report)}, exit {summary['exit_code']}"
    return "\n".join([*lines, "", ending, ""])


def _lines(was: str, result: Mapping[str, Any]) -> list[str]:
    """The line of a check, continued below its name on a narrow terminal."""
    change = f" (was {was})" if was != result["status"] else ""
    is_news = change or result["status"] in ("fail", "error", "warn")
    message = f"  {clean(result['message'], 300)}" if is_news else ""
    name = f"{clean(result['code'], 20)} {clean(result['name'], 60)}"
    line = f"{result['status'].upper():<5}  {name}{change}{message}"
    return textwrap.wrap(line, console.terminal_width(), subsequent_indent=" " * 7, break_on_hyphens=False)
