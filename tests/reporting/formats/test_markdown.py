"""Markdown: complete tables, fences that nothing closes, names that format nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.reporting.formats.markdown import refuse_markdown, render_markdown
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]

EVIL = (
    "**b** _i_ `c` [l](http://x.y) ![i](http://x.y/z) <script>alert(1)</script> a|b ~~s~~ &amp; $m$ "
    "@somebody #123 www.x.y\n"
    "# h\n"
    "```\n"
    "- x"
)
PLAIN = {"text", "softbreak", "code_inline", "html_inline", "strong_open", "strong_close"}


def parsed(text: str) -> MarkdownIt:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)


def inlines(text: str) -> set[str]:
    return {child.type for token in parsed(text) for child in token.children or ()}


def html(text: str) -> set[str]:
    """Every piece of HTML that the page lets through."""
    pieces = [token.content for token in parsed(text) if token.type == "html_block"]
    pieces += [
        child.content
        for token in parsed(text)
        for child in token.children or ()
        if child.type == "html_inline"
    ]
    return {tag for piece in pieces for tag in re.findall(r"<[^>]*>", piece)}


def rows(text: str) -> list[list[str]]:
    """The cells of the first table."""
    tokens = parsed(text)
    cells: list[list[str]] = []
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            cells.append([])
        elif token.type in ("td_open", "th_open"):
            cells[-1].append(
                "".join(
                    child.content for child in tokens[at + 1].children or () if child.type != "html_inline"
                )
            )
    return cells


def test_the_table_has_a_row_a_check_failing_first(failing: Report) -> None:
    head, *body = rows(render_markdown(failing, Canvas()))
    assert head == ["", "code", "check", "deviation", "× noise", "limit", "rows", ""]
    assert {len(row) for row in body} == {8}
    assert [row[1] for row in body][:4] == ["KC101", "KC103", "KC204", "KC202"]
    assert body[0][:7] == ["❌ FAIL", "KC101", "batch-vs-single", "0.31", "1.0e+07", "2.3e-07", "256"]
    assert len(body) == len(failing.verdicts)


def test_causes_and_details_are_there(failing: Report, wording: SnapshotAssertion) -> None:
    text = render_markdown(failing, Canvas())
    fences = [token.content for token in parsed(text) if token.type == "fence"]
    assert fences[0].startswith(
        "Average over the features instead of over the rows:\n    mean = keras.ops.mean"
    )
    assert sum("FAIL  KC101 batch-vs-single" in fence for fence in fences) == 1
    assert text.count("<details><summary>") == text.count("</details>") == 4
    assert fences[-1] == f"{failing.reproduce}\n"
    assert text.startswith("## ❌ kcheck: inconsistent\n\n`models/churn.keras`: 2 failed, 1 error,")
    assert text == wording


def test_a_healthy_report_is_a_heading_and_a_table(healthy: Report) -> None:
    text = render_markdown(healthy, Canvas())
    assert "<details>" not in text
    assert healthy.reproduce not in text
    assert len(rows(text)) == 1 + len(healthy.verdicts)


def evil_report(make_report: Maker) -> Report:
    verdicts = (
        Verdict(code="KC101", name=EVIL, status=Status.FAIL, message=EVIL, reason=EVIL, advice=EVIL),
        Verdict(code="KC102", name="batch-size", status=Status.SKIP, message="", reason=EVIL),
    )
    diagnosis = Diagnosis(
        cause=EVIL,
        severity="fail",
        sentence=EVIL,
        layer=EVIL,
        explains=(EVIL,),
        advice=f"{EVIL}\n    ````\n{EVIL}",
    )
    return make_report(
        *verdicts,
        diagnoses=(diagnosis,),
        model=Source(path=EVIL),
        data=Source(path=EVIL),
        notes=(EVIL,),
        reproduce=EVIL,
    )


def test_hostile_names_stay_text(make_report: Maker) -> None:
    text = render_markdown(evil_report(make_report), Canvas())
    assert inlines(text) <= PLAIN
    assert html(text) == {"<!-- -->", "<details>", "<summary>", "</summary>", "</details>"}
    assert {len(row) for row in rows(text)} == {8}
    headings = [token.tag for token in parsed(text) if token.type == "heading_open"]
    assert headings == ["h2", "h3", "h3"]
    outside = "|".join(
        child.content for token in parsed(text) for child in token.children or () if child.type == "text"
    )
    assert re.search(r"[@#]\w", outside) is None, "a mention or an issue number would become a link"
    assert "http://" not in outside


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_every_report_is_a_whole_document(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    text = render_markdown(report, Canvas())
    assert inlines(text) <= PLAIN
    assert {len(row) for row in rows(text)} == {8}
    assert {character for character in text if ord(character) < 32} == {"\n"}
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("refusal", "word"),
    [
        (RefusedError(EVIL, fix="```"), "❌ kcheck: refused"),
        (NoVerdictError("died"), "❔ kcheck: no verdict"),
    ],
)
def test_a_refusal_is_a_heading_and_a_fence(refusal: RefusedError | NoVerdictError, word: str) -> None:
    text = refuse_markdown("0.1.0", "m`.keras", refusal)
    assert text.startswith(f"## {word}\n")
    assert [token.type for token in parsed(text)] == [
        "heading_open",
        "inline",
        "heading_close",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "fence",
    ]
