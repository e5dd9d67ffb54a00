"""What the tables of the safety tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.inputs.calls import Warm, in_folder


@pytest.fixture(scope="module")
def warm(folder: Path) -> Iterator[Warm]:
    """A fork server that has imported everything, in the folder of the table's files."""
    with in_folder(folder):
        fork_server = Warm()
    yield fork_server
    fork_server.end()
