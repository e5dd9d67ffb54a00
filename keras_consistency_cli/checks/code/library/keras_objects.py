"""Keras: models that are loaded or built, layers, and the scaling that belongs to known architectures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Arguments, Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.marks import scaled_pixels
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Thing, Value

__all__ = ["AUGMENTATIONS", "KERAS", "OF_PIXELS", "RECURRENT", "note_layers"]

RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional"})
AUGMENTATIONS = frozenset(
    {
        "RandomFlip", "RandomRotation", "RandomZoom", "RandomContrast", "RandomTranslation", "RandomCrop",
        "RandomBrightness", "RandomHue", "RandomSaturation", "GaussianNoise", "RandAugment", "MixUp",
    }
)  # fmt: skip
_OF_PICTURES = frozenset({"Resizing", "CenterCrop", "Input", "InputLayer"})
"""Layers that stand next to augmentation in a model that only augments pictures."""
_LAYERS = (
    "Dense", "Conv1D", "Conv2D", "Conv3D", "LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional",
    "Embedding", "Flatten", "Dropout", "BatchNormalization", "MaxPooling1D", "MaxPooling2D", "Rescaling",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "TimeDistributed", "Reshape", "LayerNormalization",
    "Activation", "Input", "InputLayer", "Concatenate", "Add", "MultiHeadAttention",
)  # fmt: skip
_AXES_OF_SERIES = 2
"""Of one series: time steps and columns."""
OF_PIXELS = "scales-pixels"
"""Among the layers of a model: it contains the scaling of its pixels."""
_LARGEST_SCALE = 0.01
_SCALED_INSIDE = ("efficientnet", "efficientnet_v2", "convnext", "regnet", "mobilenet_v3")
"""Architectures that contain their scaling: their preprocess_input() changes nothing."""
_OF_CAFFE = frozenset({"VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152"})
"""Architectures whose weights are those of Caffe, for blue, green, red; preprocess_input() exchanges them."""
_BUILDERS = ("Sequential", "Model", "model_from_json", "model_from_yaml", "clone_model", "from_config")
_ARCHITECTURES = (
    "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "InceptionV3",
    "InceptionResNetV2", "Xception", "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large",
    "DenseNet121", "DenseNet169", "DenseNet201", "NASNetMobile", "NASNetLarge", "ConvNeXtTiny",
    *(f"EfficientNetB{size}" for size in range(8)), "EfficientNetV2B0", "EfficientNetV2S",
)  # fmt: skip


def _load_model(machine: Machine, call: Call) -> Value:
    value = machine.new_thing(call.node, "loaded", "load_model", "model", call)
    _as_keras(value)
    machine.add("load", call.node, value, call.arguments.get(0), options=call.arguments.options)
    return value


def _load_saved(machine: Machine, call: Call) -> Value:
    """tf.saved_model.load(...): an object with signatures."""
    value = machine.new_thing(call.node, "loaded", "saved_model.load", "model", call)
    machine.add("load", call.node, value, call.arguments.get(0))
    return value


def _as_keras(value: Value) -> None:
    if value.thing is not None:
        value.thing.is_keras = True


def _architecture(machine: Machine, call: Call) -> Value:
    """MobileNetV2(weights="imagenet"): trained by others."""
    weights = call.arguments.get(1, "weights")
    is_loaded = not weights.is_const(None)
    value = machine.new_thing(call.node, "loaded" if is_loaded else "built", "application", "model", call)
    _as_keras(value)
    if value.thing is not None and call.name.rpartition(".")[2] in _OF_CAFFE:
        value.thing.layers.add("caffe")
    name = call.name.rpartition(".")[2].casefold().replace("netv", "net_v")
    is_scaled = not call.arguments.options.get("include_preprocessing", NOTHING).is_const(False)
    if value.thing is not None and is_loaded and is_scaled and name.startswith(_SCALED_INSIDE):
        value.thing.layers.add(OF_PIXELS)
    has_top = not call.arguments.get(0, "include_top").is_const(False)
    if is_loaded and has_top:
        machine.add("load", call.node, value, weights)
    return value


def _build(machine: Machine, call: Call) -> Value:
    value = machine.new_thing(call.node, "built", call.name.rpartition(".")[2], "model", call)
    _as_keras(value)
    thing = value.thing
    if thing is not None:
        note_layers(thing, call.arguments.all())
        if thing.layers & AUGMENTATIONS and thing.layers <= AUGMENTATIONS | _OF_PICTURES:
            return replace(value, kind="augmentation")
    return value.marked(*call.result.of("training-inside"))


def note_layers(model: Thing, values: Iterable[Value]) -> None:
    """Keep in mind that a model, or a layer around others, has these layers."""
    for value in values:
        note_layers(model, value.items or ())
        if value.thing is not None and value.kind in ("layer", "augmentation"):
            model.layers |= {value.thing.name, *value.thing.layers}
        model.layers |= {mark.kind[6:] for mark in value.marks if mark.kind.startswith("layer:")}


def _layer(machine: Machine, call: Call) -> Value:
    name = call.name.rpartition(".")[2]
    value = machine.new_thing(call.node, "built", name, "layer", call)
    thing = value.thing
    if thing is None:
        return value
    note_layers(thing, call.arguments.values if name in RECURRENT else ())
    if call.arguments.get(-1, "stateful").is_const(True):
        thing.layers.add("stateful")
    if _declares_one_step(call.arguments):
        thing.layers.add("one-step")
    if name == "Rescaling" and _is_of_pixels(call.arguments.get(0, "scale")):
        thing.layers.add(OF_PIXELS)
    marks = {Mark(f"layer:{layer}") for layer in (name, *thing.layers)}
    return replace(value, marks=frozenset(marks))


def _is_of_pixels(scale: Value) -> bool:
    """Whether a scale brings pixels from 0 to 255 down to small numbers: 1 / 255, 1 / 127.5."""
    return isinstance(scale.ref, float) and 0 < scale.ref < _LARGEST_SCALE


def _augmentation(machine: Machine, call: Call) -> Value:
    return machine.new_thing(call.node, "built", call.name.rpartition(".")[2], "augmentation", call)


def _saved_layer(machine: Machine, call: Call) -> Value:
    """TFSMLayer(...): an exported model that is loaded as a layer."""
    value = machine.new_thing(call.node, "loaded", "TFSMLayer", "model", call)
    machine.add("load", call.node, value, call.arguments.get(0))
    return value


def _prepared(machine: Machine, call: Call) -> Value:
    """keras.applications.*.preprocess_input(x): scaled as its architecture needs it."""
    given = call.arguments.get(0)
    if any(part in _SCALED_INSIDE for part in call.name.split(".")):
        return replace(given, marks=given.marks | {Mark("expects-rgb")}, items=None)
    return Value(
        kind="array",
        marks=scaled_pixels(given, "prepared", machine.site(call.node)),
        rank=given.rank,
        rows=given.rows,
    )


def _decoded(machine: Machine, call: Call) -> Value:
    machine.add("decode", call.node, call.arguments.get(0), NOTHING)
    return Value(marks=call.arguments.get(0).marks)


def _padded(machine: Machine, call: Call) -> Value:
    """pad_sequences(x): two axes."""
    given = call.arguments.get(0)
    return Value(kind="array", marks=given.marks, rank=2, rows=given.rows)


def _generator(machine: Machine, call: Call) -> Value:
    """ImageDataGenerator(rescale=1/255): how the pictures of training were scaled."""
    return machine.new_thing(call.node, "built", "ImageDataGenerator", "generator", call)


def _learning_phase(machine: Machine, call: Call) -> Value:
    machine.add("phase", call.node, NOTHING, call.arguments.get(0))
    return NOTHING


def _declares_one_step(arguments: Arguments) -> bool:
    """Whether an input is declared as a series of one step: Input((1, 8)), LSTM(4, input_shape=(1, 8))."""
    options = arguments.options
    whole = next((options[name] for name in ("batch_shape", "batch_input_shape") if name in options), NOTHING)
    shape = (whole.items or ())[1:]
    if not shape:
        shape = options.get("input_shape", arguments.get(0, "shape")).items or ()
    return len(shape) == _AXES_OF_SERIES and shape[0].is_const(1)


def _input_tensor(machine: Machine, call: Call) -> Value:
    marks = {Mark("symbolic"), *([Mark("layer:one-step")] if _declares_one_step(call.arguments) else ())}
    return Value(marks=frozenset(marks))


def _datasets(machine: Machine, call: Call) -> Value:
    machine.add("training-data", call.node, NOTHING, call.arguments.get(0), options=call.arguments.options)
    return Value(rows="many")


KERAS: Handlers = {
    "keras.load_model": _load_model,
    "keras.TFSMLayer": _saved_layer,
    "tensorflow.load": _load_saved,
    "tensorflow.load_model": _load_model,
    "mlflow.load_model": _load_model,
    **{f"keras.{name}": _build for name in _BUILDERS},
    **{f"keras.{name}": _architecture for name in _ARCHITECTURES},
    **{f"keras.{name}": _layer for name in _LAYERS},
    **{f"keras.{name}": _augmentation for name in sorted(AUGMENTATIONS)},
    "keras.Input": _input_tensor,
    "keras.preprocess_input": _prepared,
    "keras.decode_predictions": _decoded,
    "keras.pad_sequences": _padded,
    "keras.ImageDataGenerator": _generator,
    "keras.set_learning_phase": _learning_phase,
    "keras.image_dataset_from_directory": _datasets,
}
