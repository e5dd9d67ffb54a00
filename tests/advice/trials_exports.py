"""Advice of causes in exports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.advice.edits import array, give_facts, give_option, load, option, reconfigure, remove_options, save
from tests.advice.found import corpus_case
from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Files
from tests.corpus.export_files import Exporter, Subject, by_keras, litert, onnx, onnx_static_int8, served_as

__all__ = ["TRIALS", "UNTRIED"]

UNTRIED = {
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
    Trial(
        slug="export-weights-missing",
        tries="convert the model itself",
        faulty=corpus_case("litert without its weights"),
        fix=exported(litert()),
    ),
    Trial(
        slug="export-overflows",
        tries="export in float32",
        faulty=corpus_case("onnx in float16, large rows"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-size-frozen",
        tries="export with a free axis",
        faulty=corpus_case("onnx for eight steps"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-unrepeatable",
        tries="export the model itself, without a function around it",
        faulty=corpus_case("saved model with noise"),
        fix=_saved_again,
    ),
    Trial(
        slug="export-expects-other-rows",
        tries="export the model itself",
        faulty=corpus_case("saved model takes blue first"),
        fix=_saved_again,
    ),
    Trial(
        slug="export-narrows-rows",
        tries="export with inputs of the model's own types",
        faulty=corpus_case("saved model takes float16"),
        fix=_saved_again,
    ),
    Trial(
        slug="export-nan-differs",
        tries="replace missing values before the model",
        faulty=corpus_case("litert computes missing values"),
        fix=_without_missing,
    ),
    Trial(
        slug="export-transforms-outputs",
        tries="export the model itself",
        faulty=corpus_case("saved model adds a softmax"),
        fix=_saved_again,
    ),
    Trial(
        slug="export-transforms-outputs",
        tries="compare the export with the model that ends with the same function",
        faulty=corpus_case("saved model adds a softmax"),
        fix=_ending_with_softmax,
    ),
    Trial(
        slug="export-stale",
        tries="export the model again from the file",
        faulty=corpus_case("stale onnx, table"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-inputs-reordered",
        tries="state the names for kcheck in YAML",
        faulty=corpus_case("onnx inputs exchanged"),
        fix=_name_inputs,
    ),
    Trial(
        slug="export-outputs-reordered",
        tries="take outputs by name from the signature",
        faulty=corpus_case("litert lists two equal heads in reverse"),
        proof=_outputs_by_name,
    ),
    Trial(
        slug="export-scales-itself",
        tries="give this export raw rows",
        faulty=corpus_case("export scales itself"),
        proof=_raw_rows,
    ),
    Trial(
        slug="export-predict-step-lost",
        tries="move what predict_step does into a layer",
        faulty=corpus_case("predict_step left behind by onnx"),
        fix=exported(onnx(), _soft),
    ),
    Trial(
        slug="export-mask-lost",
        tries="export the whole model from the Embedding layer on",
        faulty=corpus_case("mask lost in onnx"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-training-true",
        tries="export an endpoint that says training=False",
        faulty=corpus_case("saved model augments"),
        fix=exported(served_as(lambda model: lambda x: model(x, training=False))),
    ),
    Trial(
        slug="export-low-precision",
        tries="low_precision: accepted",
        faulty=corpus_case("litert float16 weights"),
        fix=lambda files: give_facts(files, low_precision="accepted"),
    ),
    Trial(
        slug="export-neighbours",
        tries="scales that are measured beforehand",
        faulty=corpus_case("onnx dynamic int8"),
        fix=_calibrated,
    ),
    Trial(
        slug="export-saturated",
        tries="calibrate with rows that cover the range",
        faulty=corpus_case("onnx calibrated with small rows"),
        fix=_calibrated,
    ),
    Trial(
        slug="export-batch-frozen",
        tries="export with a free batch axis",
        faulty=corpus_case("onnx for one row"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-state-frozen",
        tries="a model that takes the states as inputs and returns them",
        faulty=corpus_case("onnx repeats the first step"),
        proof=_states_in_the_caller,
    ),
    Trial(
        slug="export-state-carried",
        tries="one loaded export for each sequence",
        faulty=corpus_case("saved model carries state"),
        proof=_one_export_for_each_sequence,
    ),
    Trial(
        slug="unsupported-operators",
        tries="unroll=True",
        faulty=corpus_case("litert without loops"),
        fix=exported(litert(), _unrolled),
    ),
    Trial(
        slug="export-fails",
        tries="unroll=True",
        faulty=corpus_case("openvino of a loop"),
        fix=_unroll,
    ),
    Trial(
        slug="export-statistics-lost",
        tries="replace the layer by a Rescaling with the same numbers",
        faulty=corpus_case("statistics became inputs"),
        fix=exported(onnx(), _with_rescaling),
    ),
    Trial(
        slug="export-of-other-model",
        tries="export the model again from the file",
        faulty=corpus_case("onnx of a different model"),
        fix=exported(onnx()),
    ),
    Trial(
        slug="export-unloadable",
        tries="export the model again",
        faulty=corpus_case("onnx with a gap"),
        fix=exported(by_keras("onnx")),
    ),
)
