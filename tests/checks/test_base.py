"""base: a check signs its answer, and a crash of the check is its own error."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict


def check(examine: Any) -> Check:
    return Check(code="KC999", name="nothing", title="t", explanation="Why: so.", examine=examine)


def test_statuses_are_declared_from_good_to_bad() -> None:
    assert [status.value for status in Status] == ["pass", "skip", "warn", "error", "fail"]


def test_a_verdict_is_signed(world: Any) -> None:
    asked = check(lambda _evidence: Verdict(status=Status.WARN, message="hm", findings={"a": 1}))
    assert world.verdict(asked) == Verdict(status=Status.WARN, message="hm", code="KC999", name="nothing", findings={"a": 1})


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (KeyError("gone"), "KeyError: 'gone'"),
        (ValueError("a\x1b[31m\nb"), "ValueError: a\\x1b[31m\\x0ab"),
        (ZeroDivisionError(), "ZeroDivisionError: "),
    ],
)
def test_a_check_that_crashes_is_an_error_and_never_a_pass(world: Any, problem: Exception, reason: str) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise problem

    expected = Verdict(status=Status.ERROR, message="the check itself failed", code="KC999", name="nothing", reason=reason)
    assert world.verdict(check(examine)) == expected


def test_an_interruption_is_not_swallowed(world: Any) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.verdict(check(examine))
