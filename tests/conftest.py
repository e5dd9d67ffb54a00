"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import re
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
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


@pytest.fixture(scope="module")
def forks_are_shared(shared_fork_server: SharedForkServer) -> Iterator[None]:
    """The runs of this module start no interpreter; relative paths would not be found by their workers."""
    from tests.helpers.in_process import forking_from

    with forking_from(shared_fork_server):
        yield


@pytest.fixture(scope="session")
def built_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All samples, built in a temporary folder with the layers that they need; tests must not change them."""
    from tests.helpers.built_samples import build_once

    own = tmp_path_factory.getbasetemp()
    # With pytest-xdist, each process has a folder of its own in the folder of the run.
    return build_once(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make advice`."""
    parser.addoption("--all-advice", action="store_true", help="try every advice, not one of each family")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m 'not slow'`, do not even import slow modules."""
    is_test = collection_path.name.startswith("test_")
    is_fast_run = config.getoption("markexpr", "") == "not slow"
    return True if is_fast_run and is_test and starts_processes_or_imports_keras(collection_path) else None


def pytest_collection() -> None:
    """Collect no garbage while modules are imported: nearly all of their objects live until the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Do not look for garbage among these objects again and again."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that compare wording, for `make snapshots`, and slow ones, which `make test-fast` leaves
    out.
    """
    for item in items:
        if "wording" in getattr(item, "fixturenames", ()):
            item.add_marker("wording")
        if starts_processes_or_imports_keras(item.path):
            item.add_marker("slow")


_SLOW_IMPORT = re.compile(
    r"^\s*(?:import|from) (?:keras|tensorflow|subprocess|tests\.corpus|fuzz|benchmarks)\b"
    r"|^\s*from tests\.helpers\.in_process\b"
    r"|^\s*from keras_consistency_cli\.(?:api|loading\.model|routes\.session|routes\.locating)\b"
    r"|importorskip\(.keras|shared_fork_server|forks_are_shared|built_samples|pytester",
    re.MULTILINE,
)
_HELPER_IMPORT = re.compile(r"^\s*from tests\.helpers(?:\.(\w+) import| import ([\w, ]+))", re.MULTILINE)
_HELPERS = Path(__file__).parent / "helpers"


@cache
def starts_processes_or_imports_keras(path: Path) -> bool:
    """Whether a test module imports Keras or starts processes, itself or through a helper module."""
    source = path.read_text(encoding="utf-8")
    if _SLOW_IMPORT.search(source):
        return True
    named = (name.strip() for match in _HELPER_IMPORT.findall(source) for name in ",".join(match).split(","))
    helpers = (_HELPERS / f"{name}.py" for name in named if name)
    return any(starts_processes_or_imports_keras(helper) for helper in helpers if helper.is_file())
