"""Recordings as settings: whole ones stand for the data, damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keras_consistency_cli.config.recordings import with_recording
from keras_consistency_cli.errors import UsageError


def test_an_archive_without_its_end_is_refused(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    np.savez(whole, x=np.zeros((40, 3)))
    cut.write_bytes(whole.read_bytes()[:300])
    assert with_recording({"served": str(whole)}) == {"served": str(whole)}
    with pytest.raises(UsageError, match="damaged"):
        with_recording({"served": str(cut)})


def test_other_files_are_left_to_their_readers(tmp_path: Path) -> None:
    array = tmp_path / "rows.npy"
    np.save(array, np.zeros(3))
    for served in (str(array), str(tmp_path / "missing.npz")):
        assert with_recording({"served": served}) == {"served": served}
    cut = tmp_path / "cut.npz"
    cut.write_bytes(b"PK\x03\x04")
    given = {"served": str(cut), "data": "x.npy"}
    assert with_recording(given) == given
