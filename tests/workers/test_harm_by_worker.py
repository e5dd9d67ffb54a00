"""Harm in one worker: its checks are errors, the other checks keep their verdicts, and the exit code is 3."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.helpers import planted_by_worker
from tests.helpers.commands import Surroundings

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")

HARMED = {"float64": "KC602", "fresh": "KC603", "kernels": "KC605"}
"""By worker: the check that depends on it."""
UNHARMED = ("KC104", "KC201", "KC204")
FACTS = {"kill": "SIGKILL", "abort": "SIGABRT", "hang": "6 s (--timeout)"}


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str, str], tuple[Any, Surroundings]]:
    """Check a model whose trap acts in one worker; return the finished command and its surroundings."""

    def run_kcheck(where: str, how: str) -> tuple[Any, Surroundings]:
        trap = planted_by_worker.WorkerTrap(how, where, name="trap")
        parts = [
            keras.Input((3,), name="x"),
            layers.Dense(4, activation="tanh", name="body"),
            trap,
            layers.Dense(1, name="out"),
        ]
        keras.Sequential(parts).save(tmp_path / "m.keras")
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)).astype("float32"))
        around = Surroundings(tmp_path)
        options = [
            "--custom-objects",
            str(planted_by_worker.__file__),
            "--select",
            ",".join((*UNHARMED, HARMED[where])),
        ]
        limit = ["--timeout", "6"] if how == "hang" else []
        return around.run(
            "run", "m.keras", "--data", "x.npy", *options, "--format", "json", "--batch-size", "8", *limit
        ), around

    return run_kcheck


@pytest.mark.parametrize(
    ("where", "how"),
    [("float64", "kill"), ("kernels", "abort"), ("fresh", "hang"), ("fresh", "abort")],
)
def test_only_the_checks_of_the_harmed_worker_are_errors(
    where: str, how: str, run: Callable[[str, str], tuple[Any, Surroundings]]
) -> None:
    done, around = run(where, how)
    report = json.loads(done.stdout)
    by_code = {result["code"]: result for result in report["results"]}
    assert (done.returncode, done.stderr, report["verdict"]) == (3, "", "no-verdict")
    assert {code: result["status"] for code, result in by_code.items()} == {
        **dict.fromkeys(UNHARMED, "pass"),
        HARMED[where]: "error",
    }
    assert FACTS[how] in by_code[HARMED[where]]["reason"]
    assert all(by_code[code]["comparisons"] for code in UNHARMED)
    assert report["facts"]["layers"]
    assert around.left_behind() == ([], [])
