"""describe_model: the facts of live models of every kind, read without running them."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.measurement.facts import InputFact, LayerFact, OutputFact
from tests.helpers.live_models import (
    Block,
    InsideTraining,
    LeftOn,
    TrainedByDefault,
    dict_inputs,
    dict_subclassed,
    stateful,
    subclassed,
)


def sequential(*parts: Any, shape: tuple[int, ...] = (3,)) -> keras.Model:
    return keras.Sequential([keras.Input(shape, name="x"), *parts], name="net")


def layer_fact(layer: Any, path: str, shape: tuple[int, ...] = (3,)) -> LayerFact:
    """Return the fact of one layer inside a small model."""
    return {fact.path: fact for fact in describe_model(sequential(layer, shape=shape)).layers}[path]


def test_all_facts_of_a_small_model() -> None:
    facts = describe_model(
        sequential(layers.Dense(2, activation="softmax", name="head")), saved_with="3.9", notes=("a remark",)
    )
    assert (facts.name, facts.kind, facts.parameters, facts.batch_size) == ("net", "Sequential", 8, None)
    assert facts.layers == (
        LayerFact(path="x", kind="InputLayer"),
        LayerFact(path="head", kind="Dense", takes_training=True, parameters=8),
    )
    assert facts.inputs == (InputFact(name="x", shape=(None, 3), dtype="float32", lenient="length"),)
    assert facts.outputs == (OutputFact(name="head", shape=(None, 2), decision="argmax"),)
    assert (facts.keras, facts.saved_with, facts.backend, facts.notes) == (
        keras.__version__,
        "3.9",
        "tensorflow",
        ("a remark",),
    )
    assert facts.backend_version
    assert facts.devices
    assert (facts.low_precision, facts.overridden, facts.stateful_layers, facts.shadow_refused) == (
        (),
        (),
        (),
        None,
    )


def test_kinds_inputs_and_outputs() -> None:
    functional, model = describe_model(dict_inputs()[0]), describe_model(subclassed()[0])
    assert functional.kind == "Functional"
    assert functional.inputs == (
        InputFact(name="ids", shape=(None, 2), dtype="int32", lenient="rank", key_of="ids"),
        InputFact(name="numbers", shape=(None, 4), dtype="float32", lenient="rank", key_of="numbers"),
    )
    assert [(fact.name, fact.shape) for fact in functional.outputs] == [("a", (None, 2)), ("b", (None, 1))]
    assert (model.kind, model.inputs, model.outputs) == (
        "subclass",
        (InputFact(name="input", shape=(None, 7), dtype=""),),
        (),
    )
    assert model.parameters == 7 * 6 + 6 + 4 * 6 + 6 + 1


def test_a_subclassed_model_on_a_dict_names_its_inputs() -> None:
    assert {fact.name: fact.shape for fact in describe_model(dict_subclassed()[0]).inputs} == {
        "a": (None, 3),
        "b": (None, 2),
    }


def test_nested_outputs_are_named_by_their_position() -> None:
    inputs = keras.Input((2,))
    parts = [layers.Dense(1, activation="sigmoid", name="p")(inputs), layers.Dense(3, name="q")(inputs)]
    with_dict = describe_model(keras.Model(inputs, {"z": parts[1], "a": parts[0]}))
    assert [(fact.name, fact.decision) for fact in with_dict.outputs] == [("a", "threshold"), ("z", None)]
    assert [fact.name for fact in describe_model(keras.Model(inputs, parts)).outputs] == ["p", "q"]


def test_outputs_of_one_layer_have_names_of_their_own() -> None:
    inputs = keras.Input((4, 2))
    states = layers.LSTM(3, return_sequences=True, return_state=True, name="enc")(inputs)
    model = keras.Model(inputs, [*states, layers.Identity(name="enc_1")(states[1])])
    assert [fact.name for fact in describe_model(model).outputs] == ["enc", "enc_2", "enc_3", "enc_1"]


def test_the_class_of_keras_that_a_layer_extends() -> None:
    class Own(layers.MultiHeadAttention):
        pass

    class Plain(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

    series = keras.Input((4, 3))
    model = keras.Model(series, Plain(name="plain")(Own(1, 2, name="own")(series, series)))
    kinds = {layer.path: layer.kinds for layer in describe_model(model).layers}
    assert kinds["own"] == {"Own", "MultiHeadAttention"}
    assert kinds["own/query"] == {"EinsumDense"}
    assert kinds["plain"] == {"Plain"}


def test_paths_of_nested_and_custom_layers() -> None:
    encoder = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name="encoder")
    model = sequential(encoder, Block(InsideTraining(name="inner"), name="block"))
    paths = [path for path, _ in walk_layers(model)]
    assert {"encoder", "encoder/dense", "block", "block/inner", "block/inner/norm"} <= set(paths)
    assert len(paths) == len(set(paths))


def test_a_shared_layer_is_listed_once() -> None:
    shared, one, two = layers.Dense(2, name="shared"), keras.Input((3,)), keras.Input((3,))
    facts = describe_model(keras.Model([one, two], layers.Add()([shared(one), shared(two)])))
    assert [fact.path for fact in facts.layers].count("shared") == 1


def test_flags_about_training() -> None:
    default = layer_fact(TrainedByDefault(name="d"), "d")
    assert (default.kind, default.custom, default.takes_training, default.default_training) == (
        "TrainedByDefault",
        True,
        True,
        True,
    )
    forgetful = layer_fact(InsideTraining(name="b"), "b")
    assert (forgetful.takes_training, forgetful.forgets_training, forgetful.custom, forgetful.parameters) == (
        False,
        True,
        True,
        12,
    )
    assert not layer_fact(LeftOn(0.5, name="b"), "b").forgets_training
    plain = keras.Sequential([layers.Dropout(0.5)], name="inner")
    assert not layer_fact(plain, "inner").forgets_training


@pytest.mark.parametrize("training", [True, False, None])
def test_training_written_into_the_graph(training: bool | None) -> None:
    inputs = keras.Input((3,))
    arguments = {} if training is None else {"training": training}
    model = keras.Model(inputs, layers.BatchNormalization(name="norm")(inputs, **arguments))
    assert {fact.path: fact.baked_training for fact in describe_model(model).layers}["norm"] is training


def test_stateful_layers_and_fixed_batches() -> None:
    facts = describe_model(stateful()[0])
    assert [fact.path for fact in facts.stateful_layers] == ["memory"]
    assert facts.batch_size == 4


def test_low_precision_is_listed() -> None:
    facts = describe_model(
        sequential(layers.Dense(2, dtype="mixed_float16"), layers.Dense(2, dtype="bfloat16"), layers.Dense(1))
    )
    assert facts.low_precision == ("bfloat16", "mixed_float16")
    model = sequential(layers.Dense(4, name="head"))
    model.get_layer("head").quantize("int8")
    assert [policy for policy in describe_model(model).low_precision if "int8" in policy]


def test_overridden_methods_are_listed() -> None:
    class Own(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

        def predict_step(self, data: Any) -> Any:
            return data

    assert describe_model(Own()).overridden == ("predict_step",)


@pytest.mark.parametrize(
    ("head", "loss", "decision"),
    [
        (layers.Dense(3, activation="softmax"), None, "argmax"),
        (layers.Dense(1, activation="softmax"), None, None),
        (layers.Dense(1, activation="sigmoid"), None, "threshold"),
        (layers.Softmax(), None, "argmax"),
        (layers.Activation("sigmoid"), None, "threshold"),
        (layers.Dense(3), None, None),
        (layers.Dense(3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), "argmax"),
        (layers.Dense(3), "categorical_crossentropy", "argmax"),
        (layers.Dense(3), "mse", None),
        (keras.Sequential([layers.Dense(3, activation="softmax")]), None, "argmax"),
    ],
)
def test_decisions_follow_from_the_head(head: Any, loss: Any, decision: str | None) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, head(inputs))
    if loss is not None:
        model.compile(loss=loss)
    (output,) = describe_model(model).outputs
    assert output.decision == decision


def test_names_from_the_file_are_cleaned() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="a\x1b[31mred")], name="evil\u202ename")
    facts = describe_model(model)
    assert (facts.name, facts.layers[-1].path, facts.outputs[0].name) == (
        "evil\\u202ename",
        "a\\x1b[31mred",
        "a\\x1b[31mred",
    )
