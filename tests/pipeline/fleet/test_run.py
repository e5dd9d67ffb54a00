"""A fleet: one model's fault ends that model only; a worker's death is tried again; nothing is repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.pipeline.fleet import machine as module
from keras_consistency_cli.pipeline.fleet.machine import Machine
from keras_consistency_cli.pipeline.fleet.place import FleetOptions
from keras_consistency_cli.pipeline.fleet.run import FleetRun
from keras_consistency_cli.pipeline.fleet.store import ResultStore
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.reporting.fleet.report import ModelResult
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.workers.fork_pool import ForkPool


class Observed:
    def __init__(self) -> None:
        self.done: list[str] = []

    def started(self, _name: str) -> Observer:
        return NULL_OBSERVER

    def finished(self, result: ModelResult) -> None:
        self.done.append(result.name)


def report(model: Path, status: Status = Status.PASS) -> Report:
    verdict = Verdict(status=status, message="as planned", code="KC101", name="single-row")
    return Report(version="1", verdicts=[verdict], model=Source(path=str(model)), data=Source(path=""))


Plan = dict[str, Callable[[Path, Any], Report]]


def refuse(error: Exception) -> Callable[[Path, Any], Report]:
    def act(_model: Path, _lease: Any) -> Report:
        raise error

    return act


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FleetRun]:
    """A fleet whose models do as planned, by their names; without a plan they pass."""

    def create(plan: Plan, *names: str, store: ResultStore | None = None, **options: Any) -> FleetRun:
        ran: list[str] = []

        def inspect(settings: Settings, _line: str, *, fork_server: Any, **_: Any) -> Report:
            ran.append(settings.model.stem)
            act = plan.get(settings.model.stem)
            return act(settings.model, fork_server) if act else report(settings.model)

        monkeypatch.setattr(module, "inspect", inspect)
        tasks = []
        for name in names:
            path = tmp_path / f"{name}.keras"
            path.write_text(name)
            tasks.append(FleetTask(name=name, model=path, settings=Settings.model_validate({"model": path})))
        observer, fail_fast = Observed(), options.pop("fail_fast", False)
        fleet = FleetRun(
            tasks=tasks,
            options=FleetOptions(**{"jobs": 2, **options}),
            place=Machine(pool=ForkPool(), observer=observer),
            observer=observer,
            store=store,
            fail_fast=fail_fast,
        )
        fleet.notes = ran  # what ran, in order; also shows that notes reach the report
        return fleet

    return create


def test_one_fault_ends_one_model(run: Callable[..., FleetRun]) -> None:
    plan: Plan = {
        "refused": refuse(RefusedError("damaged", cause="file-damaged")),
        "unreadable": refuse(DataError("no such file")),
        "broken": refuse(ZeroDivisionError("internal")),
        "faulty": lambda model, _: report(model, Status.FAIL),
    }
    done = run(plan, "good", "refused", "unreadable", "broken", "faulty").run()
    assert {each.name: each.exit_code for each in done.results} == {
        "good": 0,
        "refused": 1,
        "unreadable": 3,
        "broken": 3,
        "faulty": 1,
    }
    assert done.exit_code == 1
    assert done.counts()["inconsistent"] == 2
    assert dict(done.causes) == {"file-damaged": 1}


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_is_the_worst(code: int, run: Callable[..., FleetRun]) -> None:
    plans: dict[int, Plan] = {
        0: {},
        1: {"a": refuse(NoVerdictError("died")), "b": lambda model, _: report(model, Status.FAIL)},
        3: {"a": refuse(UsageError("wrong"))},
    }
    assert run(plans[code], "a", "b", "c").run().exit_code == code


def test_a_worker_that_dies_once_is_tried_again(run: Callable[..., FleetRun]) -> None:
    tried = []

    def dies_once(model: Path, lease: Any) -> Report:
        tried.append(model)
        lease._deaths = int(len(tried) == 1)
        return report(model, Status.ERROR if len(tried) == 1 else Status.PASS)

    done = run({"a": dies_once}, "a", "b").run()
    assert [(each.name, each.exit_code, each.attempts) for each in done.results] == [
        ("a", 0, 2),
        ("b", 0, 1),
    ]


def test_a_worker_that_dies_twice_is_an_error(run: Callable[..., FleetRun]) -> None:
    done = run({"a": refuse(NoVerdictError("killed"))}, "a").run()
    assert [(each.exit_code, each.attempts, each.error) for each in done.results] == [(3, 2, "killed")]


def test_without_retries_it_is_tried_once(run: Callable[..., FleetRun]) -> None:
    done = run({"a": refuse(NoVerdictError("killed"))}, "a", retries=0).run()
    assert done.results[0].attempts == 1


def test_fail_fast_leaves_the_others(run: Callable[..., FleetRun]) -> None:
    plan: Plan = {"a": lambda model, _: report(model, Status.FAIL)}
    done = run(plan, "a", "b", "c", fail_fast=True, jobs=1).run()
    assert [each.name for each in done.results] == ["a"]
    assert done.not_run == ["b", "c"]
    assert done.exit_code == 1


def test_what_is_stored_is_not_repeated(run: Callable[..., FleetRun], tmp_path: Path) -> None:
    plan: Plan = {"faulty": lambda model, _: report(model, Status.FAIL), "dead": refuse(NoVerdictError("x"))}
    names = ("good", "faulty", "dead")
    store = ResultStore(tmp_path / "done")
    first = run(plan, *names, store=store, retries=0)
    before = first.run()
    second = run(plan, *names, store=store, retries=0)
    after = second.run()
    store.close()
    assert sorted(first.notes) == sorted(names)
    assert second.notes == ["dead"], "only what has no verdict is checked again"
    assert [each.document for each in before.results] == [each.document for each in after.results]
    assert after.counts()["stored"] == 2
    assert before.exit_code == after.exit_code == 1


def test_a_changed_model_is_checked_again(run: Callable[..., FleetRun], tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "done")
    run({}, "a", "b", store=store).run()
    second = run({}, "a", "b", store=store)
    (tmp_path / "a.keras").write_text("changed")
    second.run()
    store.close()
    assert second.notes == ["a"]


def test_a_format_that_was_not_stored_is_made_again(run: Callable[..., FleetRun], tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "done")
    run({}, "a", store=store).run()
    done = run({}, "a", store=store, formats=("markdown",)).run()
    store.close()
    assert not done.results[0].stored
    assert "markdown" in done.results[0].texts


def test_settings_that_are_not_valid_are_an_error_of_that_model(run: Callable[..., FleetRun]) -> None:
    fleet = run({}, "a")
    wrong: KcheckError = UsageError("kcheck.yaml:1: rows is -1")
    fleet.tasks = [*fleet.tasks, FleetTask(name="wrong", model=Path("wrong.keras"), settings=wrong)]
    done = fleet.run()
    assert [each.exit_code for each in done.results] == [0, 3]
