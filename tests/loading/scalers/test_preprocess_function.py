"""Preprocess functions are found by module or file, and unusable names are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.scalers.preprocess_function import import_function, split_function
from tests.helpers.error_texts import own_text


def test_functions_are_imported_from_files_and_their_folder(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    (tmp_path / "factors.py").write_text("FACTOR = 3\n")
    (tmp_path / "serve.py").write_text(
        "from factors import FACTOR\n\ndef prepare(rows):\n    return rows * FACTOR\n"
    )
    assert import_function(f"{tmp_path / 'serve.py'}:prepare")(2) == 6
    assert import_function("math:sqrt")(9.0) == 3.0
    with pytest.raises(UsageError) as refused:
        import_function(f"{tmp_path / 'serve.py'}:prepair")
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize(
    "text",
    ["serve.py", "serve.py:", "serve.py:a b", "/nowhere/serve.py:prepare"],
    ids=["file alone", "no name", "two words", "missing file"],
)
def test_a_text_that_names_no_function_is_refused(text: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as refused:
        split_function(text)
    assert str(refused.value) == wording


def test_a_file_that_crashes_is_reported_in_one_line(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "serve.py").write_text("raise ValueError('no weights\\nhere')\n")
    with pytest.raises(UsageError) as refused:
        import_function(f"{tmp_path / 'serve.py'}:prepare")
    assert str(refused.value).replace(f"{tmp_path}/", "") == wording
