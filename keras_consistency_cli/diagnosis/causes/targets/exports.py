"""Causes of exports that differ from the model."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes.targets.export_texts import EXPORT_AGAIN
from keras_consistency_cli.diagnosis.causes.targets.unusable_exports import (
    UNUSABLE_EXPORT_CAUSES,
    export_cause,
)

__all__ = ["EXPORT_CAUSES"]

_AGREEMENT, _BATCHING, _STATE, _INTERFACE = "KC901", "KC902", "KC903", "KC904"
_UNTRAINED_ENDPOINT = (
    "    archive = keras.export.ExportArchive()\n"
    "    archive.track(model)\n"
    "    shape = [keras.InputSpec(shape=(None, *model.input_shape[1:]))]\n"
    "    archive.add_endpoint('serve', lambda x: model(x, training=False), shape)\n"
    "    archive.write_out('exported')"
)


EXPORT_CAUSES: tuple[Cause, ...] = (
    export_cause(
        "export-epsilon-differs",
        "normalizing layers have another epsilon in the export",
        "BatchNormalization adds a small epsilon to the variance before it divides by its root. Its default "
        "is 1e-3 in Keras and 1e-5 in PyTorch. The export was made of a network that was built again with "
        "another epsilon and given the same weights; channels of small variance then differ.",
        "export the model itself:\n" + EXPORT_AGAIN + "\nor, if the epsilon of the export is the one of the "
        "training, build the model with it: keras.layers.BatchNormalization(epsilon=1e-5)",
        _AGREEMENT,
    ),
    export_cause(
        "export-stale",
        "the export holds the weights of a different training run",
        "An export is a copy. If the model is trained again and not exported again, or the wrong file is "
        "deployed, the export computes with the old weights. Every shape fits, and nothing fails. Where a "
        "frozen backbone got a new head, only the weights of the head are old.",
        "export the model again from the file that you check:\n" + EXPORT_AGAIN,
        _AGREEMENT,
    ),
    export_cause(
        "export-inputs-reordered",
        "inputs of the same shape are exchanged in the export",
        "Converters sort inputs by name, number them, or keep the order of a flattened structure. Two "
        "inputs of the same shape can then change places without an error.",
        "name the Inputs of the model, call the export by name, or state the names for kcheck in YAML:\n"
        "    exports: [{{path: model.onnx, input_names: {{user: input_2, item: input_1}}}}]",
        _AGREEMENT,
    ),
    export_cause(
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
    export_cause(
        "export-scales-itself",
        "the export contains the preprocessing: it expects raw rows",
        "Preprocessing was built into the export, and kcheck fed it rows that were already scaled; with "
        "raw rows it gives the outputs of the model on scaled rows. A server that scales as well would "
        "scale twice.",
        "give this export raw rows: remove the scaling in front of it",
        _AGREEMENT,
    ),
    export_cause(
        "export-predict-step-lost",
        "the model's own predict_step is not in the export",
        "`model.export` exports the model's call. What a custom `predict_step` or `predict` does on top, "
        "such as a softmax, is Python code that only `model.predict` runs.",
        "move what predict_step does into a layer of the model, save it and export it again",
        _AGREEMENT,
    ),
    export_cause(
        "export-mask-lost",
        "the export does not mask padded time steps",
        "A mask is not a tensor of the graph's interface. A converter, or a model rebuilt for the export, "
        "can lose it. Padded time steps then count as data.",
        "export the whole model from the Masking or Embedding layer on, and test it with padded rows",
        _AGREEMENT,
    ),
    export_cause(
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
    export_cause(
        "export-unrepeatable",
        "the export answers the same rows differently each time",
        "The model repeats its outputs, also without a training argument; the export does not, and loading "
        "it again does not take it back to where it was. It draws random numbers of its own, or reads "
        "memory that nothing has written.",
        "export the model itself, without a function around it that draws random numbers:\n" + EXPORT_AGAIN,
        _STATE,
        _AGREEMENT,
        _BATCHING,
    ),
    export_cause(
        "export-state-carried",
        "the export keeps state between calls",
        "A stateful layer, or a variable of the export, carries its state from call to call, and starts "
        "from the state of the moment of the export. Requests of different customers continue each other's "
        "sequences.",
        "use one loaded export for each sequence, and reset it before the next:\n"
        "    interpreter.reset_all_variables()   # LiteRT",
        _STATE,
        _AGREEMENT,
        _BATCHING,
    ),
    export_cause(
        "export-overflows",
        "values inside the export are too large for float16",
        "float16 ends at 65504. A value inside the export that is larger becomes infinite, and the outputs "
        "NaN. The model computes in float32, which ends much later.",
        "export in float32; or scale the rows, and keep the layers with large values in float32",
        _AGREEMENT,
    ),
    export_cause(
        "export-saturated",
        "the export cuts values at the end of a fixed range",
        "A statically quantized export represents each tensor by integers of a fixed range, which was "
        "measured on a few calibration rows. Values beyond the range are cut to its end.",
        "calibrate with rows that cover the range of those that are served, and with more of them:\n"
        "    onnxruntime.quantization.quantize_static(\n"
        "        'model.onnx', 'quantized.onnx', calibration_reader, reduce_range=True\n"
        "    )",
        _AGREEMENT,
    ),
    export_cause(
        "export-sums-saturate",
        "sums of 8-bit products are cut at 16 bits on this processor",
        "On x86 processors without VNNI, the instructions for 8-bit products, ONNX Runtime adds pairs of "
        "products of 8-bit activations and 8-bit weights in 16 bits and cuts the sums at 32767. The same "
        "file gives other outputs on processors with VNNI. Weights of 7 bits cannot reach the limit.",
        "quantize the weights to 7 bits:\n"
        "    onnxruntime.quantization.quantize_static(..., reduce_range=True)   # or quantize_dynamic\n"
        "or let the runtime compute exact sums, which takes longer:\n"
        "    options = onnxruntime.SessionOptions()\n"
        "    options.add_session_config_entry('session.x64quantprecision', '1')\n"
        "    session = onnxruntime.InferenceSession('quantized.onnx', options)",
        _AGREEMENT,
    ),
    export_cause(
        "export-expects-other-rows",
        "the export expects rows in a different form than the model",
        "A converter or a function around the model changed what it takes: channels first, channels in "
        "reverse order (BGR), or rows that were scaled before, because a Rescaling was left out. Where "
        "shapes are equal nothing fails.",
        "give the export rows in the form that the confirmation names, or export the model itself:\n"
        + EXPORT_AGAIN,
        _AGREEMENT,
    ),
    export_cause(
        "export-narrows-rows",
        "the export takes the rows in a type that cannot hold them",
        "The signature of the export has inputs of float16 or integers. Rows are rounded or cut before the "
        "first layer sees them.",
        "export with inputs of the model's own types:\n    tf.TensorSpec((None, 10), tf.float32)",
        _AGREEMENT,
    ),
    export_cause(
        "export-nan-differs",
        "the export computes numbers where the model gives NaN, or the reverse",
        "Only rows with NaN or infinity differ. Runtimes treat NaN in relu, max and comparisons differently: "
        "some pass it on, some replace it by zero, and the output does not show that a value was missing.",
        "replace or refuse missing values before the model:\n"
        "    rows = np.nan_to_num(rows)      # or: assert np.isfinite(rows).all()",
        _AGREEMENT,
    ),
    export_cause(
        "export-transforms-outputs",
        "the export gives a function of the model's outputs",
        "A softmax or sigmoid was added to the export or left out of it, outputs were brought back to the "
        "units of the targets, cut to a range, or put in a different order of columns. Code that expects the "
        "outputs of the model reads them wrongly.",
        "export the model itself, or compare the export with the model that ends with the same function:\n"
        + EXPORT_AGAIN,
        _AGREEMENT,
    ),
    export_cause(
        "export-low-precision",
        "the export computes in lower precision than the model",
        "Weights or activations are float16, bfloat16 or integers, by conversion or because the runtime "
        "chooses so: OpenVINO computes in bfloat16 on processors that can.",
        "compute in float32 where the difference matters, for OpenVINO:\n"
        "    core.compile_model(model, 'CPU', {{'INFERENCE_PRECISION_HINT': 'f32'}})\n"
        "or accept it: facts: {{low_precision: accepted}}",
        _AGREEMENT,
    ),
    export_cause(
        "runtime-optimiser",
        "an optimization of the runtime changes the outputs",
        "The same file gives the outputs of the model with the runtime's graph optimizations or delegates "
        "switched off. The converter is right; the runtime is not.",
        "switch the optimization off, and report it to the runtime with the bundle of kcheck:\n"
        "    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL",
        _AGREEMENT,
    ),
    export_cause(
        "export-neighbours",
        "the export computes with values of the whole batch",
        "Dynamic quantization chooses the scale of activations while it runs, from the largest value of "
        "the whole tensor. One unusual row changes the rounding of all rows of its batch.",
        "quantize with scales that are measured beforehand:\n"
        "    onnxruntime.quantization.quantize_static(\n"
        "        'model.onnx', 'quantized.onnx', calibration_reader, reduce_range=True\n"
        "    )",
        _BATCHING,
        _AGREEMENT,
    ),
    export_cause(
        "export-batch-frozen",
        "the export only takes batches of one size",
        "The number of rows became a constant when the model was exported. Other batches are refused, or "
        "have to be filled up.",
        "export with a free batch axis: keras.Input((10,)) without batch_size",
        _BATCHING,
    ),
    export_cause(
        "export-state-frozen",
        "the export starts from the same state at every call",
        "The state of a stateful layer became a constant when the model was exported. The model carries "
        "it from call to call; the export repeats the first step.",
        "export a model that takes the states as inputs and returns them, and keep them in the caller",
        _STATE,
        _AGREEMENT,
        _BATCHING,
    ),
    export_cause(
        "export-layer-differs",
        "the export computes a layer differently than the model",
        "The values inside the export agree with the outputs of the model's layers up to this layer, and "
        "differ from there on. A converter translated it wrongly, or the runtime computes it wrongly.",
        "replace the layer by one that the converter translates rightly, or use a different format; report "
        "it to the converter with the bundle of kcheck (--bundle)",
        _AGREEMENT,
    ),
    *UNUSABLE_EXPORT_CAUSES,
)
"""In the order in which they are tried on an export.

Another epsilon comes first: the two numbers of a normalization in the file are then those of no model at all.
"""
