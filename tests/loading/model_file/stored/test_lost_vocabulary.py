"""find_lost_vocabularies: folders without what adapt() has learnt, and those that have it."""

from __future__ import annotations

import pathlib
import zipfile
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive

WORDS = np.array(["cat", "dog", "bird"], dtype=object)


def _text() -> Any:
    layer = layers.TextVectorization(output_sequence_length=2, name="learnt")
    layer.adapt(WORDS)
    return keras.Sequential([keras.Input((1,), dtype="string"), layer])


def _strings(**settings: Any) -> Any:
    layer = layers.StringLookup(name="learnt", **settings)
    if not settings:
        layer.adapt(WORDS)
    return keras.Sequential([keras.Input((1,), dtype="string"), layer])


def _nested_numbers() -> Any:
    layer = layers.IntegerLookup(name="learnt")
    layer.adapt(np.arange(9))
    inner = keras.Sequential([keras.Input((1,), dtype="int64"), layer])
    entry = keras.Input((1,), dtype="int64")
    return keras.Model(entry, layers.Embedding(10, 2)(inner(entry)))


@pytest.mark.parametrize("build", [_text, _strings, _nested_numbers])
def test_a_folder_without_the_vocabulary_is_refused_and_the_archive_is_read(
    tmp_path: pathlib.Path, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = build()
    model.save("folder", zipped=False)
    model.save("m.keras")
    with pytest.raises(RefusedError, match="learnt") as refusal:
        read_archive(tmp_path / "folder")
    assert refusal.value.cause == "vocabulary-not-saved"
    assert read_archive(tmp_path / "m.keras")


@pytest.mark.parametrize("build", [_text, _strings, _nested_numbers])
def test_a_folder_with_an_absolute_path_has_the_vocabulary(tmp_path: pathlib.Path, build: Any) -> None:
    build().save(tmp_path / "m", zipped=False)
    assert any(name.endswith("vocabulary.txt") for name, _ in read_archive(tmp_path / "m").members)


def test_an_archive_that_was_unpacked_has_its_vocabulary(tmp_path: pathlib.Path) -> None:
    _strings().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        archive.extractall(tmp_path / "m")
    assert len(read_archive(tmp_path / "m").members) == 4
    loaded: Any = keras.models.load_model(tmp_path / "m")
    assert [str(word) for word in loaded.layers[0].get_vocabulary()] == ["[UNK]", "dog", "cat", "bird"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: _strings(vocabulary=["a", "b"]),
        lambda: keras.Sequential([keras.Input((1,), dtype="string"), layers.Hashing(5)]),
    ],
    ids=["argument", "hashing"],
)
def test_layers_that_keep_no_file_are_whole_in_a_folder(
    tmp_path: pathlib.Path, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build().save("m", zipped=False)
    assert len(read_archive(tmp_path / "m").members) == 3
