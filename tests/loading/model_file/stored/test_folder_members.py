"""Models that are saved as a folder: read like an archive, and refused like one."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import zipfile
from typing import Any

import keras
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import KcheckError, RefusedError, UsageError
from keras_consistency_cli.loading.model.load import check_unchanged, load_model
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.stored import folder_members
from keras_consistency_cli.loading.model_file.stored.folder_members import digest_folder, is_model_folder
from tests.helpers import crafted_archives as crafted

pytestmark = pytest.mark.filterwarnings("ignore")


def _folder(tmp_path: pathlib.Path, config: Any = None) -> pathlib.Path:
    """The members of a crafted archive, unpacked."""
    with zipfile.ZipFile(crafted.write_archive(tmp_path / "m.keras", config)) as archive:
        archive.extractall(tmp_path / "m")
    return tmp_path / "m"


def _refusal(path: pathlib.Path) -> KcheckError:
    with pytest.raises(KcheckError) as refusal:
        read_archive(path)
    return refusal.value


def _words(error: KcheckError, tmp_path: pathlib.Path) -> str:
    return str(error).replace(f"{tmp_path}/", "")


def test_a_folder_is_read_like_the_archive_with_the_same_members(tmp_path: pathlib.Path) -> None:
    folder, archive = read_archive(_folder(tmp_path)), read_archive(tmp_path / "m.keras")
    assert folder.config == archive.config
    assert (folder.weights, folder.parameters, folder.layers) == (archive.weights, 15, 1)
    assert sorted(folder.members) == sorted(archive.members)
    assert folder.size == sum(size for _, size in folder.members)


def test_the_hash_is_that_of_the_lines_of_sha256sum(tmp_path: pathlib.Path) -> None:
    path = _folder(tmp_path)
    (path / "assets" / "text").mkdir(parents=True)
    (path / "assets" / "text" / "vocabulary.txt").write_text("a")
    names = ("assets/text/vocabulary.txt", "config.json", "metadata.json", "model.weights.h5")
    lines = [f"{hashlib.sha256((path / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert read_archive(path).sha256 == digest_folder(path) == expected


def test_files_that_keras_does_not_read_are_ignored(tmp_path: pathlib.Path) -> None:
    path = _folder(tmp_path)
    before = read_archive(path)
    (path / "README.md").write_text("A model card.")
    assert read_archive(path) == before


def test_a_folder_that_changes_after_the_check_is_not_loaded(tmp_path: pathlib.Path) -> None:
    path = _folder(tmp_path)
    checked = digest_folder(path)
    check_unchanged(path, checked)
    (path / "config.json").write_text(json.dumps(crafted.config_with(crafted.dense(name="more"))))
    with pytest.raises(RefusedError):
        check_unchanged(path, checked)


def test_code_and_own_classes_in_a_folder_are_refused(tmp_path: pathlib.Path) -> None:
    code = crafted.layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}})
    for name, layer, cause in (
        ("lambda", code, "code-in-file"),
        ("own", crafted.layer("Own", "mine"), "custom-code-missing"),
        ("negative", crafted.dense(units=-1), "file-damaged"),
    ):
        (tmp_path / name).mkdir()
        assert _refusal(_folder(tmp_path / name, crafted.config_with(layer))).cause == cause


def test_weights_that_refer_to_another_file_are_refused(tmp_path: pathlib.Path) -> None:
    import h5py

    path = _folder(tmp_path)
    (path / "model.weights.h5").write_bytes(
        crafted.weights_with(
            lambda file: file.__setitem__("layers/x", h5py.ExternalLink("m.keras", "/layers"))
        )
    )
    assert _refusal(path).cause == "file-damaged"


@pytest.mark.parametrize(
    "name", ["config.json", "model.weights.h5", "assets", "assets/v.txt"], ids=lambda name: name
)
def test_links_are_refused(tmp_path: pathlib.Path, name: str, wording: SnapshotAssertion) -> None:
    path = _folder(tmp_path)
    if name == "assets/v.txt":
        (path / "assets").mkdir()
    (path / name).unlink(missing_ok=True)
    (path / name).symlink_to(tmp_path / "m.keras")
    assert _words(_refusal(path), tmp_path) == wording


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    path = _folder(tmp_path)
    (path / "assets").mkdir()
    os.mkfifo(path / "assets" / "v.txt")
    assert _refusal(path).cause == "file-damaged"


def test_more_files_than_allowed_and_large_ones_are_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    path = _folder(tmp_path)
    monkeypatch.setattr(folder_members, "_MAX_FILES", 2)
    many = _words(_refusal(path), tmp_path)
    monkeypatch.undo()
    (path / "metadata.json").write_bytes(b" " * 70_000)
    assert [many, _words(_refusal(path), tmp_path)] == wording


@pytest.mark.parametrize("name", ["metadata.json", "model.weights.h5"])
def test_a_missing_member_is_named(tmp_path: pathlib.Path, name: str, wording: SnapshotAssertion) -> None:
    path = _folder(tmp_path)
    (path / name).unlink()
    assert _words(_refusal(path), tmp_path) == wording


def test_a_pointer_in_place_of_the_weights_is_named(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
    path = _folder(tmp_path)
    (path / "model.weights.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    assert _words(_refusal(path), tmp_path) == wording


def test_a_folder_that_keras_opens_as_a_file_is_a_wrong_call(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
    path = _folder(tmp_path).rename(tmp_path / "n.keras")
    assert is_model_folder(path)
    assert not is_model_folder(tmp_path / "m.keras")
    error = _refusal(path)
    assert isinstance(error, UsageError)
    assert _words(error, tmp_path) == wording
    with pytest.raises(IsADirectoryError):
        keras.models.load_model(path)


def _small() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])


def test_a_folder_that_keras_wrote_loads(tmp_path: pathlib.Path) -> None:
    model, rows = _small(), np.ones((2, 3), "float32")
    model.save(tmp_path / "m", zipped=False)
    archive = read_archive(tmp_path / "m")
    assert archive.parameters == model.count_params()
    loaded, _ = load_model(tmp_path / "m", custom_objects={})
    assert np.array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))


def test_weights_in_shards_load_only_as_the_refusal_says(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
    model, path, rows = _small(), tmp_path / "m", np.ones((2, 3), "float32")
    model.save(path, zipped=False)
    (path / "model.weights.h5").unlink()
    model.save_weights(path / "model.weights.json", max_shard_size=1)
    assert _words(_refusal(path), tmp_path) == wording
    with pytest.raises(UnboundLocalError):  # Keras means to say that model.weights.h5 is missing
        keras.models.load_model(path)
    config = json.loads((path / "config.json").read_text())
    rebuilt: Any = keras.saving.deserialize_keras_object(config)
    rebuilt.load_weights(path / "model.weights.json")
    assert np.array_equal(rebuilt.predict(rows, verbose=0), model.predict(rows, verbose=0))
