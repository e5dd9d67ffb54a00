"""Which versions of Keras are known to load hostile files unsafely."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model_file.advisories import (
    ADVISORIES,
    SAFE_VERSIONS,
    find_advisories,
    version_warning,
)
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.notes import note_versions

LAST = "the fixes in 3.12.4 and 3.15.1"
OF_3_14_1 = ("CVE-2026-12481", "CVE-2026-12479", LAST)
OF_3_12_0 = ("CVE-2026-0897", "CVE-2026-1462", "CVE-2026-1669", *OF_3_14_1)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("3.15.1", ()),
        ("3.16.0", ()),
        ("4.0.0", ()),
        ("3.12.4", ()),
        ("3.15.0", (LAST,)),
        ("3.12.3", (LAST,)),
        ("3.12.2", OF_3_14_1),
        ("3.13.2", OF_3_14_1),
        ("3.14.1", OF_3_14_1),
        ("3.13.1", OF_3_12_0),
        ("3.12.0", OF_3_12_0),
        ("3.11.2", ("CVE-2025-9905", "CVE-2025-49655", "CVE-2025-12058", *OF_3_12_0)),
        ("3.15.1.dev2025", ()),
        ("3.15", (LAST,)),
        ("2.12.0", ()),
        ("", ()),
        ("nonsense", ()),
        ("9" * 400, ()),
    ],
)
def test_versions_have_the_faults_of_their_range(version: str, numbers: tuple[str, ...]) -> None:
    assert tuple(advisory.number for advisory in find_advisories(version)) == numbers


def test_the_first_keras_3_has_all_but_what_came_later() -> None:
    assert [advisory.number for advisory in ADVISORIES if advisory not in find_advisories("3.0.0")] == [
        "CVE-2025-49655"
    ]


def test_every_row_can_be_looked_up_and_ends_before_the_safe_versions() -> None:
    for advisory in ADVISORIES:
        assert advisory.source.startswith("https://")
        assert all(start < end <= (3, 15, 1) for start, end in advisory.ranges)
    assert "3.15.1" in SAFE_VERSIONS


def test_the_table_in_the_docs_is_this_one() -> None:
    shown = (Path(__file__).resolve().parents[3] / "docs" / "safety.md").read_text(encoding="utf-8")
    for advisory in ADVISORIES:
        ranges = ", ".join(
            f"{_spelled(start)} up to before {_spelled(end)}" for start, end in advisory.ranges
        )
        assert f"| [{advisory.number}]({advisory.source}) | {advisory.allows} | {ranges} |" in shown


def _spelled(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


@pytest.mark.parametrize(
    ("saved_with", "keras", "versions"),
    [
        ("3.15.1", "3.15.1", []),
        ("3.8.0", "3.15.1", []),
        ("3.8.0", "3.14.1", ["3.14.1"]),
        ("3.14.1", "3.14.1", ["3.14.1"]),
        ("3.15.1", "3.14.1", ["3.14.1"]),
    ],
    ids=["none", "saved", "both", "same", "running"],
)
def test_a_report_notes_only_the_version_that_loads_the_model(
    saved_with: str, keras: str, versions: list[str]
) -> None:
    notes = tuple(
        note_versions(
            Facts(
                name="m",
                kind="Sequential",
                parameters=0,
                layers=(),
                inputs=(),
                outputs=(),
                keras=keras,
                saved_with=saved_with,
            )
        )
    )
    assert len(notes) == len(versions)
    assert all(f"Keras {version}, " in note for note, version in zip(notes, versions, strict=True))


@pytest.mark.parametrize("version", ["3.8.0", "3.15.0"], ids=["several", "one"])
def test_the_warning_names_the_worst_first(version: str, wording: SnapshotAssertion) -> None:
    warning = version_warning(version, "the model was saved with")
    assert warning is not None
    assert warning.endswith(SAFE_VERSIONS)
    assert warning == wording


def test_a_safe_version_has_no_warning() -> None:
    assert version_warning("3.15.1", "this environment has") is None
