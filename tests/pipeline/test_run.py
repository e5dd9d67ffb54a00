"""run: the whole tool on real models, settings in and report out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.pipeline import worker_setup
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.routes.base import Route
from tests.helpers import live_models
from tests.helpers.in_process import SharedForkServer

ROWS = np.random.default_rng(0).normal(size=(600, 6)).astype("float32")
OBJECTS = str(live_models.__file__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and rows that the tests share."""
    into = tmp_path_factory.mktemp("pipeline")
    keras.utils.set_random_seed(1)
    healthy = [
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(name="norm"),
        layers.Dense(2, activation="softmax", name="kind"),
    ]
    keras.Sequential([keras.Input((6,), name="x"), *healthy], name="healthy").save(into / "healthy.keras")
    leaking = [
        layers.Dense(8, activation="tanh"),
        live_models.Leak(1e-7, name="leak"),
        layers.Dense(1, name="out"),
    ]
    keras.Sequential([keras.Input((6,), name="x"), *leaking], name="leaking").save(into / "leaking.keras")
    np.save(into / "x.npy", ROWS)
    holed = ROWS[:40].copy()
    holed[[3, 17], 2] = np.nan
    np.save(into / "holed.npy", holed)
    return into


Check = Callable[..., Report]


@pytest.fixture(scope="module")
def check(folder: Path, shared_fork_server: SharedForkServer) -> Check:
    """Run the pipeline on a model of the folder."""

    def run(model: str, **options: Any) -> Report:
        paths = {name: folder / options.pop(name) for name in ("data", "scaler") if name in options}
        settings = Settings.model_validate({"model": folder / model, **paths, **options})
        with mock.patch.object(worker_setup, "ForkServer", shared_fork_server.further):
            return inspect(settings, "kcheck run", fork_server=shared_fork_server)

    return run


NOT_HERE = ("KC601", "KC802")
"""Checks that need an accelerator, or recorded outputs."""


@pytest.fixture(scope="module")
def whole(check: Check) -> Report:
    """Every check on all rows of the healthy model."""
    return check("healthy.keras", data="x.npy", rows="all")


@pytest.fixture(scope="module")
def leak(check: Check) -> Report:
    """The checks that concern a leak of a ten-millionth."""
    return check(
        "leaking.keras",
        data="x.npy",
        rows=64,
        custom_objects=[OBJECTS],
        select=["KC101", "KC103", "KC203", "KC602"],
    )


def statuses(report: Report) -> dict[str, Status]:
    return {verdict.code: verdict.status for verdict in report.verdicts}


def test_only_a_failing_run_searches_for_the_faulty_layer(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[list[str]] = []
    run_more = EvidenceCollector.run_more

    def note(self: EvidenceCollector, routes: Iterable[Route], numbers: np.ndarray) -> None:
        chosen = list(routes)
        requests.append([route.name for route in chosen])
        run_more(self, chosen, numbers)

    monkeypatch.setattr(EvidenceCollector, "run_more", note)
    codes = ["KC101", "KC103", "KC203"]
    assert check("healthy.keras", data="x.npy", rows=64, select=codes).exit_code == 0
    assert requests == [[], []]
    requests.clear()
    report = check("leaking.keras", data="x.npy", rows=64, custom_objects=[OBJECTS], select=codes)
    assert requests == [["locate-companions"], ["hold-companions"]]
    (diagnosis,) = report.diagnoses
    assert (diagnosis.layer, diagnosis.confidence) == ("leak", "confirmed")
    assert diagnosis.confirmation
    assert report.unexplained == ()


def test_a_healthy_model_passes_every_check(whole: Report) -> None:
    assert set(statuses(whole)) == {check.code for check in selected(Settings.model_validate({"model": "m"}))}
    skipped = {verdict.code for verdict in whole.verdicts if verdict.status is Status.SKIP and verdict.reason}
    other = [
        verdict
        for verdict in whole.verdicts
        if verdict.code not in skipped and verdict.status is not Status.PASS
    ]
    assert other == []
    assert not {code for code in skipped if code.startswith(("KC1", "KC2", "KC602", "KC701"))}
    assert (whole.exit_code, whole.outcome, tuple(whole.diagnoses), tuple(whole.notes)) == (
        0,
        "consistent",
        (),
        (),
    )


def test_a_check_on_request_runs_only_if_it_is_selected(whole: Report, check: Check) -> None:
    exports, endpoints = ({f"KC9{family}{number}" for number in range(1, 5)} for family in (0, 1))
    assert {each.code for each in CHECKS} - set(statuses(whole)) == {"KC605", "KC607", *exports, *endpoints}
    assert statuses(check("healthy.keras", data="x.npy", rows=64, select=["cpu-kernels"])) == {
        "KC605": Status.PASS
    }


def test_recorded_outputs_are_compared(check: Check, folder: Path) -> None:
    import keras

    rows = np.load(folder / "x.npy")
    answers = keras.models.load_model(folder / "healthy.keras").predict(rows, verbose=0)
    np.save(folder / "y.npy", answers)
    np.save(folder / "moved.npy", answers ** np.float32(1.01))
    reports = [
        check("healthy.keras", data="x.npy", expected=folder / name, rows=64, select=["KC802"])
        for name in ("y.npy", "moved.npy")
    ]
    assert [statuses(report)["KC802"] for report in reports] == [Status.PASS, Status.FAIL]
    assert reports[1].diagnoses[0].cause == "answers-moved"


def test_a_limit_for_an_output_that_does_not_exist_is_refused(check: Check) -> None:
    with pytest.raises(UsageError) as caught:
        check("healthy.keras", data="x.npy", select=["KC101"], tolerance={"nowhere": {"rtol": 0, "atol": 1}})
    assert "'nowhere'" in caught.value.what
    assert caught.value.expected == "kind"


def test_the_report_describes_the_inputs(whole: Report, folder: Path) -> None:
    assert (whole.rows, whole.rows_available, whole.generated) == (600, 600, False)
    assert (whole.model.path, whole.model.summary) == (str(folder / "healthy.keras"), "Sequential 'healthy'")
    assert (whole.data.path, whole.data.summary) == (str(folder / "x.npy"), "data (600, 6) float32")
    assert len(str(whole.model.sha256)) == len(str(whole.data.sha256)) == 64
    assert whole.facts is not None
    assert (whole.facts.keras, whole.facts.saved_with) == (keras.__version__, keras.__version__)
    assert whole.facts.outputs[0].name == "kind"
    assert set(whole.noise) == {"kind"}
    assert 0 < whole.noise["kind"] < 1e-5
    assert (whole.reproduce, whole.environment["backend"]) == ("kcheck run", "tensorflow")
    assert whole.elapsed_s > 0


def test_the_report_has_the_time_of_each_route_that_ran(whole: Report) -> None:
    times = {route.name: route for route in whole.routes}
    assert {"predict", "one-by-one", "predict-float64"} <= set(times)
    assert (times["predict"].worker, times["predict-float64"].worker) == ("main", "fresh")
    assert all(0 <= route.tracing_s <= route.elapsed_s for route in whole.routes)
    assert times["predict"].tracing_s > 0


def test_rows_beyond_the_sample_stream_through_predict_and_one_by_one(whole: Report) -> None:
    by_code = {verdict.code: verdict for verdict in whole.verdicts}
    assert {
        judged.comparison.rows
        for judged in by_code["KC101"].judged
        if judged.comparison.candidate == "one-by-one"
    } == {600}
    assert {judged.comparison.rows for judged in by_code["KC104"].judged} == {256}


def test_a_small_leak_fails_the_exact_check_and_is_located(leak: Report) -> None:
    assert leak.exit_code == 1
    assert statuses(leak)["KC103"] is Status.FAIL
    assert statuses(leak)["KC203"] is Status.PASS
    first = leak.diagnoses[0]
    assert (first.cause, first.layer) == ("cross-sample-dependence", "leak")
    assert "KC103" in first.explains
    # A leak of a ten-millionth may round away in the last layer.
    assert [(each.kind, each.culprit, each.inputs > 0) for each in first.depth] == [
        ("Dense", False, False),
        ("Leak", True, False),
        ("Dense", False, True),
    ]
    assert [each.outputs > 0 for each in first.depth[:2]] == [False, True]
    assert first.damage is not None
    assert 0 < first.damage.rows_hit <= first.damage.rows
    assert {each.row for each in first.damage.worst} <= set(range(600))
    assert set(leak.reproducers) == {
        verdict.code for verdict in leak.verdicts if verdict.status is Status.FAIL
    }
    assert tuple(leak.exhibits) == ()


def test_only_selected_checks_run(leak: Report, check: Check) -> None:
    assert set(statuses(leak)) == {"KC101", "KC103", "KC203", "KC602"}
    assert set(statuses(check("healthy.keras", rows=8, select=["KC2"], ignore=["call-cost", "KC205"]))) == {
        "KC201",
        "KC202",
        "KC203",
        "KC204",
    }


def test_the_same_run_gives_the_same_verdicts(leak: Report, check: Check) -> None:
    again = check(
        "leaking.keras",
        data="x.npy",
        rows=64,
        custom_objects=[OBJECTS],
        select=["KC101", "KC103", "KC203", "KC602"],
    )
    # As text, because NaN among the worst rows does not equal itself.
    second, first = (
        [repr(replace(verdict, elapsed_s=0.0)) for verdict in report.verdicts] for report in (again, leak)
    )
    assert second == first
    assert again.noise == leak.noise


def test_rows_are_generated_if_none_are_given(check: Check) -> None:
    report = check("healthy.keras", rows=12, select=["KC104", "KC701"])
    assert (report.exit_code, report.generated, report.rows, report.data.path) == (0, True, 12, "")
    assert report.data.summary


def test_rows_with_nan_are_reported_and_do_not_hide_the_rest(check: Check) -> None:
    report = check("leaking.keras", data="holed.npy", custom_objects=[OBJECTS], select=["KC103", "KC701"])
    verdicts = {verdict.code: verdict for verdict in report.verdicts}
    assert verdicts["KC701"].findings["rows"] == {"x": {"rows": 2, "first": [3, 17], "columns": ["2"]}}
    assert statuses(report) == {"KC103": Status.FAIL, "KC701": Status.FAIL}


def test_stated_limits_and_exactness_replace_calibration(check: Check) -> None:
    stated = check(
        "healthy.keras", data="x.npy", rows=40, select=["KC101"], tolerance={"rtol": 0.1, "atol": 0.1}
    )
    assert {judged.limit.origin for judged in stated.verdicts[0].judged} == {"stated"}
    exact = check("healthy.keras", data="x.npy", rows=40, select=["KC101"], tolerance="exact")
    assert {judged.limit.origin for judged in exact.verdicts[0].judged} == {"exact"}


def test_warnings_fail_with_fail_on_warn(whole: Report) -> None:
    verdicts = [replace(whole.verdicts[0], status=Status.WARN)]
    assert replace(whole, verdicts=verdicts).exit_code == 0
    assert replace(whole, verdicts=verdicts, fail_on="warn").exit_code == 1


@pytest.mark.parametrize(
    ("error", "model", "options"),
    [
        (UsageError, "none.keras", {}),
        (UsageError, "healthy.keras", {"data": "none.npy"}),
        (UsageError, "healthy.keras", {"select": ["KC999"]}),
        (RefusedError, "leaking.keras", {}),
        (DataError, "healthy.keras", {"data": "wide.npy", "select": ["KC101"]}),
    ],
)
def test_inputs_that_cannot_be_checked_raise_an_error(
    error: type[Exception], model: str, options: dict[str, Any], check: Check, folder: Path
) -> None:
    np.save(folder / "wide.npy", np.zeros((5, 7), "float32"))
    with pytest.raises(error):
        check(model, **options)


def test_rows_of_a_refused_shape_fail_one_check_and_skip_the_others(check: Check, folder: Path) -> None:
    np.save(folder / "wide.npy", np.zeros((5, 7), "float32"))
    report = check("healthy.keras", data="wide.npy")
    assert {code: status for code, status in statuses(report).items() if status is not Status.SKIP} == {
        "KC501": Status.FAIL
    }
    assert (report.exit_code, [diagnosis.cause for diagnosis in report.diagnoses], report.rows) == (
        1,
        ["wrong-features"],
        0,
    )


def test_served_rows_of_a_refused_shape_fail_in_the_same_way(check: Check, folder: Path) -> None:
    np.save(folder / "wide.npy", np.zeros((len(ROWS), 7), "float32"))
    report = check("healthy.keras", data="x.npy", served=folder / "wide.npy")
    assert statuses(report)["KC501"] is Status.FAIL
    assert (report.exit_code, [diagnosis.cause for diagnosis in report.diagnoses]) == (1, ["wrong-features"])
    with pytest.raises(DataError):
        check("healthy.keras", data="x.npy", served=folder / "wide.npy", select=["KC101"])


def test_the_first_failure_ends_the_run_with_exit_first(check: Check, wording: SnapshotAssertion) -> None:
    options = {
        "data": "x.npy",
        "rows": "all",
        "custom_objects": [OBJECTS],
        "select": ["KC103", "KC203", "KC602", "KC701"],
    }
    report = check("leaking.keras", exit_first=True, **options)
    assert report.rows < len(ROWS), "rows after the sample are not read"
    failed = next(code for code, status in statuses(report).items() if status is Status.FAIL)
    assert failed == "KC103"
    after = [verdict for verdict in report.verdicts if verdict.code > failed]
    assert after
    assert {verdict.status for verdict in after} == {Status.SKIP}
    assert sorted({str(verdict.reason) for verdict in after}) == wording
    assert all(verdict.status is not Status.SKIP for verdict in report.verdicts if verdict.code < failed)
    assert report.exit_code == 1
    assert {code for one in report.diagnoses for code in one.explains} <= {failed}


def test_a_quick_run_skips_slow_checks_and_finds_the_fault(check: Check) -> None:
    report = check(
        "leaking.keras", data="x.npy", quick=True, custom_objects=[OBJECTS], select=["KC1", "KC206"]
    )
    assert statuses(report) == {
        "KC101": Status.FAIL,
        "KC102": Status.SKIP,
        "KC103": Status.FAIL,
        "KC104": Status.SKIP,
        "KC206": Status.SKIP,
    }
    assert report.diagnoses[0].cause == "cross-sample-dependence"
    assert "costs" not in {route.name for route in report.routes}


def test_a_required_check_must_be_selected(check: Check) -> None:
    with pytest.raises(UsageError) as caught:
        check("leaking.keras", select=["KC103"], require=["KC301"])
    assert "KC301" in caught.value.what
    with pytest.raises(UsageError) as caught:
        check("leaking.keras", select=["KC103"], require=["KC0"])
    assert "'KC0'" in caught.value.what
