"""Every advice of a cause is tried: it is applied to a faulty case, and nothing is found afterwards.

CI tries one advice of each family and some of services; `make advice` tries all, which takes several minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from tests.advice.table import CHOSEN, CHOSEN_SERVICES, FAMILIES, SERVICES, UNTRIED, UNTRIED_PARTS
from tests.advice.trial import Trial, find
from tests.advice.trials_endpoints import ServiceTrial
from tests.corpus.cases import write
from tests.helpers.asked_services import ask, found
from tests.helpers.in_process import SharedForkServer
from tests.helpers.planted_services import COLUMNS, Predict
from tests.helpers.stub_services import refuse_wrong_rows, running

# Keras warns if a layer drops a mask, which faulty models do on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning"),
    pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict:UserWarning"),
]

TRIALS = tuple(trial for family in FAMILIES.values() for trial in family)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the trials: some, or all with --all-advice."""
    are_all = metafunc.config.getoption("--all-advice")
    for name, trials in (
        ("trial", TRIALS if are_all else CHOSEN),
        ("service", SERVICES if are_all else CHOSEN_SERVICES),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, trials, ids=[f"{each.slug}: {each.tries}" for each in trials])


def test_every_cause_has_a_trial_or_a_reason_why_it_has_none() -> None:
    tried = {trial.slug for trial in (*TRIALS, *SERVICES)}
    assert tried | set(UNTRIED) == set(CAUSES) | set(REFUSAL_CAUSES)
    assert not tried & set(UNTRIED)
    assert set(UNTRIED_PARTS) <= tried


def test_advice_removes_the_cause(trial: Trial, tmp_path: Path, shared_fork_server: SharedForkServer) -> None:
    files = write(trial.faulty, tmp_path / "case")
    before = find(files, trial.checks, shared_fork_server)
    assert trial.slug in before.causes, before
    if trial.proof is not None:
        trial.proof(files)
    if trial.fix is not None:
        after = find(trial.fix(files), trial.checks, shared_fork_server)
        assert (after.exit_code, after.causes, after.reported) == (0, (), {}), after.problem


def test_advice_about_a_service_removes_the_cause(service: ServiceTrial) -> None:
    before = _ask(service, service.faulty(), service.predict, service.asked)
    assert {cause for _, cause in before.values() if cause} == {service.slug}
    options = {**service.asked, **service.asked_fixed}
    assert _ask(service, service.fixed(), service.predict_fixed or service.predict, options) == {}


def _ask(
    service: ServiceTrial, answers: Any, predict: Predict, options: Mapping[str, Any]
) -> dict[str, tuple[str, str | None]]:
    """What kcheck finds about a service."""
    checked = refuse_wrong_rows(answers, COLUMNS) if service.checks_rows else answers
    with running(service.stub(checked)) as stub:
        return found(ask(stub.url, predict, **options))
