"""`kcheck diff`: show the differences between two JSON reports."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.options import check_choice

if TYPE_CHECKING:
    from keras_consistency_cli.reporting.stored.diff import Change

__all__ = ["diff"]

_SCHEMA = "kcheck.diff/1"
_HASH = 12


def diff(
    before: Annotated[
        Path,
        typer.Argument(
            help="A report of 'kcheck run --format json'.", metavar="BEFORE.json", show_default=False
        ),
    ],
    after: Annotated[Path, typer.Argument(help="A later report.", metavar="AFTER.json", show_default=False)],
    format: Annotated[str, typer.Option(help="Output format.", metavar="terminal|json")] = "terminal",
) -> int:
    """Show the differences between two stored reports.

    The exit code is 1 if a check got worse.
    """
    check_choice("--format", format, ("terminal", "json"))
    from keras_consistency_cli.reporting.stored.diff import find_changes
    from keras_consistency_cli.reporting.stored.reader import read_report

    differences = find_changes(read_report(before), read_report(after))
    code = int(any(change.worse for change in differences))
    with suppress(BrokenPipeError):
        if format == "json":
            document = {
                "schema": _SCHEMA,
                "exit_code": code,
                "changes": [asdict(change) for change in differences],
            }
            console.write_stdout(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        else:
            console.write_stdout(_lines(differences))
    return code


def _lines(differences: tuple[Change, ...]) -> str:
    lines = []
    for section in dict.fromkeys(change.section for change in differences):
        lines.append("inputs differ" if section == "inputs" else section)
        for change in (change for change in differences if change.section == section):
            texts = (change.before, change.after)
            was, now = (text[:_HASH] if section == "inputs" else text for text in texts)
            lines.append(f"  {'worse: ' if change.worse else ''}{change.name}: {was} -> {now}")
    worse = sum(change.worse for change in differences)
    lines.append(f"{worse} got worse" if worse else "no check got worse" if differences else "no differences")
    return "\n".join(lines) + "\n"
