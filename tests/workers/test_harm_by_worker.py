"""Harm in one worker: its checks are errors, the other checks keep their verdicts, and the exit code is 3."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.helpers import planted_by_worker
from tests.helpers.commands import Surroundings
from tests.helpers.in_process import SharedForkServer, run_in_process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")

HARMED = {"float64": "KC602", "fresh": "KC603", "kernels": "KC605"}
"""By worker: the check that depends on it."""
UNHARMED = ("KC104", "KC201", "KC204")
FACTS = {"kill": "SIGKILL", "abort": "SIGABRT", "hang": "6 s (--timeout)"}


@pytest.fixture
def trapped(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Save a model whose trap acts in one worker; return the arguments that check it."""

    def save(where: str, how: str) -> list[str]:
        trap = planted_by_worker.WorkerTrap(how, where, name="trap")
        parts = [
            keras.Input((3,), name="x"),
            layers.Dense(4, activation="tanh", name="body"),
            trap,
            layers.Dense(1, name="out"),
        ]
        keras.Sequential(parts).save(tmp_path / "m.keras")
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)).astype("float32"))
        options = [
            "--custom-objects",
            str(planted_by_worker.__file__),
            "--select",
            ",".join((*UNHARMED, HARMED[where])),
        ]
        files = ["run", str(tmp_path / "m.keras"), "--data", str(tmp_path / "x.npy")]
        limit = ["--timeout", "6"] if how == "hang" else []
        return [*files, *options, "--format", "json", "--batch-size", "8", *limit]

    return save


def assert_only_its_checks_are_errors(where: str, how: str, out: str) -> None:
    """The checks of the harmed worker are errors, and all others have verdicts."""
    report = json.loads(out)
    by_code = {result["code"]: result for result in report["results"]}
    assert report["verdict"] == "no-verdict"
    assert {code: result["status"] for code, result in by_code.items()} == {
        **dict.fromkeys(UNHARMED, "pass"),
        HARMED[where]: "error",
    }
    assert FACTS[how] in by_code[HARMED[where]]["reason"]
    assert all(by_code[code]["comparisons"] for code in UNHARMED)
    assert report["facts"]["layers"]


@pytest.mark.parametrize(("where", "how"), [("float64", "kill"), ("kernels", "abort"), ("fresh", "abort")])
def test_only_the_checks_of_the_harmed_worker_are_errors(
    where: str, how: str, trapped: Callable[[str, str], list[str]], shared_fork_server: SharedForkServer
) -> None:
    done = run_in_process(*trapped(where, how), fork_server=shared_fork_server)
    assert (done.code, done.err) == (3, "")
    assert_only_its_checks_are_errors(where, how, done.out)


def test_a_worker_that_hangs_is_ended_and_nothing_is_left_behind(
    tmp_path: Path, trapped: Callable[[str, str], list[str]]
) -> None:
    around = Surroundings(tmp_path)
    done = around.run(*trapped("fresh", "hang"))
    assert (done.returncode, done.stderr) == (3, "")
    assert_only_its_checks_are_errors("fresh", "hang", done.stdout)
    assert around.left_behind() == ([], [])
