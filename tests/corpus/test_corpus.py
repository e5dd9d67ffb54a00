"""The corpus, and the command's result on a small part of it: one case of each family or of its clean twin.

They run the checks that they are about, and cases that resemble no fault run all checks.
benchmarks/accuracy.py runs all checks on all cases.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.advice.table import CHOSEN
from tests.corpus.cases import Case, flat, write
from tests.corpus.catalogue import ALL_CASES, stratified
from tests.corpus.verdict import Outcome, examine, examine_in_process, read_outcome
from tests.helpers.in_process import SharedForkServer

# What Keras warns of when it builds a model without a mask is what some of the cases are about.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

TRIED = {trial.faulty.family for trial in CHOSEN}
"""Families of which tests/advice runs a faulty case, to remove its fault."""


def _choose_subset() -> tuple[Case, ...]:
    """Return one case of each family; of faulty ones and their clean twins, alternately one of the two."""
    groups: dict[str, list[Case]] = {}
    for case in stratified(ALL_CASES, 10, seed=3):
        if not (case.faulty and case.family in TRIED):
            groups.setdefault(case.family.removeprefix("clean-"), []).append(case)
    return tuple(members[number % len(members)] for number, members in enumerate(groups.values()))


SUBSET = _choose_subset()
FAULTY = Case(
    name="f",
    family="x",
    build=dict,
    data=flat(3),
    causes=("rounding",),
    layer="box/mix",
    failing=("KC101", "KC103"),
)
CLEAN = Case(name="c", family="x", build=dict, data=flat(3), quiet=("KC303",))
DRIFTED = Case(
    name="d", family="x", build=dict, data=flat(3), causes=("distribution-shift",), warning=("KC702",)
)


def _by_name(name: str) -> Case:
    return next(case for case in ALL_CASES if case.name == name)


def test_corpus_is_large_enough_and_without_doubles() -> None:
    assert sum(not case.faulty for case in ALL_CASES) >= 85
    assert sum(case.faulty for case in ALL_CASES) >= 160
    assert [name for name, count in Counter(case.name for case in ALL_CASES).items() if count > 1] == []


def test_clean_cases_expect_nothing() -> None:
    assert [case.name for case in ALL_CASES if not case.faulty and (case.causes or case.layer)] == []


def test_stratified_choice_has_every_family_and_depends_on_the_seed_alone() -> None:
    chosen = stratified(ALL_CASES, 20, seed=1)
    assert {case.family for case in chosen} == {case.family for case in ALL_CASES}
    assert chosen == stratified(ALL_CASES, 20, seed=1) != stratified(ALL_CASES, 20, seed=2)
    assert stratified(ALL_CASES, 10_000, seed=1) == ALL_CASES


def test_write_is_seeded(tmp_path: Path) -> None:
    case = _by_name("perceptron, plain")
    weights, rows = [], []
    for attempt in ("a", "b"):
        files = write(case, tmp_path / attempt)
        weights.append(
            np.concatenate([weight.ravel() for weight in keras.models.load_model(files.model).get_weights()])
        )
        rows.append(np.load(files.args[1]))
    assert np.array_equal(weights[0], weights[1])
    assert np.array_equal(rows[0], rows[1])


def test_planted_leak_shows_when_companions_are_swapped(tmp_path: Path) -> None:
    files = write(_by_name("two-heads, centre over the batch, share 1e-06"), tmp_path)
    model, rows = keras.models.load_model(files.model), np.load(files.args[1])
    swapped = np.concatenate([rows[:1], 100.0 * rows[32:63]])
    before, after = (model.predict(batch, verbose=0) for batch in (rows[:32], swapped))
    assert np.array_equal(before["kind"][0], after["kind"][0])
    assert not np.array_equal(before["price"][0], after["price"][0])


def test_clean_twin_of_a_leak_keeps_its_bits(tmp_path: Path) -> None:
    files = write(_by_name("boxed-twice, min-max over the features"), tmp_path)
    model, rows = keras.models.load_model(files.model), np.load(files.args[1])
    before, after = (
        model.predict(batch, verbose=0)
        for batch in (rows[:32], np.concatenate([rows[:1], 100.0 * rows[32:63]]))
    )
    assert np.array_equal(before[0], after[0])


def test_batch_norm_has_seen_rows_before_it_is_saved(tmp_path: Path) -> None:
    norm = (
        keras.models.load_model(write(_by_name("wrapped batch norm"), tmp_path).model)
        .get_layer("adjust")
        .inner
    )
    assert np.abs(np.asarray(norm.moving_mean)).max() > 0.01


def test_outcome_is_read_from_the_report() -> None:
    results = [
        {"code": "KC101", "status": "fail"},
        {"code": "KC102", "status": "pass"},
        {"code": "KC301", "status": "warn"},
    ]
    report = {
        "results": results,
        "diagnoses": [{"cause": "rounding", "layer": "top/box/mix"}, {"cause": "other", "layer": None}],
    }
    outcome = read_outcome(FAULTY, 1, json.dumps(report), "")
    assert outcome == Outcome(
        case=FAULTY,
        exit_code=1,
        failing=("KC101",),
        warning=("KC301",),
        cause="rounding",
        layer="top/box/mix",
    )
    assert (outcome.flagged, outcome.right, outcome.right_cause, outcome.right_layer) == (
        True,
        True,
        True,
        True,
    )


def test_outcome_without_a_report_keeps_the_message() -> None:
    assert read_outcome(CLEAN, 2, "", "kcheck: no file\n") == Outcome(
        case=CLEAN, exit_code=2, problem="kcheck: no file"
    )


@pytest.mark.parametrize(
    ("outcome", "flagged", "false_alarm", "right"),
    [
        (Outcome(case=FAULTY, exit_code=1, failing=("KC103",)), True, False, True),
        (Outcome(case=FAULTY, exit_code=1, failing=("KC205",)), False, False, False),
        (Outcome(case=FAULTY, exit_code=0), False, False, False),
        (Outcome(case=FAULTY, exit_code=3, problem="died"), False, False, False),
        (Outcome(case=CLEAN, exit_code=0), False, False, True),
        (Outcome(case=CLEAN, exit_code=1, failing=("KC101",)), False, True, False),
        (Outcome(case=CLEAN, exit_code=3, problem="died"), False, False, False),
        (Outcome(case=CLEAN, exit_code=0, warning=("KC301",)), False, False, False),
        (Outcome(case=DRIFTED, exit_code=0, warning=("KC702",)), True, False, True),
        (Outcome(case=DRIFTED, exit_code=1, failing=("KC702",)), True, False, True),
        (Outcome(case=DRIFTED, exit_code=0, warning=("KC303",)), False, False, False),
        (Outcome(case=DRIFTED, exit_code=3, warning=("KC702",)), False, False, False),
    ],
)
def test_scoring(outcome: Outcome, flagged: bool, false_alarm: bool, right: bool) -> None:
    assert (outcome.flagged, outcome.false_alarm, outcome.right) == (flagged, false_alarm, right)


@pytest.mark.parametrize(
    ("layer", "right"),
    [("box/mix", True), ("model/box/mix/norm", True), ("box", False), ("mixer", False), (None, False)],
)
def test_layer_counts_where_the_whole_planted_path_is_named(layer: str | None, right: bool) -> None:
    assert Outcome(case=FAULTY, exit_code=1, layer=layer).right_layer is right


@pytest.mark.verdicts
@pytest.mark.parametrize("case", SUBSET, ids=lambda case: case.name)
def test_verdict_is_right(case: Case, tmp_path: Path, shared_fork_server: SharedForkServer) -> None:
    """A faulty case is reported with its cause and layer, and a clean one passes."""
    outcome = examine_in_process(case, write(case, tmp_path), shared_fork_server, only_own=True)
    found = (outcome.right, outcome.right_cause is not False, outcome.right_layer is not False)
    assert found == (True, True, True), str(outcome)


def test_command_in_its_own_process_gives_the_same_outcome(
    tmp_path: Path, shared_fork_server: SharedForkServer
) -> None:
    case = next(case for case in SUBSET if case.faulty and "--custom-objects" in case.args)
    files = write(case, tmp_path)
    outcome = examine(case, files, only_own=True)
    assert outcome == examine_in_process(case, files, shared_fork_server, only_own=True)
    assert outcome.right
