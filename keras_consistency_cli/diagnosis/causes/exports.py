"""Causes of exports that differ from the model."""

from __future__ import annotations

from functools import partial

from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.exports import differing_layer, fits_export

__all__ = ["EXPORT_CAUSES"]

_AGREEMENT, _BATCHING, _STATE, _INTERFACE = "KC901", "KC902", "KC903", "KC904"
_EXPORT_AGAIN = (
    "    keras.models.load_model('model.keras').export('model.onnx', format='onnx')   # or your format"
)
_UNTRAINED_ENDPOINT = (
    "    archive = keras.export.ExportArchive()\n"
    "    archive.track(model)\n"
    "    shape = [keras.InputSpec(shape=(None, *model.input_shape[1:]))]\n"
    "    archive.add_endpoint('serve', lambda x: model(x, training=False), shape)\n"
    "    archive.write_out('exported')"
)


def _cause(slug: str, sentence: str, explanation: str, advice: str, *explains: str) -> Cause:
    return Cause(
        slug=slug,
        sentence=sentence,
        explanation=explanation,
        key=explains,
        explains=explains,
        advice=advice,
        fits=partial(fits_export, slug),
        suspect=partial(differing_layer, slug),
    )


EXPORT_CAUSES: tuple[Cause, ...] = (
    _cause(
        "export-stale",
        "the export holds the weights of a different training run",
        "An export is a copy. If the model is trained again and not exported again, or the wrong file is "
        "deployed, the export computes with the old weights. Every shape fits, and nothing fails.",
        "export the model again from the file that you check:\n" + _EXPORT_AGAIN,
        _AGREEMENT,
    ),
    _cause(
        "export-inputs-reordered",
        "inputs of the same shape are exchanged in the export",
        "Converters sort inputs by name, number them, or keep the order of a flattened structure. Two "
        "inputs of the same shape can then change places without an error.",
        "name the Inputs of the model, call the export by name, or state the names for kcheck in YAML:\n"
        "    exports: [{{path: model.onnx, input_names: {{user: input_2, item: input_1}}}}]",
        _AGREEMENT,
    ),
    _cause(
        "export-outputs-reordered",
        "the export lists its outputs in a different order than the model",
        "LiteRT lists the outputs of a model with several heads in an order of its own; converters sort "
        "outputs by name. If shapes are equal, code that takes outputs by position reads the wrong head.",
        "take outputs by name from the signature:\n"
        "    runner = interpreter.get_signature_runner()\n"
        "    outputs = runner(**inputs)          # a dict by output name",
        _AGREEMENT,
        _INTERFACE,
    ),
    _cause(
        "export-scales-itself",
        "the export contains the preprocessing: it expects raw rows",
        "Preprocessing was built into the export, and kcheck fed it rows that were already scaled; with "
        "raw rows it gives the outputs of the model on scaled rows. A server that scales as well would "
        "scale twice.",
        "give this export raw rows: remove the scaling in front of it",
        _AGREEMENT,
    ),
    _cause(
        "export-predict-step-lost",
        "the model's own predict_step is not in the export",
        "`model.export` exports the model's call. What a custom `predict_step` or `predict` does on top, "
        "such as a softmax, is Python code that only `model.predict` runs.",
        "move what predict_step does into a layer of the model, save it and export it again",
        _AGREEMENT,
    ),
    _cause(
        "export-mask-lost",
        "the export does not mask padded time steps",
        "A mask is not a tensor of the graph's interface. A converter, or a model rebuilt for the export, "
        "can lose it. Padded time steps then count as data.",
        "export the whole model from the Masking or Embedding layer on, and test it with padded rows",
        _AGREEMENT,
    ),
    _cause(
        "export-training-true",
        "layers run in training mode in the export",
        "Augmentation layers such as RandomFlip use training=True if they are called without a training "
        "argument, and a layer called with training=True in a functional graph keeps it. `model.predict` "
        "overrides both, an export does not: it augments, drops out, or normalizes with the statistics of "
        "the batch.",
        "export an endpoint that says training=False:\n" + _UNTRAINED_ENDPOINT,
        _STATE,
        _AGREEMENT,
        _BATCHING,
    ),
    _cause(
        "export-low-precision",
        "the export computes in lower precision than the model",
        "Weights or activations are float16, bfloat16 or integers, by conversion or because the runtime "
        "chooses so: OpenVINO computes in bfloat16 on processors that can.",
        "compute in float32 where the difference matters, for OpenVINO:\n"
        "    core.compile_model(model, 'CPU', {{'INFERENCE_PRECISION_HINT': 'f32'}})\n"
        "or accept it: facts: {{low_precision: accepted}}",
        _AGREEMENT,
    ),
    _cause(
        "runtime-optimiser",
        "an optimization of the runtime changes the outputs",
        "The same file gives the outputs of the model with the runtime's graph optimizations or delegates "
        "switched off. The converter is right; the runtime is not.",
        "switch the optimization off, and report it to the runtime with the bundle of kcheck:\n"
        "    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL",
        _AGREEMENT,
    ),
    _cause(
        "export-saturated",
        "the export cuts values at the end of a fixed range",
        "A statically quantized export represents each tensor by integers of a fixed range, which was "
        "measured on a few calibration rows. Values beyond the range are cut to its end.",
        "calibrate with rows that cover the range of those that are served, and with more of them:\n"
        "    onnxruntime.quantization.quantize_static('model.onnx', 'quantized.onnx', calibration_reader)",
        _AGREEMENT,
    ),
    _cause(
        "export-neighbours",
        "the export computes with values of the whole batch",
        "Dynamic quantization chooses the scale of activations while it runs, from the largest value of "
        "the whole tensor. One unusual row changes the rounding of all rows of its batch.",
        "quantize with scales that are measured beforehand:\n"
        "    onnxruntime.quantization.quantize_static('model.onnx', 'quantized.onnx', calibration_reader)",
        _BATCHING,
        _AGREEMENT,
    ),
    _cause(
        "export-batch-frozen",
        "the export only takes batches of one size",
        "The number of rows became a constant when the model was exported. Other batches are refused, or "
        "have to be filled up.",
        "export with a free batch axis: keras.Input((10,)) without batch_size",
        _BATCHING,
    ),
    _cause(
        "export-state-frozen",
        "the export starts from the same state at every call",
        "The state of a stateful layer became a constant when the model was exported. The model carries "
        "it from call to call; the export repeats the first step.",
        "export a model that takes the states as inputs and returns them, and keep them in the caller",
        _STATE,
        _AGREEMENT,
        _BATCHING,
    ),
    _cause(
        "export-state-carried",
        "the export keeps state between calls",
        "A stateful layer carries its state from call to call in the export too, and starts from the "
        "state of the moment of the export. Requests of different customers continue each other's "
        "sequences.",
        "use one loaded export for each sequence, and reset it before the next:\n"
        "    interpreter.reset_all_variables()   # LiteRT",
        _STATE,
    ),
    _cause(
        "unsupported-operators",
        "the runtime lacks operators that the export needs",
        "The converter wrote the file without an error, with operators that only TensorFlow has.",
        "build the model from layers that the runtime supports; for recurrent layers:\n"
        "    layers.LSTM(32, unroll=True)        # fixed number of time steps",
        _INTERFACE,
    ),
    _cause(
        "export-fails",
        "Keras cannot export the model in this format",
        "`model.export` raises an error. Converters do not support every layer, and some need a fixed number "
        "of time steps or a model that was called before.",
        "choose a different format, or layers that the converter supports; for recurrent layers:\n"
        "    layers.LSTM(32, unroll=True)        # fixed number of time steps",
        _INTERFACE,
    ),
    _cause(
        "export-statistics-lost",
        "the statistics of a Normalization layer became inputs of the export",
        "Keras exports Normalization to ONNX without its mean and variance: they are further required "
        "inputs. The file is valid, and no runtime can run it on the rows alone.",
        "replace the layer by a Rescaling with the same numbers, and export again:\n"
        "    layers.Rescaling(1 / np.sqrt(variance), -mean / np.sqrt(variance))",
        _INTERFACE,
    ),
    _cause(
        "export-of-other-model",
        "the export belongs to a different model: its inputs or outputs do not fit",
        "Number or shapes of inputs or outputs differ from those of the model.",
        "export the model again from the file that you check:\n" + _EXPORT_AGAIN,
        _INTERFACE,
    ),
    _cause(
        "export-unloadable",
        "the runtime cannot load the export",
        "The file is damaged or incomplete, or was written for a different version of the runtime.",
        "export the model again with the versions that serve it:\n" + _EXPORT_AGAIN,
        _INTERFACE,
    ),
    _cause(
        "export-layer-differs",
        "the export computes a layer differently than the model",
        "The values inside the export agree with the outputs of the model's layers up to this layer, and "
        "differ from there on. A converter translated it wrongly, or the runtime computes it wrongly.",
        "replace the layer by one that the converter translates rightly, or use a different format; report "
        "it to the converter with the bundle of kcheck (--bundle)",
        _AGREEMENT,
    ),
)
"""In the order in which they are tried on an export."""
