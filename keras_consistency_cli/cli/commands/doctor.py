"""`kcheck doctor`: whether kcheck works here, and what outputs depend on: versions, backends, machine,
isolation.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.options import check_choice
from keras_consistency_cli.text import format_count

if TYPE_CHECKING:
    from keras_consistency_cli.cli.doctor.findings import Finding

__all__ = ["doctor"]

_FORMATS = ("terminal", "json")
_SIGNS = {"ok": ("✓", "+", "32"), "note": ("!", "!", "33"), "trouble": ("✗", "x", "31")}
_NO_VERDICT = 3
_SCHEMA = "kcheck.doctor/1"


def doctor(
    model: Annotated[
        Path | None,
        typer.Option(
            help="A saved model (.keras): also show the versions it was saved with.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    format: Annotated[str, typer.Option(help="Output format.", metavar="terminal|json")] = "terminal",
    color: Annotated[str, typer.Option(help="Colour.", metavar="auto|always|never")] = "auto",
) -> int:
    """Show whether kcheck works here, and what outputs depend on."""
    check_choice("--format", format, _FORMATS)
    check_choice("--color", color, ("auto", "always", "never"))
    from keras_consistency_cli.cli.doctor.findings import collect_findings
    from keras_consistency_cli.cli.doctor.probing import probe
    from keras_consistency_cli.loading.model_file.summary import summarise

    summary = summarise(model) if model is not None else None
    findings = collect_findings(summary, probe())
    code = _NO_VERDICT if any(_prevents_verdict(finding) for finding in findings) else 0
    with suppress(BrokenPipeError):
        if format == "json":
            document = {"schema": _SCHEMA, "exit_code": code, "findings": [asdict(one) for one in findings]}
            console.write_stdout(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        else:
            colored = console.wants_color(color, os.environ)  # type: ignore[arg-type]
            lines = _lines(findings, colored, console.speaks_ascii_only(), console.terminal_width())
            console.write_stdout("".join(f"{line}\n" for line in lines))
    return code


def _prevents_verdict(finding: Finding) -> bool:
    return finding.level == "trouble" and finding.section in ("versions", "backends")


def _lines(findings: Sequence[Finding], colored: bool, ascii_only: bool, width: int) -> Iterator[str]:
    """The findings by section, one line each with its sign, and advice below it."""
    for section in dict.fromkeys(finding.section for finding in findings):
        yield section
        for finding in (finding for finding in findings if finding.section == section):
            full, plain, style = _SIGNS[finding.level]
            sign = plain if ascii_only else full
            text = f"  {sign} {finding.name}: {finding.value}"
            yield from _wrapped(text, width, 6, (sign, style) if colored else None)
            yield from _wrapped(f"      -> {finding.advice}", width, 9, None) if finding.advice else ()
        yield ""
    problems = sum(finding.level == "trouble" for finding in findings)
    yield format_count(problems, "problem") + " found" if problems else "no problems found"


def _wrapped(text: str, width: int, indent: int, sign: tuple[str, str] | None) -> Iterator[str]:
    lines = textwrap.wrap(
        text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    for at, line in enumerate(lines):
        yield line.replace(sign[0], f"\x1b[{sign[1]}m{sign[0]}\x1b[0m", 1) if sign and not at else line
