"""Calls that a well-known comparison tool reports as passed must not exit with code 0 here."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.helpers.in_process import NoWorkers, SharedForkServer, in_folder, run_in_process
from tests.hostile.inputs import own_layers

OWN = f"--custom-objects {Path(own_layers.__file__)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("false")
    rows = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    np.save(folder / "x.npy", rows)
    np.save(folder / "zero.npy", rows[:0])
    layers = {
        "flips": own_layers.Flips(),
        "leaks": own_layers.BatchMean(),
        "holes": own_layers.Holes(),
        "breaks": own_layers.Breaks(),
    }
    for name, layer in {**layers, "fine": keras.layers.Dense(2)}.items():
        keras.Sequential([keras.Input((4,)), layer]).save(folder / f"{name}.keras")
    return folder


@pytest.mark.parametrize(
    ("what", "line", "words"),
    [
        ("nothing to run", "fine.keras --data x.npy --select KC104 --ignore row-order", "check"),
        ("no iterations", "fine.keras --data x.npy --rows 0", "--rows"),
        ("a batch of no rows", "fine.keras --data zero.npy", "has no rows"),
        ("limits of NaN", "fine.keras --data x.npy --rtol nan --atol nan", "nan"),
        ("infinite limits", "fine.keras --data x.npy --rtol 0 --atol inf", "inf"),
    ],
)
def test_a_call_that_compares_nothing_is_refused(folder: Path, what: str, line: str, words: str) -> None:
    with in_folder(folder):
        completed = run_in_process("run", *line.split(), fork_server=NoWorkers())
    assert (completed.code, completed.out) == (2, ""), what
    assert words in completed.err


@pytest.mark.parametrize(
    ("what", "line", "code", "statuses"),
    [
        ("every check is skipped", "fine.keras --select KC502", 3, {"KC502": "skip"}),
        ("NaN in every output", "holes.keras --select KC701", 1, {"KC701": "fail"}),
        ("NaN on both sides of a comparison", "holes.keras --select KC101,KC104", 3, {}),
        ("every decision flipped by 8e-6", "flips.keras --select KC101", 1, {"KC101": "fail"}),
        (
            "every decision flipped within a stated limit",
            "flips.keras --select KC101 --rtol 0 --atol 1e-5",
            1,
            {"KC101": "fail"},
        ),
        (
            "rows that depend on their batch",
            "leaks.keras --select KC101,KC103",
            1,
            {"KC101": "fail", "KC103": "fail"},
        ),
        (
            "a single row and no neighbours",
            "leaks.keras --select KC101,KC104 --rows 1",
            3,
            {"KC101": "skip", "KC104": "skip"},
        ),
        ("a single row in batches of any size", "leaks.keras --select KC102 --rows 1", 3, {"KC102": "skip"}),
        (
            "limits within which zeros pass",
            "leaks.keras --select KC101 --rtol 0 --atol 1e300",
            3,
            {"KC101": "error"},
        ),
        ("outputs that cannot be computed", "breaks.keras --select KC101", 3, {"KC101": "error"}),
    ],
)
def test_a_run_without_a_comparison_or_with_a_hidden_fault_does_not_pass(
    folder: Path, warm: SharedForkServer, what: str, line: str, code: int, statuses: dict[str, str]
) -> None:
    with in_folder(folder):
        completed = run_in_process(*f"run {line} --data x.npy {OWN} --format json".split(), fork_server=warm)
    results = {result["code"]: result["status"] for result in json.loads(completed.out)["results"]}
    assert (completed.code, results | statuses) == (code, results), (what, results)
