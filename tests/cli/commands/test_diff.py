"""diff: what changed between two reports, and whether it got worse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.main import main

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a report of statuses by code, and give its path."""

    def make(name: str, statuses: dict[str, str], *, far: float = 1e-8, **changed: Any) -> str:
        pair = {
            "candidate": "one-by-one",
            "reference": "predict",
            "output": "y",
            "max_abs": far,
            "limit": 1e-7,
        }
        results = [
            {
                "code": code,
                "name": "a-check",
                "status": status,
                "message": "m",
                "comparisons": [pair] if code == "KC101" else [],
            }
            for code, status in statuses.items()
        ]
        subject = {
            "model": {"path": "m", "sha256": "a" * 64},
            "data": {"path": "", "sha256": None, "summary": "made"},
            "scaler": None,
            "settings": {},
        }
        document = {
            "schema": "kcheck.report/1",
            "results": results,
            "diagnoses": [],
            "environment": {"keras": "3.15.1"},
            "subject": subject,
        }
        (tmp_path / name).write_text(json.dumps({**document, **changed}))
        return str(tmp_path / name)

    return make


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"KC101": "pass"}, {"KC101": "pass"}, 0),
        ({"KC101": "fail"}, {"KC101": "fail"}, 0),
        ({"KC101": "fail"}, {"KC101": "pass"}, 0),
        ({"KC101": "pass"}, {"KC101": "fail"}, 1),
        ({"KC101": "pass"}, {"KC101": "warn"}, 1),
        ({"KC101": "pass"}, {"KC101": "skip"}, 1),
        ({"KC101": "skip"}, {"KC101": "pass"}, 0),
        ({"KC101": "warn"}, {"KC101": "error"}, 1),
        ({"KC101": "pass"}, {}, 1),
        ({"KC101": "pass", "KC102": "pass"}, {"KC102": "pass"}, 1),
        ({"KC101": "pass", "KC102": "pass"}, {"KC102": "skip"}, 1),
        ({"KC101": "fail"}, {}, 0),
        ({}, {"KC101": "pass"}, 0),
        ({}, {"KC101": "skip"}, 0),
        ({}, {"KC101": "fail"}, 1),
        ({"KC101": "fail", "KC102": "pass"}, {"KC101": "pass", "KC102": "fail"}, 1),
    ],
)
def test_worse_is_told_by_the_exit_code(
    before: dict[str, str], after: dict[str, str], code: int, write: Write
) -> None:
    assert main(["diff", write("a.json", before), write("b.json", after)]) == code


def test_every_kind_of_change_is_reported(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    subject = {
        "model": {"sha256": "b" * 64},
        "data": {"sha256": None, "summary": "made"},
        "settings": {"rows": 5},
    }
    one = write("a.json", {"KC101": "pass", "KC102": "skip"})
    other = write(
        "b.json", {"KC101": "fail", "KC103": "pass"}, far=0.5, subject=subject, environment={"keras": (
            "3.16.0\x1b[1m"
        )},
        diagnoses=[{"cause": "hidden-state", "layer": "a/b"}],
    )  # fmt: skip
    assert main(["diff", one, other]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "verdicts",
        "  worse: KC101 a-check: pass -> fail",
        "  KC102 a-check: skip -> absent",
        "  KC103 a-check: absent -> pass",
        "causes",
        "  hidden-state in a/b: absent -> found",
        "deviations",
        "  KC101 one-by-one vs predict, y: 1e-08 (limit 1e-07) -> 0.5 (limit 1e-07)",
        "inputs differ",
        "  model: aaaaaaaaaaaa -> bbbbbbbbbbbb",
        "environment",
        "  keras: 3.15.1 -> 3.16.0\\x1b[1m",
        "settings",
        "  rows: None -> 5",
        "1 got worse",
    ]


def test_other_inputs_alone_are_no_failure_and_rounding_is_no_change(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write("a.json", {"KC101": "pass"})
    assert main(["diff", one, write("b.json", {"KC101": "pass"}, far=9e-8)]) == 0
    assert capsys.readouterr().out == "no differences\n"
    assert main(["diff", one, write("b.json", {"KC101": "pass"}, subject={}), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["exit_code"]) == ("kcheck.diff/1", 0)
    assert document["changes"][0] == {
        "section": "inputs",
        "name": "model",
        "before": "a" * 64,
        "after": "none",
        "worse": False,
    }


def test_how_reports_were_shown_is_no_change(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [
        {"format": [form], "output": out, "quiet": quiet}
        for form, out, quiet in (("json", "a.json", False), ("terminal", None, True))
    ]
    reports = [
        write(f"{at}.json", {"KC101": "pass"}, subject={"settings": each}) for at, each in enumerate(settings)
    ]
    assert main(["diff", *reports]) == 0
    assert capsys.readouterr().out == "no differences\n"


@pytest.mark.parametrize("second", ["none.json", "--form"])
def test_wrong_calls_are_refused(
    second: str, wording: SnapshotAssertion, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", write("a.json", {}), second]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace(str(tmp_path), "FOLDER") == wording
