"""GitHub: workflow commands, read back as the runner reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.reporting.formats.github import refuse_github, render_github
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]

_COMMAND = re.compile(r"::(?P<name>[a-z]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)")


@dataclass(frozen=True)
class Command:
    name: str
    properties: dict[str, str]
    data: str


def commands(text: str) -> list[Command]:
    """The commands that the runner reads: lines that begin with two colons, or contain ##[."""
    parsed = []
    for line in text.splitlines():
        assert "##[" not in line
        if line.lstrip().startswith("::"):
            match = _COMMAND.fullmatch(line)
            assert match, line
            properties = dict(pair.split("=", 1) for pair in (match["properties"] or "").split(",") if pair)
            assert set(properties) <= {"file", "title"}
            parsed.append(
                Command(
                    match["name"],
                    {key: unquote(value) for key, value in properties.items()},
                    unquote(match["data"]),
                )
            )
    return parsed


def test_causes_come_first_then_checks_then_the_report_in_a_group(
    failing: Report, wording: SnapshotAssertion
) -> None:
    text = render_github(failing, Canvas())
    annotations = commands(text)
    assert [(command.name, command.properties.get("title", "")) for command in annotations] == [
        ("error", "cross-sample-dependence (KC101, KC103)"),
        ("error", "KC101 batch-vs-single"),
        ("error", "KC103 companion-swap"),
        ("error", "KC204 execution-mode"),
        ("warning", "KC202 training-flag"),
        ("notice", "kcheck"),
        ("group", ""),
        ("endgroup", ""),
    ]
    assert {command.properties["file"] for command in annotations[:6]} == {"models/churn.keras"}
    assert [command.data for command in annotations[:5]] == wording
    assert (
        annotations[5].data
        == "inconsistent: 2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1"
    )
    assert text.index("::group::") < text.index("✗ FAIL  KC101 b") < text.index("::endgroup::")


def test_a_healthy_model_is_one_notice(healthy: Report) -> None:
    assert [command.name for command in commands(render_github(healthy, Canvas()))] == [
        "notice",
        "group",
        "endgroup",
    ]


@pytest.mark.parametrize(("path", "file"), [("./a,b:c%.keras", "a,b:c%.keras"), ("/m/x.keras", None)])
def test_the_file_is_named_if_the_repository_may_have_it(
    path: str, file: str | None, healthy: Report, make_report: Maker
) -> None:
    (notice, *_) = commands(render_github(make_report(*healthy.verdicts, model=Source(path=path)), Canvas()))
    assert notice.properties.get("file") == file


@pytest.mark.parametrize("ascii_only", [True, False])
def test_hostile_names_give_no_orders(hostile: Report, make_report: Maker, ascii_only: bool) -> None:
    text = render_github(hostile, Canvas(ascii_only=ascii_only))
    assert [command.name for command in commands(text)] == [
        "error",
        "error",
        "error",
        "notice",
        "group",
        "endgroup",
    ]
    assert {character for character in text if ord(character) < 32} == {"\n"}
    assert not ascii_only or text.isascii()
    evil = "a\r\n::stop-commands::x\n%0A::set-env name=A::b,title=c"
    verdict = Verdict(code="KC101", name=evil, status=Status.FAIL, message=evil, advice=evil)
    assert [command.name for command in commands(render_github(make_report(verdict), Canvas()))] == [
        "error",
        "notice",
        "group",
        "endgroup",
    ]


def test_a_refusal_is_one_error() -> None:
    (annotation,) = commands(
        refuse_github("0.1.0", "m.keras", RefusedError("100% damaged", fix="save it again"))
    )
    assert annotation == Command(
        "error", {"title": "kcheck 0.1.0"}, "m.keras: 100% damaged\nfix: save it again"
    )
