"""benchmarks/examples.py: an example gives the result of its page again."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.example_cases import cause_examples
from benchmarks.examples import read_result
from tests.helpers.example_pages import result_of, sections
from tests.helpers.in_process import SharedForkServer, run_in_process

REPEATED = ("batch-statistics-in-inference", "scaler-unusable", "wrong-features")


@pytest.mark.parametrize("slug", REPEATED)
def test_an_example_gives_the_result_of_its_page_again(
    slug: str, tmp_path: Path, shared_fork_server: SharedForkServer
) -> None:
    (example,) = (each for each in cause_examples() if each.shows == slug)
    files = example.make(tmp_path)
    words = ("run", str(files.model), *files.args, "--select", ",".join(example.select))
    done = run_in_process(*words, fork_server=shared_fork_server)
    assert read_result(done.out + done.err, done.code) == result_of(sections()[slug])


def test_the_result_is_read_from_what_is_printed() -> None:
    printed = "✗ CAUSE  code-in-file, confirmed\n\n✗ FAIL  KC101  a\n✓ PASS  KC201  b\n✗ FAIL KC101 a\n"
    assert read_result(printed, 1) == "exit 1; FAIL KC101; PASS KC201; cause code-in-file (confirmed)"
