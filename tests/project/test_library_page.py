"""The examples of docs/library.md run unchanged, in order, and their tests pass."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import keras_consistency_cli.api.check  # noqa: F401 - a run in this process uses the same module

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
PLUGIN = "keras_consistency_cli.pytest_plugin"


def test_the_examples_run(pytester: pytest.Pytester) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == PAGE.count("```") // 2
    pytester.makepyfile("\n".join(examples))
    is_installed = any(entry.value == PLUGIN for entry in entry_points(group="pytest11"))
    plugin = () if is_installed else ("-p", PLUGIN)
    result = pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider", "--strict-markers", "-s")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["consistent: *", "inconsistent: 1 failed*"])
