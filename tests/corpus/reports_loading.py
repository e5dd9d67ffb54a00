"""Faults of saved files that users reported, and stock models that once were refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.applications import convnext

from tests.corpus.cases import Case, Maker, flat, pictures, save_rows, steps
from tests.corpus.reports_loading_layers import (
    Adapted,
    Dilations,
    Fresh,
    FreshHead,
    Frozen,
    Gates,
    Shelf,
    Tower,
    UntrackedTower,
    halve_text,
)

__all__ = ["CASES", "fresh_dense", "fresh_head"]

FAMILY = "reports-loading"
CUSTOM = ("--custom-objects", str(Path(__file__).resolve().parent / "reports_loading_layers.py"))
LOST: dict[str, Any] = {"causes": ("weights-not-saved",), "failing": ("KC801",)}


def _around(shape: tuple[int, ...], *inner: Any) -> Callable[[], Any]:
    """A functional model; the layers are given as functions, and created with it."""

    def build() -> Any:
        rows = keras.Input(shape, name="rows")
        outputs = rows
        for create in inner:
            outputs = create()(outputs)
        return keras.Model(rows, outputs)

    return build


def _head() -> Any:
    return layers.Dense(2, name="head")


def unbuilt() -> Any:
    """A model that was saved before it was built, whose initializers have seeds."""
    starts = [keras.initializers.GlorotNormal(seed=seed) for seed in (1, 2)]
    return keras.Sequential(
        [
            layers.Dense(10, activation="tanh", kernel_initializer=starts[0], name="first"),
            layers.Dense(2, kernel_initializer=starts[1], name="head"),
        ]
    )


def _unbuilt_rows(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    return ("--data", str(save_rows(folder / "data", flat(7)(random))))


def adapted(late: bool) -> Callable[[], Any]:
    """A model that has run before it was saved; its inner layer may be created in that run."""

    def build() -> Any:
        model = Adapted(late)
        model(np.zeros((1, 5), "float32"))
        return model

    return build


def activation_functions() -> Any:
    """Activations called as functions in a graph, which Keras saves as operations."""
    rows = keras.Input((12,), name="rows")
    hidden = keras.activations.relu(layers.Dense(9)(rows))
    gated = keras.activations.gelu(layers.Dense(9)(hidden)) * keras.activations.hard_sigmoid(hidden)
    return keras.Model(rows, keras.activations.softmax(layers.Dense(3)(gated)))


def small_convnext() -> Any:
    """A stock ConvNeXt, with its own LayerScale."""
    return convnext.ConvNeXt(
        depths=[1, 1, 1, 1],
        projection_dims=[4, 4, 8, 8],
        drop_path_rate=0.1,
        include_top=True,
        include_preprocessing=False,
        weights=None,
        input_shape=(32, 32, 3),
        classes=3,
    )


def _trained(order: int, optimizer: str, *inner: Any) -> Callable[[], Any]:
    """A compiled model; with order -1 its optimizer has the state of the variables in reverse."""

    def build() -> Any:
        model = _around((8,), *inner)()
        model.compile(optimizer, "mse")
        model.optimizer.build(model.trainable_variables[::order])
        return model

    return build


def _fresh(kind: str, inside: bool, **settings: Any) -> Callable[[], Any]:
    return lambda: Fresh(kind, inside=inside, settings=settings, name="fresh")


def fresh_dense(*, inside: bool) -> Any:
    """A Dense that each call creates, or that exists once."""
    return _around((12,), _wide, _fresh("Dense", inside, units=9), _head)()


def fresh_head() -> Any:
    """A model that has run before it was saved, with a new head in each call."""
    model = FreshHead(name="classifier")
    model(np.zeros((1, 8), "float32"))
    return model


def _wide() -> Any:
    return layers.Dense(7, activation="relu")


def _lambda() -> Any:
    return layers.Lambda(halve_text, name="halve")


def _case(name: str, build: Callable[[], Any], data: Maker, *, custom: bool = True, **expected: Any) -> Case:
    args = CUSTOM if custom else ()
    return Case(name=name, family=FAMILY, build=build, data=data, args=args, **expected)


def _tower(attribute: str) -> Callable[[], Any]:
    return lambda: Tower(attribute, [14, 6], name="tower")


CASES: tuple[Case, ...] = (
    _case(
        "layers in an attribute that Keras skips",
        _around((12,), _tower("_layers"), _head),
        flat(12),
        layer="tower/step0",
        **LOST,
    ),
    _case(
        "layers in a set",
        _around((16, 3), lambda: Dilations("set", name="dilations"), layers.GlobalAveragePooling1D, _head),
        steps(16, 3),
        layer="dilations",
        **LOST,
    ),
    _case(
        "layers in a plain object",
        _around((9, 4), lambda: Gates(True, name="gates"), _head),
        steps(9, 4),
        layer="gates",
        **LOST,
    ),
    Case(
        name="seeded and saved before it was built",
        family=FAMILY,
        build=unbuilt,
        kit=_unbuilt_rows,
        layer="first",
        **LOST,
    ),
    _case(
        "a layer that is created in the first call",
        adapted(late=True),
        flat(5),
        layer="adapter/inner",
        causes=("weights-not-loaded",),
        failing=("KC801",),
    ),
    *(
        _case(
            f"a {kind} that is created in each call",
            build,
            data,
            layer=layer,
            causes=("layers-created-in-call",),
            failing=("KC801",),
        )
        for kind, build, data, layer in [
            ("Dense", lambda: fresh_dense(inside=True), flat(12), "fresh"),
            (
                "convolution",
                _around((16, 3), _fresh("Conv1D", True, filters=6, kernel_size=3), layers.Flatten, _head),
                steps(16, 3),
                "fresh",
            ),
            ("head", fresh_head, flat(8), None),
        ]
    ),
    _case("a Dense that is created once", lambda: fresh_dense(inside=False), flat(12)),
    _case(
        "a recurrent layer that is created once",
        _around((9, 4), _fresh("GRU", False, units=6), _head),
        steps(9, 4),
    ),
    _case("a layer that is created before the first call", adapted(late=False), flat(5)),
    *(
        _case(
            f"the state of {optimizer} does not fit",
            _trained(-1, optimizer, *inner, _head),
            flat(8),
            custom=False,
            causes=("training-state-unreadable",),
            warning=("KC801",),
        )
        for optimizer, inner in [("adam", [_wide]), ("rmsprop", [_wide, layers.BatchNormalization])]
    ),
    _case("the state of adam fits", _trained(1, "adam", _wide, _head), flat(8), custom=False),
    _case("layers in a list", _around((12,), _tower("steps"), _head), flat(12)),
    _case(
        "layers in a list that is saved and not tracked",
        _around((12,), lambda: UntrackedTower("steps", [8, 6], name="tower"), _head),
        flat(12),
    ),
    _case(
        "layers in nested dicts and lists",
        _around((16, 3), lambda: Dilations("dict", name="dilations"), layers.GlobalAveragePooling1D, _head),
        steps(16, 3),
    ),
    _case(
        "recurrent layers in a list",
        _around((9, 4), lambda: Gates(False, name="gates"), _head),
        steps(9, 4),
    ),
    _case(
        "fixed random features in a plain object",
        _around((12,), lambda: Frozen(10, name="features"), _head),
        flat(12),
    ),
    _case("a layer for training only in a plain object", _around((12,), Shelf, _head), flat(12)),
    _case("activations as functions", activation_functions, flat(12), custom=False),
    _case("a small ConvNeXt", small_convnext, pictures(32, 32, 3, rows=24), custom=False),
    _case("a Lambda around a function of the user", _around((12,), _lambda, _head), flat(12)),
)
