"""`kcheck list` and `kcheck explain`: the checks and routes, and the meaning of checks and causes."""

from __future__ import annotations

from typing import Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.completion import topics
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["explain", "list_checks"]

_WIDEST = 100
"""Greatest width of a page, in columns."""
_REFUSED = "kcheck refuses such a file and runs no check. The report says what was found, and how to fix it."


def list_checks(
    routes: Annotated[
        bool, typer.Option("--routes", help="List the routes for kcheck compare instead.")
    ] = False,
) -> None:
    """List all checks: code, name and question."""
    if routes:
        from keras_consistency_cli.checks.route_pair import ROUTES

        wide = max(map(len, ROUTES))
        console.write_stdout("".join(f"{name:<{wide}}  {summary}\n" for name, summary in ROUTES.items()))
        return
    from keras_consistency_cli.checks.registry import CHECKS

    width = max(len(check.name) for check in CHECKS)
    console.write_stdout("".join(f"{check.code}  {check.name:<{width}}  {check.title}\n" for check in CHECKS))


def explain(
    topic: Annotated[
        str,
        typer.Argument(
            help="Code or name of a check (KC101, batch-vs-single), or a cause from a report.",
            metavar="CODE|NAME",
            autocompletion=topics,
        ),
    ],
) -> None:
    """Explain a check or a cause."""
    from keras_consistency_cli.checks.registry import CHECKS
    from keras_consistency_cli.diagnosis.causes.table import CAUSES
    from keras_consistency_cli.diagnosis.refusals import REFUSAL_SENTENCES
    from keras_consistency_cli.reporting.explain import cause_page, check_page

    words = [*(word for check in CHECKS for word in (check.code, check.name)), *CAUSES]
    wanted = topic.strip().casefold()
    # Two causes have the name of a check: both pages are shown.
    pages = [
        check_page(check) for check in CHECKS if wanted in (check.code.casefold(), check.name.casefold())
    ]
    pages += [cause_page(cause) for slug, cause in CAUSES.items() if slug == wanted]
    if not pages and wanted in REFUSAL_SENTENCES:
        console.write_stdout(f"{wanted}: {REFUSAL_SENTENCES[wanted]}\n\n{_REFUSED}\n")
        return
    if not pages:
        hint = did_you_mean(topic.upper(), words) or did_you_mean(topic.lower(), words)
        raise UsageError(
            f"no check or cause is called '{clean(topic, 60)}'{hint}", fix="'kcheck list' shows the checks"
        )
    width = min(console.terminal_width(), _WIDEST)
    console.write_stdout("\n\n".join(page.text(width) for page in pages))
