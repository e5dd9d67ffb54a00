"""`kcheck baseline record` never replaces outputs by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.cli.main import main


def test_a_baseline_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "model.kcheck"
    file.write_bytes(b"outputs of before")
    line = ["baseline", "record", "model.keras", "--data", "x.npy", "--file", str(file)]
    assert main(line) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*line, "--force"]) == 2, "refused for the rows, which do not exist"
    assert "x.npy" in capsys.readouterr().err
    assert file.read_bytes() == b"outputs of before"
