"""`kcheck list` and `kcheck explain`: the checks and routes, and the meaning of checks and causes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.check_headings import read_headings
from keras_consistency_cli.cli.completion import topics
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["explain", "list_checks"]

_CODE = re.compile(r"k[cs](\d*)")
_NEAREST = 3
_MOST_CODES = 6
_ON_ACCELERATOR = re.compile(r"(.+)-(\d+): (.+ accelerator )\2")
"""A route by name and summary, if both end with the number of the accelerator."""
_WIDEST = 100
"""Greatest width of a page, in columns."""


def list_checks(
    routes: Annotated[
        bool, typer.Option("--routes", help="List the routes for kcheck compare instead.")
    ] = False,
    code: Annotated[bool, typer.Option("--code", help="List the rules of kcheck code instead.")] = False,
    causes: Annotated[
        bool, typer.Option("--causes", help="List the causes for kcheck explain instead.")
    ] = False,
) -> None:
    """List all checks: code, name and question."""
    if causes:
        from keras_consistency_cli.diagnosis.causes.table import CAUSES
        from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES

        found = {slug: cause.sentence for slug, cause in CAUSES.items()}
        found |= {slug: cause.sentence for slug, cause in REFUSAL_CAUSES.items()}
        sentences = {slug: sentence.format(layer="a layer") for slug, sentence in found.items()}
        console.write_stdout(_named(sentences))
        return
    if code:
        from keras_consistency_cli.checks.code.registry import RULES

        console.write_stdout(_table([(rule.code, rule.name, rule.question) for rule in RULES]))
        return
    if routes:
        from keras_consistency_cli.checks.route_pair import ROUTES

        listed = _merge_accelerators(ROUTES)
        console.write_stdout(_named(listed))
        return
    console.write_stdout(_table(read_headings()))


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    width = max(len(name) for _, name, _ in rows)
    return "".join(f"{code}  {name:<{width}}  {question}\n" for code, name, question in rows)


def _named(rows: Mapping[str, str]) -> str:
    width = max(map(len, rows))
    return "".join(f"{name:<{width}}  {text}\n" for name, text in rows.items())


def _merge_accelerators(routes: Mapping[str, str]) -> dict[str, str]:
    """Return the routes with one line for those that differ only in the number of the accelerator."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for name, summary in routes.items():
        match = _ON_ACCELERATOR.fullmatch(f"{name}: {summary}")
        key = (f"{match[1]}-N", f"{match[3]}N") if match else (name, summary)
        numbers.setdefault(key, []).extend([match[2]] if match else [])
    return {
        name: f"{summary}, from {found[0]} to {found[-1]}" if found else summary
        for (name, summary), found in numbers.items()
    }


def explain(
    topic: Annotated[
        str,
        typer.Argument(
            help="Code or name of a check or rule (KC101, KS101, batch-vs-single), or a cause from a report.",
            metavar="CODE|NAME",
            autocompletion=topics,
        ),
    ],
) -> None:
    """Explain a check, a cause or a rule."""
    from keras_consistency_cli.checks.code.registry import RULES
    from keras_consistency_cli.checks.registry import CHECKS
    from keras_consistency_cli.diagnosis.causes.table import CAUSES
    from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
    from keras_consistency_cli.reporting.explain import cause_page, check_page, refusal_page, rule_page

    words = [*(word for check in CHECKS for word in (check.code, check.name)), *CAUSES, *REFUSAL_CAUSES]
    wanted = topic.strip().casefold()
    # Two causes have the name of a check: both pages are shown.
    pages = [
        check_page(check) for check in CHECKS if wanted in (check.code.casefold(), check.name.casefold())
    ]
    pages += [cause_page(cause) for slug, cause in CAUSES.items() if slug == wanted]
    pages += [refusal_page(cause) for slug, cause in REFUSAL_CAUSES.items() if slug == wanted]
    pages += [rule_page(rule) for rule in RULES if wanted in (rule.code.casefold(), rule.name)]
    words += [word for rule in RULES for word in (rule.code, rule.name)]
    if not pages:
        codes = [*(check.code for check in CHECKS), *(rule.code for rule in RULES)]
        hint = _near_codes(wanted, codes) or did_you_mean(topic.lower(), words)
        raise UsageError(
            f"no check, rule or cause is called '{clean(topic, 60)}'{hint}",
            fix="'kcheck list' shows the checks",
        )
    width = min(console.terminal_width(), _WIDEST)
    console.write_stdout("\n\n".join(page.text(width) for page in pages))


def _near_codes(topic: str, codes: Sequence[str]) -> str:
    """Return " (near: KC701, ...)" for something like a code: those that begin so, or the nearest numbers."""
    match = _CODE.fullmatch(topic)
    if match is None:
        return ""
    codes = [code for code in codes if code[:2].casefold() == topic[:2]]
    near = [code for code in codes if code.casefold().startswith(topic)]
    if not near:
        number = int(match[1][:6])
        near = sorted(sorted(codes, key=lambda code: abs(int(code[2:]) - number))[:_NEAREST])
    families = list(dict.fromkeys(f"{code[:3]}.." for code in near))
    return f" (near: {', '.join(near if len(near) <= _MOST_CODES else families)})"
