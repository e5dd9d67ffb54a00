"""KC206: what a call costs, as information."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc206_call_cost import CHECK
from keras_consistency_cli.routes.trace import Trace


def timed(predict: float, compiled: float, many: float = 2e-5) -> Trace:
    ways = {
        "predict": {"one": predict, "many": many},
        "call": {"one": 3e-3, "many": 1e-5},
        "compiled": {"one": compiled, "many": 5e-8},
    }
    return Trace(route="", details={"seconds_a_row": ways, "rows": 256})


def test_times_are_told_with_their_units(world: Any) -> None:
    found = world.where({"costs": timed(1.5, 4e-4)}).verdict(CHECK)
    assert found.status is Status.PASS
    for words in (
        "one row: ",
        "predict 1.5 s",
        " 3.0 ms",
        " 256",
        "predict 20 µs",
        " 10 µs",
        "compiled 50 ns",
    ):
        assert words in found.message
    assert found.findings == {**timed(1.5, 4e-4).details, "output_rows": {}}


def test_hundreds_are_written_out(world: Any) -> None:
    message = world.where({"costs": timed(0.25, 4e-4, many=1e-4)}).verdict(CHECK).message
    for words in ("predict 250 ms", "compiled 400 µs", "predict 100 µs"):
        assert words in message


@pytest.mark.parametrize(
    ("predict", "compiled", "advice"),
    [(30e-3, 1e-3, "30 × quicker"), (3e-3, 1e-3, "3 × quicker"), (2e-3, 1e-3, None), (1.0, 0.0, None)],
)
def test_advice_only_where_it_is_worth_it(
    world: Any, predict: float, compiled: float, advice: str | None
) -> None:
    found = world.where({"costs": timed(predict, compiled)}).verdict(CHECK).advice
    assert found is None if advice is None else advice in found


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    found = [world.where({"costs": each}).verdict(CHECK) for each in (crashed, missing)]
    assert [(each.status, each.reason) for each in found] == [
        (Status.ERROR, "ValueError: boom"),
        (Status.SKIP, "not on this machine"),
    ]
