"""`kcheck doctor`: whether kcheck can work here, and what answers depend on: versions, backends, devices, machine, isolation."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.choices import check_choice

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
            help="A saved model (.keras): what it was saved with.", metavar="FILE", show_default=False
        ),
    ] = None,
    format: Annotated[str, typer.Option(help="Form of what is shown.", metavar="terminal|json")] = "terminal",
    color: Annotated[str, typer.Option(help="Colour.", metavar="auto|always|never")] = "auto",
) -> int:
    """Show whether kcheck can work here, and what answers depend on."""
    check_choice("--format", format, _FORMATS)
    check_choice("--color", color, ("auto", "always", "never"))
    from keras_consistency_cli.cli.doctor.findings import collect_findings, probe
    from keras_consistency_cli.loading.model_file.summary import summarise

    summary = summarise(model) if model is not None else None
    found = collect_findings(summary, probe())
    code = (
        _NO_VERDICT
        if any(one.level == "trouble" and one.section in ("versions", "backends") for one in found)
        else 0
    )
    with suppress(BrokenPipeError):
        if format == "json":
            findings = [
                {name: getattr(one, name) for name in ("section", "level", "name", "value", "advice")}
                for one in found
            ]
            document = {"schema": _SCHEMA, "exit_code": code, "findings": findings}
            console.write_stdout(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        else:
            colored = console.wants_color(color, os.environ)  # type: ignore[arg-type]
            console.write_stdout(
                "".join(
                    f"{line}\n"
                    for line in _lines(found, colored, console.speaks_ascii_only(), console.terminal_width())
                )
            )
    return code


def _lines(found: Sequence[Finding], colored: bool, ascii_only: bool, width: int) -> Iterator[str]:
    """Section by section, each thing on its line with its sign, advice below it."""
    for section in dict.fromkeys(one.section for one in found):
        members = [one for one in found if one.section == section]
        yield section
        for one in members:
            full, plain, style = _SIGNS[one.level]
            sign = plain if ascii_only else full
            yield from _hung(
                f"  {sign} {one.name}: {one.value}", width, 6, (sign, style) if colored else None
            )
            yield from _hung(f"      -> {one.advice}", width, 9, None) if one.advice else ()
        yield ""
    amount = sum(one.level == "trouble" for one in found)
    yield f"{amount} of {len(found)} in trouble" if amount else "nothing stands in the way"


def _hung(text: str, width: int, indent: int, sign: tuple[str, str] | None) -> Iterator[str]:
    for at, line in enumerate(
        textwrap.wrap(
            text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
    ):
        yield line.replace(sign[0], f"\x1b[{sign[1]}m{sign[0]}\x1b[0m", 1) if sign and not at else line
