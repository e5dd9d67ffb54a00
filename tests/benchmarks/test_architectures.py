"""benchmarks/architectures.py judges reports correctly."""

from __future__ import annotations

import json

import pytest

from benchmarks.architecture_models import Architecture
from benchmarks.architectures import Verdict, format_page, read_verdict

HEALTHY = Architecture(name="net", package="keras", build=lambda: pytest.fail("must not be built"))
MIXING = Architecture(name="mixer", package="keras", build=HEALTHY.build, expected=("mixes",))


def _report(status: str, cause: str | None = None) -> str:
    diagnoses = [] if cause is None else [{"cause": cause}]
    return json.dumps({"results": [{"code": "KC101", "status": status}], "diagnoses": diagnoses})


@pytest.mark.parametrize(
    ("architecture", "exit_code", "stdout", "right"),
    [
        (HEALTHY, 0, _report("pass"), True),
        (HEALTHY, 0, _report("warn"), False),
        (HEALTHY, 1, _report("fail", "mixes"), False),
        (HEALTHY, 3, "", False),
        (MIXING, 1, _report("fail", "mixes"), True),
        (MIXING, 1, _report("fail", "rounding"), False),
        (MIXING, 0, _report("pass"), False),
    ],
)
def test_only_the_expected_verdict_is_right(
    architecture: Architecture, exit_code: int, stdout: str, right: bool
) -> None:
    assert read_verdict(architecture, exit_code, stdout, "Error: it ended").is_right is right


def test_the_page_counts_right_verdicts_and_shows_why_there_is_no_report() -> None:
    without = read_verdict(HEALTHY, 3, "", "Traceback\nError: a | b\n")
    assert without.problem == "Error: a | b"
    page = format_page([Verdict(architecture=MIXING, exit_code=1, cause="mixes"), without])
    assert "1 of 2 verdicts are right" in page
    assert "| keras | net | 3 | - | - | Error: a / b | **no** |" in page


def test_a_page_keeps_the_verdicts_of_earlier_runs_on_the_same_machine() -> None:
    earlier = format_page(
        [Verdict(architecture=MIXING, exit_code=0), Verdict(architecture=HEALTHY, exit_code=0)]
    )
    again = [Verdict(architecture=MIXING, exit_code=1, cause="mixes")]
    both, alone = (
        format_page(again, earlier=earlier),
        format_page(again, earlier=earlier.replace("Python", "X")),
    )
    assert "2 of 2 verdicts are right" in both
    assert "1 of 1 verdicts are right" in alone
    assert "ResNet50, " in both.partition("Not run: ")[2]
