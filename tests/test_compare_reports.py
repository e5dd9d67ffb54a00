"""scripts/compare_reports.py: what counts as a difference between two recorded reports."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.script_modules import script as script_module

COMPARISON = {
    "candidate": "one-by-one",
    "within": True,
    "max_abs": 1e-7,
    "reason": "rounding",
    "worst": [{"row": 3, "flipped": False}],
}
RESULT = {
    "code": "KC101",
    "status": "pass",
    "message": "equal",
    "findings": {"found": "raw"},
    "comparisons": [COMPARISON],
    "elapsed_s": 1.5,
}
REPORT = {"kcheck": "0.1.0", "exit_code": 0, "notes": ["one"], "results": [RESULT], "diagnoses": []}
RECORDED = {"exit_code": 0, "stderr": "", "report": REPORT}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module("compare_reports")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The recorded report with a different value at a dotted path."""
    document = deepcopy(RECORDED)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in parents:
        place = place[part]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("report.results.0.message", "the same"),
        ("report.results.0.comparisons.0.reason", "within rounding noise"),
        ("report.results.0.elapsed_s", 9.0),
        ("report.notes.0", "two"),
        ("report.kcheck", "0.2.0"),
    ],
)
def test_texts_times_and_the_version_may_differ(script: ModuleType, path: str, value: Any) -> None:
    assert list(script.differences(RECORDED, changed(path, value), "name")) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("exit_code", 1),
        ("exit_code", 0.0),
        ("report.results.0.status", "fail"),
        ("report.results.0.code", "KC102"),
        ("report.results.0.message", ""),
        ("report.results.0.message", None),
        ("report.results.0.findings", {}),
        ("report.results.0.findings.found", "scaled"),
        ("report.results.0.comparisons.0.within", False),
        ("report.results.0.comparisons.0.within", 1),
        ("report.results.0.comparisons.0.max_abs", 1.0000001e-7),
        ("report.results.0.comparisons.0.worst.0.row", 4),
        ("report.results.0.comparisons.0.new_key", 0),
        ("report.notes", []),
        ("report.diagnoses", [{"cause": "rounding"}]),
        ("report", None),
    ],
)
def test_everything_else_is_a_difference(script: ModuleType, path: str, value: Any) -> None:
    assert len(list(script.differences(RECORDED, changed(path, value), "name"))) == 1


def test_the_order_of_keys_is_a_difference(script: ModuleType) -> None:
    assert [each.path for each in script.differences({"a": 1, "b": 2}, {"b": 2, "a": 1}, "name")] == ["name"]


def test_only_numbers_are_left_out_of_what_is_not_repeatable(script: ModuleType) -> None:
    name = "sample-untracked-state"
    for path, value in (
        ("comparisons.0.max_abs", "NaN"),
        ("comparisons.0.worst", []),
        ("comparisons.0.worst.0.flipped", True),
    ):
        assert list(script.differences(RECORDED, changed(f"report.results.0.{path}", value), name)) == []
    for path, value in (
        ("status", "fail"),
        ("comparisons.0.within", False),
        ("findings.found", "scaled"),
        ("code", "KC102"),
    ):
        assert len(list(script.differences(RECORDED, changed(f"report.results.0.{path}", value), name))) == 1


def test_the_command_prints_every_difference(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        (folder / "sample-a.json").write_text(json.dumps(RECORDED))
    assert script.main(["compare", str(before), str(after)]) == 0
    (after / "sample-a.json").write_text(json.dumps(changed("report.results.0.status", "fail")))
    (before / "corpus-batch-b.json").write_text(json.dumps(RECORDED))
    capsys.readouterr()
    assert script.main(["compare", str(before), str(after)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["corpus-batch", "1", "1", "1"],
        ["sample", "1", "1", "1"],
        ["all", "2", "2", "2"],
    ]
    assert lines[5:] == [
        "corpus-batch-b: there -> missing",
        'sample-a.report.results.KC101.status: "pass" -> "fail"',
    ]


def test_nothing_to_compare_is_a_failure(script: ModuleType, tmp_path: Path) -> None:
    assert script.main(["compare", str(tmp_path), str(tmp_path)]) == 1


def test_members_are_spread_over_all_groups(script: ModuleType) -> None:
    assert script.spread([range(10), range(10, 11), range(20, 26)], 6) == [0, 3, 6, 10, 20, 23]
    assert script.spread([range(2), range(5, 6)], 10) == [0, 1, 5]
