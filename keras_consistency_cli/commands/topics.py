"""`kcheck list` and `kcheck explain`: what can be checked, and what checks and causes mean."""

from __future__ import annotations

from typing import Annotated

import typer

from keras_consistency_cli import output
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["explain", "list_checks"]


def list_checks() -> None:
    """List all checks: code, name, question."""
    from keras_consistency_cli.checks import CHECKS

    width = max(len(check.name) for check in CHECKS)
    output.write_stdout("".join(f"{check.code}  {check.name:<{width}}  {check.title}\n" for check in CHECKS))


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
