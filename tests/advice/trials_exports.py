"""Advice of causes in exports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.advice.edits import (
    array,
    give_facts,
    give_model,
    give_option,
    load,
    option,
    reconfigure,
    remove_options,
    save,
)
from tests.advice.found import corpus_trial
from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Files
from tests.corpus.export_files import Exporter, Subject, by_keras, litert, onnx, onnx_static_int8, served_as

__all__ = ["TRIALS", "UNTRIED"]

UNTRIED = {
    "export-sums-saturate": "the fault exists on x86 processors without VNNI only: test_wide_sums.py",
    "export-layer-differs": "no layer is known that the installed converters translate wrongly in silence",
    "runtime-optimiser": "no optimization of the installed runtimes is known to change outputs",
}


def exported(export: Exporter, change: Callable[[Any], Any] = lambda model: model) -> Fix:
    """Change the model, save it, and export it again."""

    def fix(files: Files) -> Files:
        saved = save(change(load(files)), files)
        path = option(files, "--export")
        if path.is_dir():
            shutil.rmtree(path)
        Subject(load(saved), {path.name: export}).save(path.with_name("exported.keras"))
        return saved

    return fix


def _name_inputs(files: Files) -> Files:
    path = files.model.with_name("exports.yaml")
    names = {"user": "item", "item": "user"}
    export = {"path": str(option(files, "--export")), "input_names": names}
    path.write_text(json.dumps({"exports": [export]}), encoding="utf-8")
    return give_option(remove_options(files, "--export"), "--config", path)


def _outputs_by_name(files: Files) -> None:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(option(files, "--export"))).get_signature_runner()
    rows = array(files)
    wanted = load(files).predict(rows, verbose=0)
    for name, values in zip(sorted(runner(x=rows)), wanted, strict=True):
        assert np.allclose(runner(x=rows)[name], values, atol=1e-5)


def _raw_rows(files: Files) -> None:
    import joblib
    import onnxruntime

    session = onnxruntime.InferenceSession(str(option(files, "--export")))
    rows = array(files)
    scaled = joblib.load(option(files, "--scaler")).transform(rows)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: rows})
    assert np.allclose(outputs, load(files).predict(scaled, verbose=0), atol=1e-5)


def _soft(model: Any) -> Any:
    outputs = layers.Softmax()(model.output)
    return keras.Model(model.input, outputs)


def _with_rescaling(model: Any) -> Any:
    statistics = model.get_layer("statistics")
    mean, variance = (np.asarray(each).ravel() for each in (statistics.mean, statistics.variance))
    rescaling = layers.Rescaling((1 / np.sqrt(variance)).tolist(), (-mean / np.sqrt(variance)).tolist())
    rest = [layer for layer in model.layers if layer is not statistics]
    return keras.Sequential([keras.Input((10,), name="x"), rescaling, *rest])


def _calibrated(files: Files) -> Files:
    """Quantize with scales measured on the rows that are served; what is left is low precision."""
    fixed = exported(onnx_static_int8(lambda: array(files)))(files)
    return give_facts(fixed, low_precision="accepted")


def _states_in_the_caller(files: Files) -> None:
    """Two calls with the states passed on give what two calls of the stateful model give."""
    import onnxruntime

    model, rows = load(files), array(files)[:4]
    x, state = keras.Input((5, 3), name="stream"), keras.Input((6,), name="state")
    stateless = layers.GRU(6, return_state=True)
    hidden, last = stateless(x, initial_state=[state])
    explicit = keras.Model([x, state], [layers.Dense(1)(hidden), last])
    explicit.set_weights([np.asarray(each) for each in model.weights])
    path = files.model.with_name("explicit.onnx")
    Subject(explicit, {path.name: onnx()}).save(path.with_suffix(".keras"))
    session, carried = onnxruntime.InferenceSession(str(path)), np.zeros((4, 6), np.float32)
    for _ in range(2):
        outputs, carried = session.run(None, {"stream": rows, "state": carried})
        assert np.allclose(outputs, model.predict(rows, batch_size=4, verbose=0), atol=1e-5)


def _one_export_for_each_sequence(files: Files) -> None:
    import tensorflow as tf

    rows = tf.constant(array(files)[:4])
    first, second = (tf.saved_model.load(str(option(files, "--export"))) for _ in range(2))
    assert np.allclose(first.serve(rows), second.serve(rows))


_unrolled = reconfigure("gru", unroll=True)


def _unroll(files: Files) -> Files:
    # OpenVINO computes in bfloat16 on processors that can.
    return give_facts(save(_unrolled(load(files)), files), low_precision="accepted")


def _without_missing(files: Files) -> Files:
    np.save(option(files, "--data"), np.nan_to_num(array(files)))
    return files


def _ending_with_softmax(files: Files) -> Files:
    model = load(files)
    ending = keras.Sequential([keras.Input(model.input_shape[1:], name="x"), *model.layers, layers.Softmax()])
    return save(ending, files)


_saved_again = exported(by_keras("tf_saved_model"))

TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "export-weights-missing",
        "convert the model itself",
        "litert without its weights",
        exported(litert()),
    ),
    corpus_trial(
        "export-overflows",
        "export in float32",
        "onnx in float16, large rows",
        exported(onnx()),
    ),
    corpus_trial(
        "export-size-frozen",
        "export with a free axis",
        "onnx for eight steps",
        exported(onnx()),
    ),
    corpus_trial(
        "export-unrepeatable",
        "export the model itself, without a function around it",
        "saved model with noise",
        _saved_again,
    ),
    corpus_trial(
        "export-epsilon-differs",
        "export the model itself",
        "saved model with the epsilon of BERT",
        _saved_again,
    ),
    corpus_trial(
        "export-epsilon-differs",
        "build the model with the epsilon of the export",
        "saved model with the epsilon of BERT",
        give_model(reconfigure("layer_normalization", epsilon=1e-12)),
    ),
    corpus_trial(
        "export-expects-other-rows",
        "export the model itself",
        "saved model takes blue first",
        _saved_again,
    ),
    corpus_trial(
        "export-narrows-rows",
        "export with inputs of the model's own types",
        "saved model takes float16",
        _saved_again,
    ),
    corpus_trial(
        "export-nan-differs",
        "replace missing values before the model",
        "litert computes missing values",
        _without_missing,
    ),
    corpus_trial(
        "export-transforms-outputs",
        "export the model itself",
        "saved model adds a softmax",
        _saved_again,
    ),
    corpus_trial(
        "export-transforms-outputs",
        "compare the export with the model that ends with the same function",
        "saved model adds a softmax",
        _ending_with_softmax,
    ),
    corpus_trial(
        "export-stale",
        "export the model again from the file",
        "stale onnx, table",
        exported(onnx()),
    ),
    corpus_trial(
        "export-inputs-reordered",
        "state the names for kcheck in YAML",
        "onnx inputs exchanged",
        _name_inputs,
    ),
    corpus_trial(
        "export-outputs-reordered",
        "take outputs by name from the signature",
        "litert lists two equal heads in reverse",
        proof=_outputs_by_name,
    ),
    corpus_trial(
        "export-scales-itself",
        "give this export raw rows",
        "export scales itself",
        proof=_raw_rows,
    ),
    corpus_trial(
        "export-predict-step-lost",
        "move what predict_step does into a layer",
        "predict_step left behind by onnx",
        exported(onnx(), _soft),
    ),
    corpus_trial(
        "export-mask-lost",
        "export the whole model from the Embedding layer on",
        "mask lost in onnx",
        exported(onnx()),
    ),
    corpus_trial(
        "export-training-true",
        "export an endpoint that says training=False",
        "saved model augments",
        exported(served_as(lambda model: lambda x: model(x, training=False))),
    ),
    corpus_trial(
        "export-low-precision",
        "low_precision: accepted",
        "litert float16 weights",
        lambda files: give_facts(files, low_precision="accepted"),
    ),
    corpus_trial(
        "export-neighbours",
        "scales that are measured beforehand",
        "onnx dynamic int8",
        _calibrated,
    ),
    corpus_trial(
        "export-saturated",
        "calibrate with rows that cover the range",
        "onnx calibrated with small rows",
        _calibrated,
    ),
    corpus_trial(
        "export-batch-frozen",
        "export with a free batch axis",
        "onnx for one row",
        exported(onnx()),
    ),
    corpus_trial(
        "export-state-frozen",
        "a model that takes the states as inputs and returns them",
        "onnx repeats the first step",
        proof=_states_in_the_caller,
    ),
    corpus_trial(
        "export-state-carried",
        "one loaded export for each sequence",
        "saved model carries state",
        proof=_one_export_for_each_sequence,
    ),
    corpus_trial(
        "unsupported-operators",
        "unroll=True",
        "litert without loops",
        exported(litert(), _unrolled),
    ),
    corpus_trial("export-fails", "unroll=True", "openvino of a loop", _unroll),
    corpus_trial(
        "export-statistics-lost",
        "replace the layer by a Rescaling with the same numbers",
        "statistics became inputs",
        exported(onnx(), _with_rescaling),
    ),
    corpus_trial(
        "export-of-other-model",
        "export the model again from the file",
        "onnx of a different model",
        exported(onnx()),
    ),
    corpus_trial(
        "export-unloadable",
        "export the model again",
        "onnx with a gap",
        exported(by_keras("onnx")),
    ),
)
