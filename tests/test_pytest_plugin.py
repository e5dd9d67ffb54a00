"""The pytest plugin, in test runs of their own: the fixture, the marker, how failures read, and that it costs
nothing where nobody asks for it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import keras_consistency_cli.api.check  # noqa: F401 - so that runs within this process share it

pytest_plugins = ["pytester"]

PLUGIN = "keras_consistency_cli.pytest_plugin"
INSTALLED = any(found.value == PLUGIN for found in entry_points(group="pytest11"))
ROOT = Path(__file__).resolve().parent.parent

MODELS = """
import keras, numpy as np, pytest
from keras import layers, ops

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")

class Leak(layers.Layer):
    def call(self, inputs):
        return inputs + 0.1 * ops.mean(inputs, axis=0, keepdims=True)

@pytest.fixture
def healthy():
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2, name="out")])

@pytest.fixture
def leaking():
    return keras.Sequential([keras.Input((4,), name="x"), Leak(name="leak"), layers.Dense(2, name="out")])
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run a file of tests on those models."""

    def inner(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(MODELS + text)
        plugin = () if INSTALLED else ("-p", PLUGIN)
        return pytester.runpytest_inprocess(
            *plugin, "-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments
        )

    return inner


def test_consistent_models_pass_and_give_their_report(run: Run) -> None:
    found = run("""
from keras_consistency_cli.pytest_plugin import assert_consistent

@pytest.mark.kcheck(select="KC101", rows=8)
def test_with_the_fixture(kcheck, healthy):
    report = kcheck.assert_consistent(healthy, X)
    assert (report.rows, [verdict.code for verdict in report.verdicts]) == (8, ["KC101"])

def test_without(healthy):
    assert assert_consistent(healthy, X, select=["KC104"]).passed
""")
    found.assert_outcomes(passed=2)


def test_a_failure_reads_as_the_terminal_does_and_shows_nothing_of_kcheck(run: Run) -> None:
    found = run("""
def test_leak(kcheck, leaking):
    kcheck.assert_consistent(leaking, X, select="KC101,KC103,KC205")
""")
    found.assert_outcomes(failed=1)
    lines = found.outlines
    assert any(line.startswith(">") and "kcheck.assert_consistent(leaking, X" in line for line in lines)
    told = [line for line in lines if line.startswith("E ")]
    assert "InconsistencyError: kcheck " in told[0]
    assert any("FAIL" in line and "KC103" in line for line in told)
    assert any("'leak'" in line for line in told)
    assert not any("PASS" in line for line in told)
    assert any(line.strip("E ").startswith("inconsistent: 2 failed") for line in told)
    assert not any(
        name in line
        for line in lines
        for name in ("library.py", "pytest_plugin.py", "pipeline.py", "at_hand.py")
    )


def test_the_nearest_marker_wins_and_arguments_win_over_it(run: Run) -> None:
    found = run("""
pytestmark = pytest.mark.kcheck(select="KC101", rows=8)

class TestClass:
    pytestmark = pytest.mark.kcheck(rows=4)

    @pytest.mark.kcheck(batch_size=2)
    def test_markers(self, kcheck, healthy):
        assert kcheck.defaults == {"select": "KC101", "rows": 4, "batch_size": 2}
        assert kcheck.check(healthy, X, rows=6).rows == 6
""")
    found.assert_outcomes(passed=1)


def test_check_leaves_the_verdict_to_the_test(run: Run) -> None:
    found = run("""
def test_leak(kcheck, leaking):
    assert kcheck.check(leaking, X, select="KC103").exit_code == 1
""")
    found.assert_outcomes(passed=1)


def test_no_verdict_fails_the_test(run: Run) -> None:
    found = run("""
def test_nothing_to_say(kcheck, healthy):
    kcheck.assert_consistent(healthy, X, select="KC502")
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["E*NoVerdictError: kcheck *", "E*no layer is stateful*"])


def test_mistakes_are_told_in_a_line(run: Run) -> None:
    found = run("""
def test_setting(kcheck, healthy):
    kcheck.assert_consistent(healthy, X, selct="KC101")

@pytest.mark.kcheck("KC101")
def test_marker(kcheck):
    pass
""")
    found.assert_outcomes(failed=1, errors=1)
    found.stdout.fnmatch_lines(
        [
            "*the marker kcheck takes settings by name*",
            "*UsageError: check: unknown key 'selct' (did you mean 'select'?)",
        ]
    )
    assert not any("library.py" in line for line in found.outlines)


def test_it_is_announced_and_costs_nothing_where_nobody_asks(run: Run, tmp_path: Path) -> None:
    found = run("", "--markers")
    found.stdout.fnmatch_lines(["@pytest.mark.kcheck(?*settings): settings for the fixture kcheck*"])
    script = f"import sys, {PLUGIN}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"numpy", "keras", "tensorflow", "pydantic", "rich", "sklearn"} & set(loaded)


def test_the_package_registers_it() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"kcheck": PLUGIN}
