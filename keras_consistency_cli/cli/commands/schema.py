"""`kcheck schema`: print the JSON schema of the report or of the settings."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.completion import one_of
from keras_consistency_cli.cli.options import check_choice

__all__ = ["schema"]


_OF = ("report", "config")


def schema(
    of: Annotated[
        str,
        typer.Argument(
            help="The schema of the JSON report, or of the YAML file and [tool.kcheck].",
            metavar="report|config",
            autocompletion=one_of(*_OF),
        ),
    ],
) -> None:
    """Print the JSON schema of the report or of the settings."""
    check_choice("schema", of, _OF)
    from keras_consistency_cli.reporting.schemas import SCHEMAS

    with suppress(BrokenPipeError):
        console.write_stdout(json.dumps(SCHEMAS[of](), indent=2) + "\n", encoding="utf-8")
