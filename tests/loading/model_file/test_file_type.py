"""open_model_file and check_file_type: paths and files of another kind are refused."""

from __future__ import annotations

import os
import pathlib

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.file_type import (
    check_file_ending,
    check_file_type,
    open_model_file,
)
from tests.helpers import crafted_archives as crafted


def test_a_regular_file_is_opened_and_an_archive_accepted(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    with open_model_file(path) as stream:
        check_file_type(stream, path)


@pytest.mark.parametrize("name", ["modle.keras", "z"], ids=["similar", "different"])
def test_a_missing_file_names_those_that_exist(
    tmp_path: pathlib.Path, name: str, wording: SnapshotAssertion
) -> None:
    crafted.write_archive(tmp_path / "model.keras")
    with pytest.raises(UsageError) as refusal:
        open_model_file(tmp_path / name)
    assert "model.keras" in str(refusal.value)
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


@pytest.mark.parametrize(
    "path",
    ["nowhere/m.keras", "file.txt/m.keras", "zero\x00byte.keras"],
    ids=["no-folder", "file-as-folder", "zero-byte"],
)
def test_a_path_that_cannot_exist_is_missing(
    tmp_path: pathlib.Path, path: str, wording: SnapshotAssertion
) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError) as refusal:
        open_model_file(tmp_path / path)
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


@pytest.mark.parametrize("inside", ["", "saved_model.pb", "m.keras"], ids=["empty", "saved-model", "model"])
def test_a_directory_is_a_wrong_call(tmp_path: pathlib.Path, inside: str, wording: SnapshotAssertion) -> None:
    folder = tmp_path / "x.keras"
    folder.mkdir()
    if inside:
        (folder / inside).touch()
    with pytest.raises(UsageError) as refusal:
        open_model_file(folder)
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path, wording: SnapshotAssertion) -> None:
    os.mkfifo(tmp_path / "m.keras")
    with pytest.raises(UsageError) as refusal:
        open_model_file(tmp_path / "m.keras")
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


@pytest.mark.parametrize("name", ["old.h5", "m.weights.h5"])
def test_a_legacy_file_says_how_to_save_it_again(
    tmp_path: pathlib.Path, name: str, wording: SnapshotAssertion
) -> None:
    path = tmp_path / name
    path.write_bytes(crafted.weights_with(len))
    with path.open("rb") as stream, pytest.raises(RefusedError) as refusal:
        check_file_type(stream, path)
    assert refusal.value.fix
    assert str(refusal.value) == wording


@pytest.mark.parametrize(
    ("name", "head"), [("x.npy", b"\x93NUMPY\x01\x00"), ("x.parquet", b"PAR1"), ("x.csv", b"a,b\n1,2\n")]
)
def test_rows_are_given_with_data(
    tmp_path: pathlib.Path, name: str, head: bytes, wording: SnapshotAssertion
) -> None:
    path = tmp_path / name
    path.write_bytes(head)
    with path.open("rb") as stream, pytest.raises(RefusedError) as refusal:
        check_file_type(stream, path)
    assert str(refusal.value) == wording


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        (b"\x80\x04\x95", "not-a-model"),
        (b"\x93NUMPY\x01\x00", "not-a-model"),
        (b"a line of text\n", "not-a-model"),
        (b"", ""),
        (b"\x00\x01\x02", ""),
    ],
    ids=["pickle", "rows", "text", "empty", "something else"],
)
def test_a_file_of_another_kind_is_not_called_damaged(
    head: bytes, cause: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(head)
    with path.open("rb") as stream, pytest.raises(RefusedError) as refusal:
        check_file_type(stream, path)
    assert (refusal.value.cause, bool(refusal.value.fix)) == (cause, True)


@pytest.mark.parametrize(
    ("name", "copy"), [("m.keras.bak", "m.keras"), ("m.KERAS", "m.KERAS.keras"), ("model", "model.keras")]
)
def test_a_model_with_another_ending_gets_the_command_that_copies_it(
    name: str, copy: str, tmp_path: pathlib.Path
) -> None:
    check_file_ending(tmp_path / "m.keras")
    with pytest.raises(UsageError) as refused:
        check_file_ending(tmp_path / name)
    assert refused.value.fix == f"cp {tmp_path / name} {tmp_path / copy}"
    (tmp_path / copy).touch()
    with pytest.raises(UsageError) as refused:
        check_file_ending(tmp_path / name)
    assert str(refused.value.fix).endswith(f"{name}.keras")
