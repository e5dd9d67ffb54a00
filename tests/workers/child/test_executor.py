"""executor: requests to answers without any transport; errors become a header."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keras_consistency_cli.errors import DataError, RefusedError, ShapeMismatchError
from keras_consistency_cli.workers.child.backend_errors import describe_error
from keras_consistency_cli.workers.child.executor import Executor, error_header

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (RefusedError("no", fix="yes"), "RefusedError"),
        (DataError("rows"), "DataError"),
        (ShapeMismatchError("shape", fix=None, name="x", shape=(1,), expected=(2,)), "DataError"),
        (ValueError("a"), "ValueError"),
    ],
    ids=["refused", "rows", "shape", "any other"],
)
def test_an_error_has_its_kind(problem: Exception, kind: str) -> None:
    header = error_header(problem)
    assert header == {"error": describe_error(problem), "kind": kind, "cause": ""}


def test_it_answers_before_anything_is_loaded() -> None:
    assert Executor().answer({"op": "here"}, {}) == ({}, {})
    with pytest.raises(KeyError):
        Executor().answer({"op": "dance"}, {})


def test_importing_it_imports_no_backend() -> None:
    module = "keras_consistency_cli.workers.child.executor"
    script = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"numpy", "keras", "tensorflow", "sklearn", "pydantic"} & set(loaded)
