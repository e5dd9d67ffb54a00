"""What holds for all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.helpers.wording import WordingExtension

if TYPE_CHECKING:
    from tests.helpers.in_process import SharedForkServer

# A shell that starts the tests in the background may ignore these signals, and every process of a test would
# inherit that.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture
def wording(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The reviewed text of this test: `assert message == wording`. `make snapshots` writes it."""
    return snapshot.use_extension(WordingExtension)


@pytest.fixture(scope="session")
def shared_fork_server() -> Iterator[SharedForkServer]:
    """One interpreter with TensorFlow imported, for all calls of `run_in_process` of this test process."""
    from tests.helpers.in_process import SharedForkServer

    server = SharedForkServer()
    yield server
    server.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that compare wording, so that `make snapshots` runs these alone."""
    for item in items:
        if "wording" in getattr(item, "fixturenames", ()):
            item.add_marker("wording")
