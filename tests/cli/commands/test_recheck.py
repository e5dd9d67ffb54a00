"""recheck: stored reports judged again by other limits; what they do not decide is never a pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.report import Report, Source

REFERENCE = np.linspace(0.5, 1.0, 40, dtype=np.float32)[:, None]
EXACT = REFERENCE.astype(np.float64) + 3e-8
NOISE = compare(
    ("predict", "predict-float64"),
    RowOutputs(outputs={"y": REFERENCE}),
    RowOutputs(outputs={"y": EXACT}),
    float64_copy=RowOutputs(outputs={"y": EXACT}),
)

Make = Callable[..., Path]


def judged(
    names: tuple[str, str],
    change: np.ndarray | float,
    policy: Policy,
    *,
    exact: bool = False,
    decide: bool = False,
) -> Judged:
    answers = (
        RowOutputs(outputs={"y": (REFERENCE + change).astype(np.float32)}),
        RowOutputs(outputs={"y": REFERENCE}),
    )
    pair = compare(
        names,
        *answers,
        float64_copy=RowOutputs(outputs={"y": EXACT}),
        decisions={"y": "threshold"} if decide else {},
    )[0]
    found = judge(NoiseEvidence(pair=pair, noise=NOISE[0]), policy=policy, exact=exact)
    return Judged(comparison=pair, limit=found.limit, within=found.within, reason=found.reason)


def verdict(
    code: str, name: str, *pairs: Judged, status: Status | None = None, reason: str | None = None
) -> Verdict:
    own = Status.PASS if all(each.within for each in pairs) else Status.FAIL
    return Verdict(
        code=code, name=name, status=status or own, message="as it was", judged=pairs, reason=reason
    )


@pytest.fixture
def stored(tmp_path: Path) -> Make:
    """Write a report of these verdicts, and give its path."""

    def make(*verdicts: Verdict, calibration: tuple[Comparison, ...] = NOISE, **changed: Any) -> Path:
        source = Source(path="m.keras")
        report = Report(
            version="1",
            verdicts=verdicts,
            model=source,
            data=source,
            calibration={"noise": calibration, "rounded": ()},
            **changed,
        )
        (tmp_path / "r.json").write_text(json.dumps(as_document(report)))
        return tmp_path / "r.json"

    return make


CALIBRATED = Policy()
SMALL = 1e-7  # within four times the noise
LARGE = 1e-3


@pytest.mark.parametrize(
    ("code", "change", "flags", "status"),
    [
        ("KC101", SMALL, [], "pass"),
        ("KC101", SMALL, ["--calibrated"], "pass"),
        ("KC101", SMALL, ["--exact"], "fail"),
        ("KC101", LARGE, [], "fail"),
        ("KC101", LARGE, ["--calibrated"], "fail"),
        ("KC101", LARGE, ["--rtol", "0", "--atol", "0.01"], "pass"),
        ("KC101", LARGE, ["--rtol", "0", "--atol", "1e-4"], "fail"),
        ("KC101", LARGE, ["--rtol", "0.01", "--atol", "0"], "pass"),
        ("KC101", LARGE, ["--rtol", "1e-4", "--atol", "0"], "fail"),
        ("KC101", LARGE, ["--rtol", "y:0", "--atol", "y:0.01"], "pass"),
        ("KC101", LARGE, ["--rtol", "other:0", "--atol", "other:0.01"], "fail"),
        ("KC201", LARGE, ["--rtol", "0", "--atol", "0.01"], "error"),
        ("KC201", SMALL, ["--exact"], "fail"),
        ("KC701", LARGE, ["--rtol", "0", "--atol", "0.01"], "fail"),
    ],
)
def test_other_limits(
    code: str, change: float, flags: list[str], status: str, stored: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(verdict(code, "a-check", judged(("one-by-one", "predict"), change, CALIBRATED)))
    exit_code = main(["recheck", str(path), "--format", "json", *flags])
    document = json.loads(capsys.readouterr().out)
    assert [result["status"] for result in document["results"]] == [status]
    assert (exit_code, document["exit_code"]) == ({"pass": 0, "fail": 1, "error": 3}[status],) * 2


def test_what_the_measurements_do_not_decide_is_no_pass(
    stored: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    change = np.where(
        np.arange(40)[:, None] == 39, 3e-3, 2e-3
    )  # at 1.0 and from 0.5 on: 0.4 % in the middle, yet no limit of 0.35 % holds for all
    path = stored(verdict("KC101", "batch-vs-single", judged(("one-by-one", "predict"), change, CALIBRATED)))
    assert main(["recheck", str(path), "--rtol", "0.0033", "--atol", "0"]) in (1, 3)
    assert "PASS" not in capsys.readouterr().out


def test_exact_pairs_stay_exact(stored: Make, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(
        verdict(
            "KC103",
            "companion-swap",
            judged(("companions", "companions-baseline"), SMALL, CALIBRATED, exact=True),
        )
    )
    assert main(["recheck", str(path), "--rtol", "1", "--atol", "1"]) == 1
    assert capsys.readouterr().out.startswith("FAIL   KC103 companion-swap  as it was\n")


def test_routes_that_crashed_are_no_pass(stored: Make) -> None:
    path = stored(
        verdict(
            "KC101",
            "batch-vs-single",
            judged(("one-by-one", "predict"), LARGE, CALIBRATED),
            reason="batch-7: crashed",
        )
    )
    assert main(["recheck", str(path), "--rtol", "0", "--atol", "1"]) == 3


def test_failures_for_other_reasons_stay(stored: Make) -> None:
    within = judged(("one-by-one", "predict"), SMALL, CALIBRATED)
    assert (
        main(
            [
                "recheck",
                str(stored(verdict("KC102", "batch-size", within, status=Status.FAIL))),
                "--rtol",
                "0",
                "--atol",
                "1",
            ]
        )
        == 1
    )
    assert (
        main(
            [
                "recheck",
                str(stored(verdict("KC102", "batch-size", status=Status.FAIL))),
                "--rtol",
                "0",
                "--atol",
                "1",
            ]
        )
        == 1
    )


def test_changed_decisions_are_not_silent(stored: Make, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(
        verdict("KC101", "batch-vs-single", judged(("one-by-one", "predict"), -0.02, CALIBRATED, decide=True))
    )
    assert main(["recheck", str(path), "--rtol", "0", "--atol", "0.1"]) in (0, 1)
    assert capsys.readouterr().out.startswith("WARN   KC101")


def test_lines_selection_and_warnings(stored: Make, capsys: pytest.CaptureFixture[str]) -> None:
    pair = judged(("one-by-one", "predict"), LARGE, CALIBRATED)
    path = stored(
        verdict("KC101", "batch-vs-single", pair), verdict("KC202", "training-flag", status=Status.WARN)
    )
    assert main(["recheck", str(path), "--rtol", "0", "--atol", "0.01"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "WARN   KC202 training-flag  as it was",
        "PASS   KC101 batch-vs-single (was fail)  within these limits",
        "",
        f"consistent: 1 warned, 1 passed; rechecked {path}, exit 0",
    ]
    assert main(["recheck", str(path), "--select", "KC2", "--fail-on", "warn"]) == 1
    assert main(["recheck", str(path), "--select", "KC2"]) == 0


def test_lines_fit_the_terminal(
    stored: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(
        verdict(
            "KC301", "scaler-reuse-vs-refit with words", judged(("one-by-one", "predict"), LARGE, CALIBRATED)
        )
    )
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["recheck", str(path)]) == 1
    first, *others = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert first.startswith("FAIL   KC301 scaler-reuse-vs-refit")
    assert others
    assert all(line.startswith(" " * 7) and len(line) <= 40 for line in others)


@pytest.mark.parametrize(
    "line",
    [
        ["none.json"],
        ["text.json"],
        ["other.json"],
        ["hollow.json"],
        ["numbers.json", "--exact"],
        ["numbers.json", "--exact", "--rtol", "1", "--atol", "0"],
        ["numbers.json", "--calibrated", "--exact"],
        ["numbers.json", "--select", "KC9"],
        ["numbers.json", "--fail-on", "all"],
        ["numbers.json", "--rto", "1"],
    ],
)
def test_wrong_calls_are_refused(
    line: list[str],
    wording: SnapshotAssertion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    pair = {"candidate": "a", "reference": "b", "output": "y", "within": True}
    result = {"code": "KC101", "name": "n", "status": "pass", "message": "m", "comparisons": [pair]}
    for name, content in {
        "text": "{", "other": '{"schema": "x"}', "hollow": (
            '{"schema": "kcheck.report/1", "results": [{"code": 1}]}'
        ),
        "numbers": json.dumps({"schema": "kcheck.report/1", "results": [result]}),
    }.items():  # fmt: skip
        (tmp_path / f"{name}.json").write_text(content)
    assert main(["recheck", *line]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace(str(tmp_path), "FOLDER") == wording


@pytest.mark.parametrize(
    "flags",
    [["--rtol", "0", "--atol", "1e308"], ["--rtol", "1", "--atol", "0"], ["--rtol", "0", "--atol", "1.01"]],
)
def test_limits_that_let_anything_pass_are_no_pass(flags: list[str], stored: Make) -> None:
    path = stored(verdict("KC101", "batch-vs-single", judged(("one-by-one", "predict"), LARGE, CALIBRATED)))
    assert main(["recheck", str(path), *flags]) == 3


def test_results_that_were_taken_out_are_no_pass(stored: Make) -> None:
    assert main(["recheck", str(stored())]) == 3
    assert main(["recheck", str(stored(verdict("KC101", "batch-vs-single", status=Status.SKIP)))]) == 3


def test_an_edited_status_is_refused(
    stored: Make, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    path = stored(verdict("KC101", "batch-vs-single", judged(("one-by-one", "predict"), LARGE, CALIBRATED)))
    document = json.loads(path.read_text())
    document["results"][0]["status"] = "pass"
    path.write_text(json.dumps(document))
    assert main(["recheck", str(path)]) == 2
    assert capsys.readouterr().err == wording


@pytest.mark.parametrize(
    "changed",
    [None, {"elements": 0}, {"max_abs": -1.0}, {"max_abs": float("nan")}],
    ids=["no comparison", "no elements", "a negative difference", "a difference of NaN"],
)
def test_a_pass_without_a_measurement_is_refused(
    changed: dict[str, float] | None,
    stored: Make,
    capsys: pytest.CaptureFixture[str],
    wording: SnapshotAssertion,
) -> None:
    path = stored(verdict("KC101", "batch-vs-single", judged(("one-by-one", "predict"), SMALL, CALIBRATED)))
    document = json.loads(path.read_text())
    pairs = document["results"][0]["comparisons"]
    document["results"][0]["comparisons"] = [each | changed for each in pairs] if changed else []
    path.write_text(json.dumps(document))
    assert main(["recheck", str(path), "--exact"]) == 2
    assert capsys.readouterr().err == wording


def test_a_required_check_that_is_not_there_gives_no_verdict(stored: Make) -> None:
    pair = judged(("one-by-one", "predict"), SMALL, CALIBRATED)
    assert main(["recheck", str(stored(verdict("KC101", "batch-vs-single", pair), required=("KC103",)))]) == 3
    assert main(["recheck", str(stored(verdict("KC101", "batch-vs-single", pair), required=("KC101",)))]) == 0
