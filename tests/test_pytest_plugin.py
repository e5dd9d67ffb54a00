"""pytest plugin, in separate test runs: the fixture, the marker, failures, and its cost without use."""

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
INSTALLED = any(point.value == PLUGIN for point in entry_points(group="pytest11"))
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
    result = run("""
from keras_consistency_cli.pytest_plugin import assert_consistent

@pytest.mark.kcheck(select="KC101", rows=8)
def test_with_the_fixture(kcheck, healthy):
    report = kcheck.assert_consistent(healthy, X)
    assert (report.rows, [verdict.code for verdict in report.verdicts]) == (8, ["KC101"])

def test_without(healthy):
    assert assert_consistent(healthy, X, select=["KC104"]).passed
""")
    result.assert_outcomes(passed=2)


def test_a_failure_is_the_report_of_the_terminal_without_inner_frames(run: Run) -> None:
    result = run("""
def test_leak(kcheck, leaking):
    kcheck.assert_consistent(leaking, X, select="KC101,KC103,KC205")
""")
    result.assert_outcomes(failed=1)
    lines = result.outlines
    assert any(line.startswith(">") and "kcheck.assert_consistent(leaking, X" in line for line in lines)
    message = [line for line in lines if line.startswith("E ")]
    assert "InconsistencyError: kcheck " in message[0]
    assert any("FAIL" in line and "KC103" in line for line in message)
    assert any("'leak'" in line for line in message)
    assert not any("PASS" in line for line in message)
    assert any(line.strip("E ").startswith("inconsistent") for line in message)
    assert not any(
        name in line
        for line in lines
        for name in ("api/check.py", "pytest_plugin.py", "pipeline/run.py", "live_objects.py")
    )


def test_the_nearest_marker_wins_and_arguments_win_over_it(run: Run) -> None:
    result = run("""
pytestmark = pytest.mark.kcheck(select="KC101", rows=8)

class TestClass:
    pytestmark = pytest.mark.kcheck(rows=4)

    @pytest.mark.kcheck(batch_size=2)
    def test_markers(self, kcheck, healthy):
        assert kcheck.defaults == {"select": "KC101", "rows": 4, "batch_size": 2}
        assert kcheck.check(healthy, X, rows=6).rows == 6
""")
    result.assert_outcomes(passed=1)


def test_check_returns_the_report_without_failing(run: Run) -> None:
    result = run("""
def test_leak(kcheck, leaking):
    assert kcheck.check(leaking, X, select="KC103").exit_code == 1
""")
    result.assert_outcomes(passed=1)


def test_no_verdict_fails_the_test(run: Run) -> None:
    result = run("""
def test_nothing_to_say(kcheck, healthy):
    kcheck.assert_consistent(healthy, X, select="KC502")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*NoVerdictError: kcheck *", "E*KC502*"])


def test_mistakes_are_reported_in_one_line(run: Run) -> None:
    result = run("""
def test_setting(kcheck, healthy):
    kcheck.assert_consistent(healthy, X, selct="KC101")

@pytest.mark.kcheck("KC101")
def test_marker(kcheck):
    pass
""")
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*UsageError: *marker*kcheck*@pytest.mark.kcheck(rows=64*",
            "*UsageError: *'selct'*'select'*",
        ]
    )
    assert not any("live_objects.py" in line for line in result.outlines)


def test_the_marker_is_registered_and_an_unused_plugin_imports_nothing(run: Run, tmp_path: Path) -> None:
    result = run("", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.kcheck(?*settings): settings for the fixture kcheck*"])
    script = f"import sys, {PLUGIN}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"numpy", "keras", "tensorflow", "pydantic", "rich", "sklearn"} & set(loaded)


def test_the_package_registers_it() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"kcheck": PLUGIN}
