"""`kcheck diff`: what changed between two JSON reports."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.choices import check_choice

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
    after: Annotated[Path, typer.Argument(help="A later one.", metavar="AFTER.json", show_default=False)],
    format: Annotated[str, typer.Option(help="Form of what is shown.", metavar="terminal|json")] = "terminal",
) -> int:
    """Tell what changed between two stored reports.

    The exit code is 1 where a check got worse.
    """
    check_choice("--format", format, ("terminal", "json"))
    from keras_consistency_cli.reporting.stored.diff import find_changes
    from keras_consistency_cli.reporting.stored.reader import read_report

    found = find_changes(read_report(before), read_report(after))
    code = int(any(one.worse for one in found))
    with suppress(BrokenPipeError):
        if format == "json":
            document = {"schema": _SCHEMA, "exit_code": code, "changes": [asdict(one) for one in found]}
            console.write_stdout(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        else:
            console.write_stdout(_shown(found))
    return code


def _shown(found: tuple[Change, ...]) -> str:
    lines = []
    for section in dict.fromkeys(one.section for one in found):
        lines.append("inputs differ" if section == "inputs" else section)
        for one in (each for each in found if each.section == section):
            was, now = (text[:_HASH] if section == "inputs" else text for text in (one.before, one.after))
            lines.append(f"  {'worse: ' if one.worse else ''}{one.name}: {was} -> {now}")
    worse = sum(one.worse for one in found)
    lines.append(f"{worse} got worse" if worse else "no check got worse" if found else "nothing changed")
    return "\n".join(lines) + "\n"
