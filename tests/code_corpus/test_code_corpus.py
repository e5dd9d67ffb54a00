"""Every file of the corpus gives the findings of expected.yaml and no others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from keras_consistency_cli.checks.code.analysis import CodeReport, analyse
from keras_consistency_cli.checks.code.registry import RULES

FOLDER = Path(__file__).parent
EXPECTED: dict[str, list[str]] = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))
FILES = sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".py", ".ipynb"))


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """The findings of each file, each file read alone, as code and line."""
    reports = {name_of(path): analyse([path]) for path in FILES}
    assert [report.notices for report in reports.values() if report.notices] == []
    return {name: described(report) for name, report in reports.items()}


def described(report: CodeReport) -> list[str]:
    return sorted(f"{finding.code}:{finding.line}" for finding in report.findings)


def test_the_corpus_is_large_and_balanced() -> None:
    sides = Counter(path.parent.name for path in FILES)
    assert sides["guilty"] >= 60
    assert sides["innocent"] >= 60
    assert {name for name in EXPECTED if not name.startswith("guilty/")} == set()
    assert set(EXPECTED) == {name_of(path) for path in FILES if path.parent.name == "guilty"}


def test_every_rule_has_a_guilty_file() -> None:
    planted = {entry.partition(":")[0] for entries in EXPECTED.values() for entry in entries}
    assert {rule.code for rule in RULES} - planted == set()


def test_no_false_alarm(found: dict[str, list[str]]) -> None:
    alarms = {name: sorted(set(codes) - set(EXPECTED.get(name, ()))) for name, codes in found.items()}
    assert {name: codes for name, codes in alarms.items() if codes} == {}


def test_nearly_all_faults_are_found(found: dict[str, list[str]]) -> None:
    missed = [
        (name, entry) for name, entries in EXPECTED.items() for entry in entries if entry not in found[name]
    ]
    total = sum(map(len, EXPECTED.values()))
    assert len(missed) <= 0.05 * total, missed


def test_one_run_over_the_folder_finds_the_same(found: dict[str, list[str]]) -> None:
    """Except for what the files say about each other: how training reads and scales its pictures."""
    together = analyse(FILES)
    lines = Counter(f"{name_of(Path(each.path))} {each.code}" for each in together.findings)
    alone = Counter(
        f"{name} {entry.partition(':')[0]}" for name, entries in found.items() for entry in entries
    )
    assert alone - lines == Counter()
