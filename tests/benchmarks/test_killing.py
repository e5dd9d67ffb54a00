"""Runs that are killed at random moments never end with exit code 0 and leave nothing behind.

benchmarks/killing.py repeats this with many more runs.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from benchmarks.killing import WAYS, Ending, kill_run, parse_results, save_subject

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc to find processes")

_DRAW = random.Random(7)
MOMENTS = [(way, round(_DRAW.uniform(0.0, 5.0), 2)) for _ in range(3) for way in WAYS][:12]
"""On an idle machine, from the start of the interpreter to the middle of the routes."""
CODES = {"Ctrl-C": {130}, "SIGTERM": {143}, "SIGKILL": {-9}, "worker": {3, -9}, "fork_server": {3, -9}}
"""Exit codes by way of killing.

A command without a child yet is killed instead of the child. Before Python runs, the signal ends it.
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    folder = tmp_path_factory.mktemp("killed")
    return save_subject(folder), folder


@pytest.mark.parametrize(("way", "moment"), MOMENTS)
def test_a_killed_run_does_not_end_with_success(
    way: str, moment: float, command: tuple[list[str], Path]
) -> None:
    ending = kill_run(*command, way, moment)
    assert not ending.wrong, ending
    assert ending.late or ending.code in CODES[way] | ({-2, -15} if moment < 0.2 else set()), ending


def test_wrong_endings_are_recognised() -> None:
    def ending(way: str, code: int, *, late: bool = False, processes: int = 0, folders: int = 0) -> Ending:
        return Ending(
            way=way, moment=1.0, code=code, late=late, seconds=0.1, processes=processes, folders=folders
        )

    right = [
        ending("worker", 3),
        ending("SIGKILL", -9, folders=1),
        ending("worker", -9, folders=1),
        ending("worker", 0, late=True),
    ]
    wrong = [
        *(ending("worker", 0), ending("worker", 3, folders=1), ending("SIGTERM", 143, folders=1)),
        *(ending("SIGKILL", -9, processes=1), ending("SIGKILL", -9, folders=2)),
    ]
    assert [one.wrong for one in (*right, *wrong)] == [False] * 4 + [True] * 5


def test_results_are_compared_without_durations() -> None:
    assert parse_results(b'{"results": [{"code": "KC101", "elapsed_s": 1.5}]}') == parse_results(
        b'{"results": [{"code": "KC101", "elapsed_s": 2}]}'
    )
    assert parse_results(b'{"results": [{"code": "KC101", "status": "fail"}]}') != parse_results(
        b'{"results": [{"code": "KC101", "status": "pass"}]}'
    )
    assert parse_results(b"") is None
