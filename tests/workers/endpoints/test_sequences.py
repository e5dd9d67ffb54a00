"""Two sequences of requests, one after the other and in turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.workers.endpoints.protocols.steps import Step, fill_sequence
from keras_consistency_cli.workers.endpoints.sequences import sequence_places
from tests.helpers.asked_services import ask, found
from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.recurrent import FEATURES, STEPS, make_recurrent
from tests.helpers.sequence_services import SEQUENCE_SERVICES, SequenceStub
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running

ROWS = np.random.default_rng(3).normal(size=(24, STEPS, FEATURES)).astype("float32")
TEMPLATE = {"session": "SEQUENCE", "instances": "ROWS"}


def asked(stub: Stub, **given: Any) -> Mapping[str, Verdict]:
    from_reset = make_recurrent(resets=True)
    return ask(
        stub.url,
        lambda rows: make_recurrent(resets=False)(rows),
        from_reset=from_reset,
        scales=False,
        stateful=True,
        data=ROWS,
        **given,
    )


@pytest.mark.parametrize(
    ("name", "expected", "is_confirmed"),
    [
        ("state by sequence", None, False),
        ("state of the last sequence", ("fail", "endpoint-mixes-sequences"), True),
        ("state of few sequences", ("fail", "endpoint-mixes-sequences"), True),
        ("no state", ("fail", "endpoint-loses-state"), True),
        ("state in copies", ("fail", "endpoint-loses-state"), False),
    ],
)
def test_each_sequence_goes_on_as_if_it_were_alone(
    name: str, expected: tuple[str, str] | None, is_confirmed: bool
) -> None:
    with running(SequenceStub(SEQUENCE_SERVICES[name])) as stub:
        verdicts = asked(stub, template=TEMPLATE)
        assert len(stub.requests) <= 165
    others = {code: each for code, each in found(verdicts).items() if code != "KC914"}
    assert others == ({"KC913": expected} if expected else {})
    assert bool(verdicts["KC913"].findings.get("confirmed")) is is_confirmed
    compared = {one.comparison.candidate.partition("@")[0] for one in verdicts["KC913"].judged}
    assert expected or {"answers-interleaved", "answers-concurrent"} <= compared


def test_one_state_for_all_callers_is_found_without_sequences() -> None:
    with running(SequenceStub(SEQUENCE_SERVICES["state of all callers"])) as stub:
        verdicts = found(asked(stub, template=TEMPLATE))
    assert (verdicts["KC912"], verdicts["KC913"]) == (("fail", "endpoint-keeps-state"), ("skip", None))


def test_v2_says_the_sequence_if_the_server_lists_the_extension() -> None:
    with running(SequenceStub(SEQUENCE_SERVICES["state of the last sequence"], "v2")) as stub:
        verdicts = asked(stub)
        assert all({"sequence_id", "sequence_start"} <= set(body["parameters"]) for body in stub.requests)
    assert found(verdicts)["KC913"] == ("fail", "endpoint-mixes-sequences")


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [({}, set()), ({"sequence_batching": {"direct": {}}}, {"KC913"})],
    ids=["no sequence batcher", "a sequence batcher"],
)
def test_the_configuration_of_a_v2_model_says_whether_it_has_sequences(
    configuration: dict[str, Any], expected: set[str]
) -> None:
    """Triton lists the extension for every model, also for one whose states are reset in each request."""
    with running(SequenceStub(SEQUENCE_SERVICES["no state"], "v2")) as stub:
        stub.extensions = ("sequence", "model_configuration")
        stub.configuration = configuration
        verdicts = asked(stub)
        assert all(("parameters" in body) is bool(expected) for body in stub.requests)
    assert {code for code in found(verdicts) if code != "KC914"} == expected


@pytest.mark.parametrize("given", [{}, {"template": {"instances": "ROWS"}}])
def test_without_a_number_no_sequences_are_sent(given: dict[str, Any]) -> None:
    with running(Stub(make_recurrent(resets=True), "json")) as stub:
        verdicts = asked(stub, **given)
        assert not any("session" in body or "parameters" in body for body in stub.requests)
    assert {code for code in found(verdicts) if code != "KC914"} == set()


def test_a_model_without_state_gets_a_new_sequence_in_each_request() -> None:
    answers = refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS)
    with running(Stub(answers, "json")) as stub:
        verdicts = ask(stub.url, predict, template=TEMPLATE)
        numbers = [body["session"] for body in stub.requests]
    assert len(set(numbers)) == len(numbers)
    assert found(verdicts) == {}


@pytest.mark.parametrize(
    ("count", "step_size", "shape"),
    [(24, 1, (2, 4, 1)), (5, 1, (2, 2, 1)), (3, 1, (2, 0, 1)), (40, 8, (2, 2, 8)), (0, 4, (2, 0, 4))],
)
def test_places_of_two_sequences(count: int, step_size: int, shape: tuple[int, ...]) -> None:
    places = sequence_places(count, step_size)
    assert places.shape == shape
    assert places.ravel().tolist() == list(range(places.size))


def test_the_number_is_a_text_anywhere_in_a_template() -> None:
    template = {"a": ["SEQUENCE", 1, {"b": "SEQUENCE"}], "SEQUENCE": "ROWS"}
    filled = fill_sequence(template, Step(sequence=12))
    assert filled == {"a": ["12", 1, {"b": "12"}], "SEQUENCE": "ROWS"}
