"""The verdict of the whole run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.reporting.report import Report, Source

PASS, WARN, FAIL, SKIP, ERROR = Status.PASS, Status.WARN, Status.FAIL, Status.SKIP, Status.ERROR


def report(*statuses: Status, fail_on: str = "fail") -> Report:
    verdicts = [Verdict(status=status, message="") for status in statuses]
    return Report(
        version="0", verdicts=verdicts, model=Source(path="m.keras"), data=Source(path=""), fail_on=fail_on
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "code", "outcome"),
    [
        ((), 3, "no-verdict"),
        ((SKIP,), 3, "no-verdict"),
        ((SKIP, SKIP), 3, "no-verdict"),
        ((PASS,), 0, "consistent"),
        ((PASS, SKIP), 0, "consistent"),
        ((WARN,), 0, "consistent"),
        ((PASS, WARN, SKIP), 0, "consistent"),
        ((ERROR,), 3, "no-verdict"),
        ((PASS, ERROR), 3, "no-verdict"),
        ((FAIL,), 1, "inconsistent"),
        ((PASS, FAIL, ERROR, SKIP), 1, "inconsistent"),
    ],
)
def test_exit_code_and_outcome(statuses: tuple[Status, ...], code: int, outcome: str) -> None:
    result = report(*statuses)
    assert (result.exit_code, result.outcome) == (code, outcome)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((WARN,), 1),
        ((PASS, WARN), 1),
        ((WARN, ERROR), 1),
        ((PASS,), 0),
        ((PASS, ERROR), 3),
        ((SKIP,), 3),
        ((), 3),
        ((FAIL,), 1),
    ],
)
def test_fail_on_warn(statuses: tuple[Status, ...], code: int) -> None:
    assert report(*statuses, fail_on="warn").exit_code == code


def test_a_lost_worker_takes_a_consistent_verdict_away_and_no_other() -> None:
    gone = ("its process was killed by SIGKILL",)
    assert [
        replace(report(*statuses), lost=gone).exit_code
        for statuses in ((PASS,), (PASS, WARN), (FAIL, PASS), (SKIP,))
    ] == [3, 3, 1, 3]
    assert replace(report(WARN, fail_on="warn"), lost=gone).exit_code == 1


def test_every_status_has_an_exit_code() -> None:
    assert [report(status).exit_code for status in Status] == [0, 3, 0, 3, 1]


def test_a_skipped_required_check_takes_a_consistent_verdict_away() -> None:
    verdicts = [
        Verdict(code=code, status=status, message="") for code, status in (("KC101", PASS), ("KC301", SKIP))
    ]
    asked = replace(report(), verdicts=verdicts, required=("KC301",))
    assert (asked.exit_code, asked.outcome, asked.unanswered) == (3, "no-verdict", (verdicts[1],))
    assert replace(asked, required=("KC101",)).exit_code == 0
    assert replace(asked, verdicts=[*verdicts, Verdict(status=FAIL, message="")]).exit_code == 1


@pytest.mark.parametrize(
    ("statuses", "code", "outcome"),
    [
        ((FAIL,), 0, "inconsistent"),
        ((WARN,), 0, "inconsistent"),
        ((ERROR,), 3, "no-verdict"),
        ((SKIP,), 3, "no-verdict"),
        ((PASS,), 0, "consistent"),
    ],
)
def test_exit_zero_lets_failures_pass_and_nothing_else(
    statuses: tuple[Status, ...], code: int, outcome: str
) -> None:
    result = replace(report(*statuses, fail_on="warn"), exit_zero=True)
    assert (result.exit_code, result.outcome) == (code, outcome)
