"""What is read from the sources of the rules is what their checks say, and NumPy stays away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keras_consistency_cli.checks import rules
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.cli.check_headings import read_headings

EXPECTED = [(check.code, check.name, check.title) for check in CHECKS]


def test_headings_are_those_of_the_checks() -> None:
    assert list(read_headings()) == EXPECTED


def test_without_sources_the_rules_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "__path__", [str(tmp_path)])
    assert list(read_headings()) == EXPECTED


def test_the_list_imports_neither_numpy_nor_rules() -> None:
    code = (
        "import sys; from keras_consistency_cli.cli.main import main; status = main(['list'])\n"
        "print([name for name in ('numpy', 'keras_consistency_cli.checks.base') "
        "if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert len(done.stdout.splitlines()) == len(EXPECTED)
