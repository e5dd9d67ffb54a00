"""The examples of docs/library.md run as they stand, from top to bottom, and the tests among them pass."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import keras_consistency_cli.api.check  # noqa: F401 - so that a run within this process shares it

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
PLUGIN = "keras_consistency_cli.pytest_plugin"


def test_the_examples_run(pytester: pytest.Pytester) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == PAGE.count("```") // 2
    pytester.makepyfile("\n".join(examples))
    loaded = any(found.value == PLUGIN for found in entry_points(group="pytest11"))
    plugin = () if loaded else ("-p", PLUGIN)
    found = pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider", "--strict-markers", "-s")
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["consistent: *", "inconsistent: 1 failed*"])
