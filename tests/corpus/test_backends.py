"""The corpus of backends, run where JAX and PyTorch are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.corpus.backends import CASES
from tests.corpus.cases import Case, write
from tests.corpus.verdict import examine_in_process
from tests.helpers.in_process import SharedForkServer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_is_right(case: Case, tmp_path: Path, shared_fork_server: SharedForkServer) -> None:
    backend = case.args[case.args.index("--backends") + 1]
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    outcome = examine_in_process(case, write(case, tmp_path), shared_fork_server)
    assert outcome.right, str(outcome)
    assert outcome.right_cause is not False, str(outcome)
    assert outcome.right_layer is not False, str(outcome)
