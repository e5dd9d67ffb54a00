"""Advice of causes in saved models, and of refused files."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import joblib
import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.advice import fixed_layers
from tests.advice.edits import (
    array,
    give_model,
    give_option,
    load,
    rebuild,
    reconfigure,
    remove_options,
    save,
)
from tests.advice.found import corpus_trial
from tests.advice.trial import Trial
from tests.advice.trials_calls import FIXED_LAYERS, own_layer
from tests.corpus.cases import CUSTOM, Case, Files, flat, save_rows, steps
from tests.corpus.custom_layers import Drawn, Gained, Offset, Table
from tests.corpus.hosts import HOSTS
from tests.corpus.reports_files import Unzipped, attention, quantized, rows_only
from tests.corpus.reports_loading import fresh_dense

__all__ = ["TRIALS", "UNTRIED"]

UNTRIED = {
    "package-missing": "the advice is to install a package, which needs a package index",
}


def _built_before_saving(files: Files) -> Files:
    model = load(files)
    model(array(files)[:1])
    return save(model, files)


def _created_in_init(files: Files) -> Files:
    """The same weights, with a class that creates its layer in __init__."""
    with zipfile.ZipFile(files.model) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(files.model, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b'"late": true', b'"late": false'))
    model = load(files)
    with h5py.File(io.BytesIO(parts["model.weights.h5"])) as weights:
        assert np.array_equal(model.adapter.inner.kernel, weights["adapter/inner/vars/0"])
    return files


def _without_training_state(files: Files) -> Files:
    model = keras.models.load_model(files.model, compile=False)
    return save(model, files)


def _hosted(layer: Callable[[], Any]) -> Callable[[Any], Any]:
    return rebuild(lambda: HOSTS["perceptron"].build(layer()))


FILES: tuple[Trial, ...] = (
    corpus_trial(
        "weights-not-saved",
        "self.steps, not self._layers",
        "layers in an attribute that Keras skips",
        give_model(reconfigure("tower", attribute="steps")),
    ),
    corpus_trial(
        "weights-not-saved",
        "build what is not built yet, and save",
        "saved before it was built",
        _built_before_saving,
    ),
    corpus_trial(
        "weights-not-loaded",
        "create the layer in __init__, and build it in build()",
        "a layer that is created in the first call",
        _created_in_init,
    ),
    corpus_trial(
        "training-state-unreadable",
        "save the file again without the training state",
        "the state of adam does not fit",
        _without_training_state,
    ),
    corpus_trial(
        "untracked-state",
        "add_weight in build()",
        "perceptron, a random tf.Variable",
        own_layer(_hosted(lambda: fixed_layers.Table(name="adjust"))),
    ),
    corpus_trial(
        "untracked-state",
        "zlib.crc32 of a text",
        "perceptron, weighed by hash()",
        own_layer(_hosted(lambda: fixed_layers.Hashing(name="adjust"))),
    ),
    corpus_trial(
        "config-loses-arguments",
        "return every argument as __init__ expects it",
        "perceptron, a config that forgets",
        give_model(_hosted(lambda: Offset(0.7, "whole", name="adjust"))),
    ),
    corpus_trial(
        "config-loses-arguments",
        "return the argument that the constructor draws",
        "perceptron, a config without the number that was drawn",
        give_model(_hosted(lambda: Drawn(is_kept=True, name="adjust"))),
    ),
    corpus_trial(
        "config-loses-arguments",
        "delete get_config",
        "perceptron, a config that drifts",
        own_layer(_hosted(lambda: fixed_layers.Shift(0.7, name="adjust"))),
    ),
)

# Refused files


def _refused(name: str, build: Callable[[], Any], kit: Any = None, *, args: tuple[str, ...] = ()) -> Case:
    return Case(
        name=name,
        family="refused",
        build=build,
        data=None if kit else flat(12),
        kit=kit,
        failing=("KC201",),
        args=args,
    )


def _shared(wrappers: int) -> Any:
    """A model in which one Dense sees two series, through one wrapper or two."""
    entry, inner = keras.Input((6, 8)), layers.Dense(3, activation="tanh", name="inner")
    wrapped = [layers.TimeDistributed(inner, name=f"wrapper_{number}") for number in range(wrappers)]
    series = [wrapped[0](entry), wrapped[-1](layers.Activation("tanh")(entry))]
    return keras.Model(entry, layers.Dense(1)(layers.GlobalAveragePooling1D()(layers.Add()(series))))


def _with_one_wrapper(files: Files) -> Files:
    """The weights come from the file that keras.models.load_model refuses."""
    old, new = _shared(2), _shared(1)
    old.load_weights(files.model)
    new.set_weights(old.get_weights())
    rows = array(files)
    assert np.array_equal(old.predict(rows, verbose=0), new.predict(rows, verbose=0))
    return save(new, files)


def _with_scaled(files: Files) -> Files:
    args = ("--custom-objects", fixed_layers.__file__)
    model = HOSTS["perceptron"].build(fixed_layers.Scaled(32, name="adjust"))
    return save(model, Files(model=files.model, args=(*files.args, *args)))


def _plain() -> Any:
    return HOSTS["perceptron"].build(layers.Identity())


def _lambda() -> Any:
    return HOSTS["perceptron"].build(layers.Lambda(lambda x: x * 2.0, name="adjust"))


def _lambda_with_global() -> Any:
    return HOSTS["perceptron"].build(layers.Lambda(lambda x: ops.tanh(x), name="adjust"))


def _squashed_by_name(files: Files) -> Files:
    named = layers.Lambda(fixed_layers.squashed, name="adjust")
    return save(HOSTS["perceptron"].build(named), remove_options(files, "--allow-unsafe"))


def with_scaler(content: bytes) -> Callable[[Path, np.random.Generator], tuple[str, ...]]:
    """Rows and the bytes of a scaler."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        (folder / "scaler.pkl").write_bytes(content)
        rows = save_rows(folder / "data", flat(12)(random))
        return ("--data", str(rows), "--scaler", str(folder / "scaler.pkl"))

    return write


def _one_layer(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    return ("--data", str(save_rows(folder / "data", flat(12)(random))))


class _OneLayer:
    """Saves a layer in place of a model."""

    @staticmethod
    def save(path: Path) -> None:
        layer = layers.Dense(3)
        layer.build((None, 12))
        keras.saving.save_model(layer, path)


class _Truncated:
    """Saves only the first half of a file."""

    @staticmethod
    def save(path: Path) -> None:
        _plain().save(path)
        content = path.read_bytes()
        path.with_name("original.keras").write_bytes(content)
        path.write_bytes(content[: len(content) // 2])


class _InOldFormat:
    """Saves the whole model as .h5, which Keras does only for this ending."""

    @staticmethod
    def save(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _plain().save(path.with_suffix(".h5"))
        path.with_suffix(".h5").rename(path)


class _Scaler:
    """Saves the model beside a scaler that has its place."""

    @staticmethod
    def save(path: Path) -> None:
        _plain().save(path.with_name("original.keras"))
        joblib.dump(StandardScaler().fit(np.random.default_rng(0).normal(size=(50, 12))), path)


def _converted(files: Files) -> Files:
    old = files.model.rename(files.model.with_name("old.h5"))
    keras.models.load_model(old, compile=False).save(files.model)
    return files


def _in_sequential(files: Files) -> Files:
    layer = keras.saving.load_model(files.model)
    return save(keras.Sequential([keras.Input((12,)), layer]), files)


def _copied_again(files: Files) -> Files:
    return Files(model=files.model.with_name("original.keras"), args=files.args)


def _fitted_and_saved_again(files: Files) -> Files:
    path = files.model.with_name("fixed.joblib")
    joblib.dump(StandardScaler().fit(array(files)), path)
    return give_option(files, "--scaler", path)


def _numbers(random: np.random.Generator) -> np.ndarray:
    return random.integers(5, 25, (50, 4))


def _looked_up(vocabulary: Any = None) -> Any:
    """A model of ids whose lookup was adapted, or has its vocabulary as an argument."""
    lookup = layers.IntegerLookup(vocabulary=vocabulary, name="lookup")
    if vocabulary is None:
        lookup.adapt(np.arange(5, 25))
    parts = [lookup, layers.Embedding(21, 3), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((4,), dtype="int64", name="numbers"), *parts])


def _saved_as_file(files: Files) -> Files:
    path = files.model.with_name("adapted.keras")
    _looked_up().save(path)
    return Files(model=path, args=files.args)


def _saved_at_an_absolute_path(files: Files) -> Files:
    return Files(model=Unzipped(_looked_up()).save(files.model.with_name("again.keras")), args=files.args)


def _with_vocabulary(files: Files) -> Files:
    unzipped = Unzipped(_looked_up(list(range(5, 25))), is_relative=True)
    return Files(model=unzipped.save(files.model.with_name("again.keras")), args=files.args)


SQUEEZED = FunctionTransformer(np.squeeze).fit(np.ones((5, 12)))

REFUSED: tuple[Trial, ...] = (
    Trial(
        slug="code-in-file",
        tries="replace it with a layer of Keras",
        faulty=_refused("a Lambda of Python", _lambda),
        fix=lambda files: save(HOSTS["perceptron"].build(layers.Rescaling(2.0)), files),
    ),
    Trial(
        slug="code-in-file",
        tries="add --allow-unsafe",
        faulty=_refused("a Lambda of Python", _lambda),
        fix=lambda files: Files(model=files.model, args=(*files.args, "--allow-unsafe")),
    ),
    Trial(
        slug="undefined-name",
        tries="write the function and its imports in a file",
        faulty=_refused("a Lambda that needs an import", _lambda_with_global, args=("--allow-unsafe",)),
        fix=lambda files: give_option(_squashed_by_name(files), "--custom-objects", FIXED_LAYERS),
    ),
    Trial(
        slug="code-in-scaler",
        tries="add --trust-scaler",
        faulty=_refused("a scaler with a function", _plain, with_scaler(pickle.dumps(SQUEEZED))),
        fix=lambda files: Files(model=files.model, args=(*files.args, "--trust-scaler")),
    ),
    Trial(
        slug="custom-code-missing",
        tries="name the Python file that defines it",
        faulty=_refused("a custom layer", lambda: HOSTS["perceptron"].build(Table("weight"))),
        fix=lambda files: give_option(files, *CUSTOM),
    ),
    Trial(
        slug="file-damaged",
        tries="copy the file again",
        faulty=_refused("half a file", _Truncated, _one_layer),
        fix=_copied_again,
    ),
    Trial(
        slug="not-a-model",
        tries="give the model first, and the rest with its option",
        faulty=_refused("a scaler in place of a model", _Scaler, _one_layer),
        fix=lambda files: give_option(_copied_again(files), "--scaler", files.model),
    ),
    Trial(
        slug="made-by-keras-2",
        tries="convert it once, and check the result",
        faulty=_refused("an HDF5 file", _InOldFormat, _one_layer),
        fix=_converted,
    ),
    Trial(
        slug="model-not-loadable",
        tries="put the layer into keras.Sequential([...]) and save that model",
        faulty=_refused("a layer in place of a model", _OneLayer, _one_layer),
        fix=_in_sequential,
    ),
    Trial(
        slug="quantized-not-loadable",
        tries="save the model before quantize()",
        faulty=_refused("quantised attention", lambda: quantized(attention()), kit=rows_only(steps(6, 8))),
        fix=lambda files: save(attention(), files),
    ),
    Trial(
        slug="shared-layer-not-loadable",
        tries="use one wrapper in both places",
        faulty=_refused("a layer in two wrappers", lambda: _shared(2), kit=rows_only(steps(6, 8))),
        fix=_with_one_wrapper,
    ),
    Trial(
        slug="subclass-weights-not-saved",
        tries="hold the layer instead of deriving from it",
        faulty=_refused("a weight in a subclass", lambda: HOSTS["perceptron"].build(Gained(32)), args=CUSTOM),
        fix=_with_scaled,
    ),
    *(
        Trial(
            slug="vocabulary-not-saved",
            tries=tries,
            faulty=_refused(
                "a vocabulary in a folder",
                lambda: Unzipped(_looked_up(), is_relative=True),
                kit=rows_only(_numbers),
            ),
            fix=fix,
        )
        for tries, fix in (
            ("save the model that was adapted as one file", _saved_as_file),
            ("save it as a folder with an absolute path", _saved_at_an_absolute_path),
            ("give the layer its vocabulary as an argument", _with_vocabulary),
        )
    ),
    Trial(
        slug="scaler-unusable",
        tries="fit it on the training rows, then save it again",
        faulty=_refused("a scaler without fit", _plain, with_scaler(pickle.dumps(StandardScaler()))),
        fix=_fitted_and_saved_again,
    ),
)

CREATED = (
    corpus_trial(
        "layers-created-in-call",
        "create the layers once, in __init__, and train again",
        "a Dense that is created in each call",
        give_model(rebuild(lambda: fresh_dense(inside=False))),
    ),
)

TRIALS: tuple[Trial, ...] = (*FILES, *REFUSED, *CREATED)
