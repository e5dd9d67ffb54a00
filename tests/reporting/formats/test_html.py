"""HTML: well-formed, complete, readable, loads nothing, and names cannot change it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact
from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.reporting.formats import html
from keras_consistency_cli.reporting.formats.html import LARGEST_PAGE, refuse_html, render_html
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import format_number
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]
Pairing = Callable[..., Judged]

VOID = {"meta", "br"}
SVG_ALONE = {"rect", "line", "circle", "polyline"}
ALLOWED = {
    "html",
    "head",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "strong",
    "span",
    "a",
}
ALLOWED |= {
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "pre",
    "code",
    "figure",
    "figcaption",
    "svg",
    "text",
}
EVIL = (
    """"><script>alert(1)</script>'<img src=x onerror=alert(1)>{{ 7 * 7 }}{% raw %}</style>\x1b\u202e\ud800"""
)


class Reader(HTMLParser):
    """Reads a page strictly: elements are closed in order, ids are unique, links have targets."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)
        assert {link for link in self.links if not (link.startswith("#") and link[1:] in self.ids)} == set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"an attribute of <{tag}> occurs twice"
        assert not [
            name
            for name in attributes
            if name.startswith("on") or name in ("style", "src", "action", "formaction", "xlink:href")
        ]
        self.tags.add(tag)
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_ALONE
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        """All words, spaces taken together."""
        return " ".join(" ".join(data for _, data in self.words).split())


def read(text: str) -> Reader:
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    reader = Reader(text)
    assert reader.tags <= ALLOWED | VOID | SVG_ALONE
    assert len(text.encode("utf-8", "backslashreplace")) <= LARGEST_PAGE
    assert re.findall(r"https?:|url\(|@import", text) == [], "a page that fetches nothing"
    levels = [int(tag[1]) for tag in reader.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in itertools.pairwise(levels)), (
        "no level of headings is left out"
    )
    return reader


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_every_report_is_a_sound_page(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    text = render_html(report, Canvas())
    reader = read(text)
    assert text.endswith("</html>\n")
    assert {character for character in text if ord(character) < 32} == {"\n"}
    assert "\u202e" not in text
    assert all(verdict.code in reader.text for verdict in report.verdicts)


def test_a_failing_report_says_what_why_where_and_how_to_fix_it(
    failing: Report, wording: SnapshotAssertion
) -> None:
    report = replace(
        failing, environment={"devices": ["CPU:0", "GPU:0"], "threads": 2}, notes=("rows 3 and 9 hold NaN",)
    )
    reader = read(render_html(report, Canvas()))
    for words in (
        "✗ inconsistent",
        "2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1",
        "256 of 10,000 rows of x.npy",
        "Note: rows 3 and 9 hold NaN",
        "✗ cross-sample-dependence confirmed",
        "encoder/norm",
        "3, 4, 5, 6, 7, 8, 9, 10 and 4 more",
        "limit 2.3e-07",
        "KC205 gradient-flow: no input is a float",
        "rerun with --debug",
        "CPU:0, GPU:0",
        failing.reproduce,
    ):
        assert words in reader.text
    assert "\n".join(" ".join(words.split()) for _, words in reader.words if words.strip()) == wording
    assert ("code", "mean = keras.ops.mean(x, axis=-1, keepdims=True)\nreturn x - mean") in reader.words
    assert [link for link in reader.links if link.startswith("#KC")] == [
        "#KC101",
        "#KC103",
        *(f"#{code}" for code in ("KC101", "KC103", "KC204", "KC202")),
    ]


def test_failures_come_first(failing: Report) -> None:
    reader = read(render_html(failing, Canvas()))
    order = [
        data.strip()
        for tag, data in reader.words
        if tag == "td" and re.fullmatch(r"\s*. (FAIL|ERROR|WARN|PASS)\s*", data)
    ]
    assert [status.split()[1] for status in order] == ["FAIL", "FAIL", "ERROR", "WARN", *["PASS"] * 7]


def figures(name: str, shift: float, *, moved: bool = False, of: str = "x", **more: Any) -> dict[str, Any]:
    return {
        "input": of,
        "name": name,
        "mean": 57.0,
        "expected": 31.0,
        "shift": shift,
        "distance": None,
        "outside": None,
        "moved": moved,
        **more,
    }


def drifted(make_report: Maker, *by_feature: dict[str, Any], features: int = 0) -> Report:
    findings = {"moved": {}, "by_feature": list(by_feature), "features": features or len(by_feature)}
    return make_report(
        Verdict(
            code="KC702", name="distribution-shift", status=Status.WARN, message="moved", findings=findings
        )
    )


def test_drift_is_shown_by_feature(make_report: Maker, wording: SnapshotAssertion) -> None:
    report = drifted(
        make_report,
        figures("age", 2.1, moved=True, distance=0.4, outside=0.05),
        figures(EVIL, -1.05),
        features=9,
    )
    html = render_html(report, Canvas())
    reader = read(html)
    words = [" ".join(data.split()) for _, data in reader.words if data.strip()]
    assert words[words.index("Drift by feature") : words.index("Environment")] == wording
    shown = [data for tag, data in reader.words if tag == "td" and data.strip()]
    assert shown[-10:] == ["2.1", "57", "31", "40%", "5%", "-1.1", "57", "31", "—", "—"]
    bars = re.findall(r'<rect class="(\w+)" x="(-?[\d.]+)" y="2" width="([\d.]+)"', html)
    assert bars == [("over", "0.0", "50.0"), ("bar", "-25.0", "25.0")]


def test_features_of_several_inputs_have_their_own_names_and_extreme_shifts_fit(make_report: Maker) -> None:
    report = drifted(
        make_report,
        figures("a", math.inf, of="left", moved=True),
        figures("a", math.nan, of="right"),
        figures("b", 0.0, of="right"),
    )
    html = render_html(report, Canvas())
    assert {"left: a", "right: a", "right: b"} <= {data.strip() for _, data in read(html).words}
    assert re.findall(r'y="2" width="([\d.]+)"', html) == ["50.0", "0.0", "0.0"]
    small = render_html(drifted(make_report, figures("a", 0.1)), Canvas())
    assert re.findall(r'y="2" width="([\d.]+)"', small) == ["5.0"], "what is small looks small"


def test_worst_rows_have_their_margin_if_something_is_decided(make_report: Maker, judged: Pairing) -> None:
    pair = judged("one-by-one", "predict", 0.31)
    undecided = replace(pair, comparison=replace(pair.comparison, decision=None))
    html = [
        read(
            render_html(
                make_report(Verdict(code="KC101", name="b", status=Status.FAIL, message="m", judged=(one,))),
                Canvas(),
            )
        )
        for one in (pair, undecided)
    ]
    assert ["margin" in {data for tag, data in reader.words if tag == "th"} for reader in html] == [
        True,
        False,
    ]
    worst = pair.comparison.worst[0]
    assert worst.margin is not None
    assert ("td", format_number(worst.margin)) in html[0].words
    assert {data for tag, data in html[0].words if tag == "td"} & {"yes", "no"}


def test_depth_and_impact_are_shown_if_the_diagnosis_has_them(
    failing: Report, wording: SnapshotAssertion
) -> None:
    values = (("a", 0.0), (EVIL, 0.5), ("c", 0.2))
    depth = tuple(
        LayerDeviation(layer=name, kind="Dense", depth=place, inputs=0.0, outputs=value, culprit=value == 0.5)
        for place, (name, value) in enumerate(values, 1)
    )
    worst = (AffectedRow(row=82, output="score", index=(0,), distance=0.82, margin=0.34, flipped=True),)
    impact = Impact(
        rows_hit=4,
        rows=256,
        share=4 / 256,
        worst=worst,
        decision="threshold",
        decisions=256,
        flipped=2,
        flipped_rows=(82, 90),
    )
    report = replace(failing, diagnoses=(replace(failing.diagnoses[0], depth=depth, damage=impact),))
    reader = read(render_html(report, Canvas()))
    assert [words for tag, words in reader.words if tag in ("dd", "figcaption")] == wording
    assert {"polyline", "circle"} <= reader.tags


def test_hostile_names_stay_text(make_report: Maker, judged: Pairing) -> None:
    verdict = Verdict(
        code="KC101",
        name=EVIL,
        status=Status.FAIL,
        message=EVIL,
        reason=EVIL,
        advice=f"{EVIL}\n    {EVIL}",
        judged=(judged(EVIL, EVIL, 0.3, output=EVIL),),
    )
    skip = Verdict(code="KC102", name=EVIL, status=Status.SKIP, message="", reason=EVIL)
    diagnosis = Diagnosis(
        cause=EVIL, severity="fail", sentence=EVIL, layer=EVIL, explains=("KC101",), advice=EVIL
    )
    report = make_report(
        verdict,
        skip,
        diagnoses=(diagnosis,),
        model=Source(path=EVIL),
        data=Source(path=EVIL),
        notes=(EVIL,),
        reproduce=EVIL,
        settings={EVIL: EVIL},
        environment={EVIL: [EVIL]},
        noise={EVIL: 1e-7},
    )
    reader = read(render_html(report, Canvas()))
    assert (
        "<script>alert(1)</script>'<img src=x onerror=alert(1)>{{ 7 * 7 }}{% raw "
        "%}</style>\\x1b\\u202e\\ud800" in reader.text
    )
    assert "49" not in reader.text.replace("4 9", "")


def full_report(make_report: Maker, judged: Pairing, words: str) -> Report:
    """Every check fails, with long texts, a full histogram and a cause."""
    one = judged("one-by-one", "predict", 0.3, rows=tuple(range(256)))
    pair = replace(
        one,
        comparison=replace(
            one.comparison, row_histogram=tuple(1 + at % 7 for at in range(len(one.comparison.row_histogram)))
        ),
    )
    verdicts = [
        Verdict(
            code=check.code,
            name=check.name,
            status=Status.FAIL,
            message=words,
            reason=words,
            judged=(pair,) * 5,
            advice=f"{words}\n" * 40,
        )
        for check in CHECKS
    ]
    diagnoses = tuple(
        Diagnosis(
            cause=check.name,
            severity="fail",
            sentence=words,
            layer=words,
            explains=(check.code,),
            advice=f"{words}\n" * 40,
        )
        for check in CHECKS
    )
    return make_report(
        *verdicts, diagnoses=diagnoses, notes=(words,) * 50, settings={f"{at}": words for at in range(200)}
    )


@pytest.mark.parametrize("words", ["<&>" * 1000, "plain words " * 20])
def test_the_largest_page_keeps_its_size_and_says_what_it_leaves_out(
    make_report: Maker, judged: Pairing, words: str
) -> None:
    reader = read(render_html(full_report(make_report, judged, words), Canvas()))
    assert any(re.match(r"\d+ more", words) for tag, words in reader.words if tag == "p")
    assert all(check.code in reader.text for check in CHECKS)


def test_an_ordinary_page_leaves_nothing_out(failing: Report) -> None:
    text = render_html(failing, Canvas())
    assert len(text) < 40_000
    assert not any(re.match(r"\d+ more", words) for tag, words in read(text).words if tag == "p")


@pytest.mark.parametrize(
    ("refusal", "word"),
    [(RefusedError(EVIL, fix="save it again"), "✗ refused"), (NoVerdictError("died"), "? no verdict")],
)
def test_a_refusal_is_a_page(refusal: RefusedError | NoVerdictError, word: str) -> None:
    reader = read(refuse_html("0.1.0", EVIL, refusal))
    assert word in reader.text
    assert ("p", "fix: save it again") in reader.words or refusal.fix is None


def palettes() -> Iterator[tuple[str, dict[str, str]]]:
    css = (Path(html.__file__).with_name("templates") / "page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    yield "light", light
    yield "dark", light | dark


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "colors"), list(palettes()))
def test_contrast_is_that_of_wcag_aa(scheme: str, colors: dict[str, str]) -> None:
    assert set(colors) == {
        "bg",
        "ink",
        "soft",
        "line",
        "card",
        "bar",
        "fail",
        "warn",
        "pass",
        "error",
        "skip",
    }

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(colors[one]), luminance(colors[other])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    words = {
        (word, ground): contrast(word, ground)
        for word in ("ink", "soft", "fail", "warn", "pass", "error", "skip")
        for ground in ("bg", "card")
    }
    assert {pair: value for pair, value in words.items() if value < 4.5} == {}
    assert min(contrast("bar", ground) for ground in ("bg", "card")) >= 3.0
