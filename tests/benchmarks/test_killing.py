"""Killing runs: none of a dozen random moments ends well or leaves anything behind; the script counts many
more.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from benchmarks.killing import WAYS, Ending, killed, results, subject

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")

_DRAW = random.Random(7)
MOMENTS = [(way, round(_DRAW.uniform(0.0, 5.0), 2)) for _ in range(3) for way in WAYS][:12]
"""From the first instant of the interpreter to the middle of the routes, on a machine at leisure; earlier
stages on a busy one.
"""
CODES = {"Ctrl-C": {130}, "SIGTERM": {143}, "SIGKILL": {-9}, "worker": {3, -9}, "nursery": {3, -9}}
"""A command that has no child yet is killed in the place of one; before Python runs, it is the signal that
ends it.
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    folder = tmp_path_factory.mktemp("killed")
    return subject(folder), folder


@pytest.mark.parametrize(("way", "moment"), MOMENTS)
def test_a_run_that_is_killed_does_not_end_well(
    way: str, moment: float, command: tuple[list[str], Path]
) -> None:
    ending = killed(*command, way, moment)
    assert not ending.wrong, ending
    assert ending.late or ending.code in CODES[way] | ({-2, -15} if moment < 0.2 else set()), ending


def test_what_counts_as_wrong() -> None:
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
    assert [each.wrong for each in (*right, *wrong)] == [False] * 4 + [True] * 5


def test_results_are_compared_without_their_seconds() -> None:
    assert results(b'{"results": [{"code": "KC101", "elapsed_s": 1.5}]}') == results(
        b'{"results": [{"code": "KC101", "elapsed_s": 2}]}'
    )
    assert results(b'{"results": [{"code": "KC101", "status": "fail"}]}') != results(
        b'{"results": [{"code": "KC101", "status": "pass"}]}'
    )
    assert results(b"") is None
