"""The bench: requests to answers, without any transport; what goes wrong is put into a header."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keras_consistency_cli.errors import DataError, RefusedError, ShapeMismatchError
from keras_consistency_cli.workers.child.executor import Executor, error_header

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("problem", "header"),
    [
        (
            RefusedError("no", fix="yes"),
            {"error": "no\nfix: yes", "kind": "RefusedError", "exit_code": 1},
        ),
        (DataError("rows"), {"error": "rows", "kind": "DataError", "exit_code": 2}),
        (
            ShapeMismatchError("shape", fix=None, name="x", shape=(1,), expected=(2,)),
            {"error": "shape", "kind": "DataError", "exit_code": 2},
        ),
        (
            ValueError("a\x1b[31m\n\nb\nc\nd"),
            {"error": "ValueError: a b c", "kind": "ValueError", "exit_code": 3},
        ),
        (
            ValueError(
                'in user code:\n File "/a/b.py", line 3, in call\n Detected at node m/x defined at\n lost'
            ),
            {"error": "ValueError: in user code: lost", "kind": "ValueError", "exit_code": 3},
        ),
        (
            ValueError("in user code:\n lost\n Arguments received by A.call():\n • mask=None"),
            {"error": "ValueError: in user code: lost", "kind": "ValueError", "exit_code": 3},
        ),
        (
            RuntimeError("in user code:\n a\n b\n c"),
            {"error": "RuntimeError: a b c", "kind": "RuntimeError", "exit_code": 3},
        ),
    ],
)
def test_what_went_wrong_is_told_with_its_kind(problem: Exception, header: dict[str, object]) -> None:
    assert error_header(problem) == header


def test_it_says_that_it_is_there_before_anything_is_loaded() -> None:
    assert Executor().answer({"op": "here"}, {}) == ({}, {})
    with pytest.raises(KeyError):
        Executor().answer({"op": "dance"}, {})


def test_importing_it_imports_no_backend() -> None:
    script = "import sys, keras_consistency_cli.workers.child.executor; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"numpy", "keras", "tensorflow", "sklearn", "pydantic"} & set(loaded)
