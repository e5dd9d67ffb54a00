"""The example of every check and cause: a small model of tests/corpus or tests/advice, and its checks.

A check or cause without an example has a reason in NO_EXAMPLE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import joblib
import keras
import numpy as np

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from tests.advice.table import FAMILIES, SERVICES
from tests.corpus import backends
from tests.corpus.cases import Case, Files, write
from tests.corpus.catalogue import ALL_CASES
from tests.helpers.planted_services import COLUMNS, EXPECTED, RAW, SCALER, WEIGHTS, predict
from tests.helpers.planted_services import SERVICES as PLANTED
from tests.helpers.recurrent import FEATURES, STEPS
from tests.helpers.recurrent_model import recurrent_model
from tests.helpers.sequence_services import SEQUENCE_SERVICES, SequenceStub
from tests.helpers.stub_services import Answers, Stub, refuse_wrong_rows, running

__all__ = ["NO_EXAMPLE", "Example", "cause_examples", "check_example"]

_OTHER_BACKENDS = "it needs JAX or PyTorch, which were not installed when this page was written"
NO_EXAMPLE: Mapping[str, str] = {
    "KC601": "it needs an accelerator, and the machine that wrote this page has none",
    "device-precision": "it needs an accelerator, and the machine that wrote this page has none",
    "runtime-optimiser": "no optimization of the runtimes in use is known to change outputs",
    "export-sums-saturate": "it needs an x86 processor without VNNI",
    "package-missing": "its model needs a package that is not installed",
    **{
        name: _OTHER_BACKENDS
        for name in ("KC607", *(slug for slug in CAUSES if slug.startswith("backend-")))
        if find_spec("jax") is None or find_spec("torch") is None
    },
}
"""Why a check or cause has no example."""

_SEQUENCES: Mapping[str, tuple[str, str]] = {
    "endpoint-keeps-state": ("state of all callers", "KC912"),
    "endpoint-mixes-sequences": ("state of the last sequence", "KC913"),
    "endpoint-loses-state": ("no state", "KC913"),
}
"""By cause in services of stateful models: the planted service, and the check that finds it."""

_HEALTHY: Mapping[str, str] = {"KC403": "normalization adapted"}
"""The healthy case of a check that needs a layer of its own; others take the plain one."""
_PLAIN = "perceptron, plain"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One run of kcheck.

    Args:
        shows: the check or cause that it is an example of.
        model: the name of the case or of the service.
        make: writes its files into a folder.
        select: the checks that run; empty if the arguments of the case select them.
        serve: runs the service that is asked, if there is one, and returns the further arguments.
    """

    shows: str
    model: str
    make: Callable[[Path], Files]
    select: tuple[str, ...] = ()
    serve: Callable[[], AbstractContextManager[tuple[str, ...]]] = lambda: nullcontext(())


def cause_examples() -> tuple[Example, ...]:
    """Return an example of every cause that has one, in the order of `kcheck list --causes`."""
    slugs = (slug for slug in (*CAUSES, *REFUSAL_CAUSES) if slug not in NO_EXAMPLE)
    return tuple(_service_example(slug) or _case_example(slug) for slug in slugs)


def check_example(code: str) -> Example:
    """Return a run of a check on a healthy model, or on one that it has something to say about."""
    about = (*(case for case in ALL_CASES if code in (*case.failing, *case.warning)),)
    healthy = next(case for case in ALL_CASES if case.name == _HEALTHY.get(code, _PLAIN))
    return _of_case(code, next(iter((*about, healthy))), (code,))


def _case_example(slug: str) -> Example:
    """The case that expects this cause alone, and the one with the fewest arguments of these."""
    cases = [case for case in (*ALL_CASES, *backends.CASES) if slug in case.causes]
    if cases:
        case = min(cases, key=lambda each: (each.causes != (slug,), len(each.args)))
        return _of_case(slug, case, (*case.failing, *case.warning))
    trial = next(each for family in FAMILIES.values() for each in family if each.slug == slug)
    return _of_case(slug, trial.faulty, trial.select or (*trial.faulty.failing, *trial.faulty.warning))


def _of_case(shows: str, case: Case, select: tuple[str, ...]) -> Example:
    known = {check.code for check in CHECKS}
    chosen = () if "--select" in case.args and shows not in known else tuple(dict.fromkeys(select))
    return Example(shows=shows, model=case.name, make=lambda folder: write(case, folder), select=chosen)


def _service_example(slug: str) -> Example | None:
    """The planted service with this cause, or the one of the advice of this cause."""
    names = (name for name, found in EXPECTED.items() if slug in {cause for _, cause in found.values()})
    name = next(names, None)
    if slug in _SEQUENCES:
        return _sequence_example(slug, *_SEQUENCES[slug])
    if name is not None:
        answers = refuse_wrong_rows(PLANTED[name](predict), COLUMNS)
        codes = tuple(code for code, (_, cause) in EXPECTED[name].items() if cause == slug)
        return _of_service(slug, name, answers, codes)
    trial = next((each for each in SERVICES if each.slug == slug), None)
    if trial is None:
        return None
    return _of_service(slug, f"before the advice '{trial.tries}'", trial.faulty(), ("KC914",))


def _sequence_example(slug: str, name: str, code: str) -> Example:
    @contextmanager
    def serve() -> Iterator[tuple[str, ...]]:
        with running(SequenceStub(SEQUENCE_SERVICES[name], "v2")) as stub:
            yield ("--endpoint", stub.url)

    return Example(shows=slug, model=name, make=_write_recurrent, select=(code,), serve=serve)


def _write_recurrent(folder: Path) -> Files:
    """Write the model with a stateful layer, for one series at a time, and its rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(3).normal(size=(24, STEPS, FEATURES)).astype("float32")
    recurrent_model().save(folder / "model.keras")
    np.save(folder / "x.npy", rows)
    return Files(model=folder / "model.keras", args=("--data", str(folder / "x.npy")))


def _of_service(slug: str, name: str, answers: Answers, select: tuple[str, ...]) -> Example:
    @contextmanager
    def serve() -> Iterator[tuple[str, ...]]:
        with running(Stub(answers)) as stub:
            yield ("--endpoint", stub.url)

    return Example(shows=slug, model=name, make=_write_served, select=select, serve=serve)


def _write_served(folder: Path) -> Files:
    """Write the model of the planted services, its scaler and its rows."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((COLUMNS,), name="x"), *layers])
    model.set_weights(WEIGHTS)
    model.save(folder / "model.keras")
    joblib.dump(SCALER, folder / "scaler.joblib")
    np.save(folder / "x.npy", RAW)
    scaler = str(folder / "scaler.joblib")
    return Files(model=folder / "model.keras", args=("--data", str(folder / "x.npy"), "--scaler", scaler))
