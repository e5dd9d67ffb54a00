"""Fixtures of the safety tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.in_process import SharedForkServer, in_folder


@pytest.fixture(scope="module")
def warm(folder: Path) -> Iterator[SharedForkServer]:
    """A fork server with all imports done, started in the folder of the files."""
    with in_folder(folder):
        fork_server = SharedForkServer()
    yield fork_server
    fork_server.end()
