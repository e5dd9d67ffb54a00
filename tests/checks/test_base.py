"""A check signs its verdict, its crash is its own error, and settings configure it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.calling.rows import RowDetails
from keras_consistency_cli.routes.trace import Trace


def check(examine: Any) -> Check:
    return Check(code="KC999", name="nothing", title="t", explanation="Why: so.", examine=examine)


def test_a_verdict_has_the_code_and_name_of_its_check(world: Any) -> None:
    asked = check(lambda _evidence: Verdict(status=Status.WARN, message="hm", findings={"a": 1}))
    assert world.verdict(asked) == Verdict(
        status=Status.WARN, message="hm", code="KC999", name="nothing", findings={"a": 1}
    )


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (KeyError("gone"), "KeyError: 'gone'"),
        (ValueError("a\x1b[31m\nb"), "ValueError: a\\x1b[31m\\x0ab"),
        (ZeroDivisionError(), "ZeroDivisionError: "),
    ],
    ids=["KeyError", "control characters", "no text"],
)
def test_a_check_that_crashes_is_an_error_and_never_a_pass(
    world: Any, problem: Exception, reason: str, wording: SnapshotAssertion
) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise problem

    verdict = world.verdict(check(examine))
    assert verdict == Verdict(
        status=Status.ERROR, message=verdict.message, code="KC999", name="nothing", reason=reason
    )
    assert verdict.message == wording


def test_an_interruption_is_not_swallowed(world: Any) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.verdict(check(examine))


PAIR = Pair(candidate="batch-5", reference="predict")


def test_settings_choose_the_pairs_of_a_check_that_depends_on_them() -> None:
    settings = Settings.model_validate({"model": "m.keras"})
    plain = check(lambda _evidence: Verdict.ok("m"))
    assert plain.configured(settings) is plain
    depending = replace(plain, pairs_for=lambda chosen: (PAIR,) * chosen.batch_size)
    assert depending.configured(settings).pairs == (PAIR,) * 32


def test_a_check_that_is_not_run_is_skipped_with_the_reason() -> None:
    skipped = check(lambda _evidence: Verdict.ok("m")).skipped("no rows")
    assert (skipped.status, skipped.reason, skipped.code) == (Status.SKIP, "no rows", "KC999")


def test_a_route_that_did_not_run_has_no_details(world: Any) -> None:
    traces = {"predict": Trace(route="predict", details={"a": 1}, error="boom")}
    evidence = replace(world.evidence(check(lambda _evidence: Verdict.ok("m"))), traces=traces)
    assert [evidence.details(route, RowDetails) for route in ("predict", "call")] == [{}, {}]
