"""fleet_file: entries with their lines; what is wrong is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.config.fleet_file import read_fleet_file
from keras_consistency_cli.errors import UsageError


def written(folder: Path, text: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(text)
    return path


def test_entries_keep_their_options_and_lines(tmp_path: Path) -> None:
    text = "defaults:\n  rows: 64\nmodels:\n  - a.keras\n  - model: b.keras\n    name: b\n    data: b.npy\n"
    file = read_fleet_file(written(tmp_path, text))
    assert file.defaults.data == {"rows": 64}
    assert file.defaults.lines == {("rows",): 2}
    assert [(entry.model, entry.name) for entry in file.entries] == [("a.keras", None), ("b.keras", "b")]
    assert file.entries[1].options.data == {"data": "b.npy"}
    assert file.entries[1].options.lines[("data",)] == 7


def test_a_thousand_entries_are_read(tmp_path: Path) -> None:
    lines = "".join(
        f"  - {{model: m{n}.keras, name: n{n}, data: x{n}.npy, quick: true}}\n" for n in range(1000)
    )
    assert len(read_fleet_file(written(tmp_path, f"models:\n{lines}")).entries) == 1000


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("models: []\n", None),
        ("model: a.keras\n", 1),
        ("models:\n  - 3\n", 2),
        ("models:\n  - {data: x.npy}\n", 2),
        ("models:\n  - {model: a.keras, name: ''}\n", 2),
        ("models:\n  - model: a.keras\n    format: json\n", 3),
        ("defaults:\n  model: a.keras\nmodels: [a.keras]\n", 2),
        ("defaults: 3\nmodels: [a.keras]\n", 1),
        ("models:\n  - model: a.keras\n    model: b.keras\n", 3),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(text: str, line: int | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_fleet_file(written(tmp_path, text))
    assert len(str(refused.value).splitlines()) <= 3
    assert line is None or f"fleet.yaml:{line}" in str(refused.value)


def test_the_fix_for_a_bundle_is_a_command_that_has_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_fleet_file(written(tmp_path, "defaults: {bundle: out}\nmodels: [a.keras]\n"))
    assert "kcheck run MODEL --bundle" in (refused.value.fix or "")
