"""post-mortem: how a worker's process ended."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.workers.post_mortem import describe_end


@pytest.mark.parametrize(
    ("code", "fact"), [(0, "exit code 0"), (7, "exit code 7"), (-9, "SIGKILL"), (-6, "SIGABRT")]
)
@pytest.mark.parametrize("printed", ["", ": last output"], ids=["silent", "printed"])
def test_the_end_of_a_process_names_its_exit_code_or_signal(
    code: int, fact: str, printed: str, wording: SnapshotAssertion
) -> None:
    text = describe_end(code, printed=printed, log_tail="last output")
    assert fact in text
    assert text == wording
