"""Names from models, files and users cannot colour, move, command or break a report.

A parser of each format reads the report back. A new renderer needs a parser here.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser

import markdown_it
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.render import RENDERERS, render
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.text import clean

HOSTILE = {
    "rich markup": "[bold red]evil[/] [link=http://evil.example]x[/link] :boom:",
    "ansi": "\x1b[31mevil\x1b]8;;http://evil.example\x07x\x9b2J",
    "new lines": "a\n::evil::owned\r\n##[evil]owned\x0b::evil::\x85::evil::\u2028::evil::",
    "direction": "a\u202eevil\u2066b\u200f\u061c",
    "html": "<evil onload=alert(1)>&amp;</td></table></script><!-- evil --><script>evil()</script>",
    "xml": "]]><evil a='\"'>&evil;\x00\x08\ufffe\uffff<?evil?>",
    "markdown": "| a | b |\n|---|---|\n![evil](http://evil.example) <evil> ``` # evil `x",
    "surrogates": "evil\ud800\udfff",
    "github": "%0A::evil::owned%0D",
    "json": '", "verdict": "consistent", "evil": "\\u0000',
    "long": "evil" * 5_000,
}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [tag, *(name for name, _ in attrs)]

    def handle_comment(self, data: str) -> None:
        self.names.append(data)


def _html(text: str) -> None:
    tags = _Tags()
    tags.feed(text)
    tags.close()
    assert not [tag for tag in tags.names if "evil" in tag or tag == "onload"]


def _markdown(text: str) -> None:
    for token in markdown_it.MarkdownIt("commonmark").enable("table").parse(text):
        for each in (token, *(token.children or ())):
            assert not (each.type in ("html_inline", "html_block") and "evil" in each.content)
            assert each.type != "image"
            assert "evil" not in str(each.attrs)


def _github(text: str) -> None:
    for line in text.splitlines():
        assert re.match(r"::(?!(error|warning|notice|debug|group|endgroup)\b)", line.lstrip()) is None
        assert "##[" not in line


def _lines(text: str) -> None:
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


def _xml(text: str) -> None:
    assert not [node.tag for node in ElementTree.fromstring(text).iter() if "evil" in str(node.tag)]


PARSERS: dict[str, Callable[[str], object]] = {
    "terminal": _lines,
    "concise": _lines,
    "json": json.loads,
    "sarif": json.loads,
    "junit": _xml,
    "github": _github,
    "markdown": _markdown,
    "html": _html,
}
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def _everywhere(text: str, make_report: Callable[..., Report], judged: Callable[..., Judged]) -> Report:
    """A report with the text in every field that a model, a file or a user can choose."""
    worst = judged(text, text, 0.3, output=text)
    verdicts = (
        Verdict(
            code="KC101",
            name="batch-vs-single",
            status=Status.FAIL,
            message=text,
            reason=text,
            judged=(worst,),
            advice=f"{text}\n    {text}",
        ),
        Verdict(code="KC102", name="batch-size", status=Status.SKIP, message=text, reason=text),
        Verdict(
            code="KC104",
            name="row-order",
            status=Status.ERROR,
            message=text,
            reason=text,
            findings={text: text},
        ),
        Verdict(code="KC201", name="predict-vs-call", status=Status.WARN, message=text, advice=text),
    )
    diagnosis = Diagnosis(
        cause="training-flag-default",
        severity="fail",
        sentence=text,
        layer=text,
        rows=(1,),
        explains=("KC101",),
        confidence=("likely"),
        evidence={text: text},
        advice=text,
    )
    files = {
        "model": Source(path=text, summary=text),
        "data": Source(path=text, summary=text),
        "scaler": Source(path=text, summary=text),
    }
    named = {
        "noise": {text: 1e-7},
        "notes": (text,),
        "reproduce": text,
        "settings": {text: text},
        "environment": {text: text},
    }
    return make_report(*verdicts, diagnoses=(diagnosis,), **files, **named)


def test_every_renderer_has_a_parser() -> None:
    assert set(RENDERERS) <= set(PARSERS)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", RENDERERS)
def test_hostile_text_stays_text(
    name: str, kind: str, make_report: Callable[..., Report], judged: Callable[..., Judged]
) -> None:
    for width, ascii_only in ((80, False), (40, True)):
        shown = render(
            _everywhere(HOSTILE[kind], make_report, judged), name, width=width, ascii_only=ascii_only
        )
        shown.encode("utf-8")
        assert _STEERING.findall(shown) == []
        PARSERS[name](shown)
        assert not ascii_only or name in ("html", "markdown") or shown.isascii()


@pytest.mark.parametrize("name", RENDERERS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None), min_size=1, max_size=60))
def test_any_text_stays_text(
    name: str, text: str, make_report: Callable[..., Report], judged: Callable[..., Judged]
) -> None:
    shown = render(_everywhere(text, make_report, judged), name)
    shown.encode("utf-8")
    assert _STEERING.findall(shown) == []
    PARSERS[name](shown)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(codec=None), max_size=400), limit=st.integers(1, 300))
def test_clean_leaves_one_line_that_steers_nothing_and_is_stable(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert _STEERING.findall(cleaned) == []
    assert cleaned.splitlines() in ([cleaned], [])
    assert len(cleaned) <= limit
    assert clean(cleaned, limit) == cleaned
