"""Facts of a live model: layers, inputs, outputs, flags. Nothing of the model is run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import keras

from keras_consistency_cli.loading.hints.layer_hints import keras_class_names
from keras_consistency_cli.loading.model.input_structure import build_shape, input_names
from keras_consistency_cli.loading.model.layer_walk import (
    has_own_code,
    is_keras_class,
    is_keras_method,
    walk_layers,
)
from keras_consistency_cli.loading.model.text_lookups import describe_text_lookups
from keras_consistency_cli.loading.model.work import count_work
from keras_consistency_cli.measurement.facts import Decision, Facts, InputFact, LayerFact, OutputFact
from keras_consistency_cli.text import clean, number_repeated

__all__ = [
    "describe_model",
    "masked_value",
]

_OVERRIDABLE = ("predict", "predict_step", "make_predict_function", "predict_on_batch", "__call__")
_LOW_PRECISION_MARKS = ("float16", "bfloat16", "int8", "int4", "float8", "gptq", "awq")


def describe_model(
    model: Any,
    *,
    saved_with: str = "",
    compile_failure: str = "",
    notes: Sequence[str] = (),
    masks_destroyed: Sequence[str] = (),
    time_stated: bool = False,
    own_code: bool = False,
) -> Facts:
    """Return the facts of a loaded model.

    Args:
        model: a Keras model.
        saved_with: the version of Keras that saved it, "" if unknown.
        compile_failure: why it was loaded with compile=False, "" if it was not.
        notes: notes about loading it, for the report.
        masks_destroyed: layers of which Keras warned that they destroy the mask.
        time_stated: whether the owner states that axis 1 is time.
        own_code: whether code of the user's was imported for it, such as functions that layers of Keras call.
    """
    layers = tuple(_describe_layer(path, layer) for path, layer in walk_layers(model))
    inputs = _describe_inputs(model)
    batch_sizes = {fact.shape[0] for fact in inputs if fact.shape}
    policies = {fact.dtype_policy for fact in layers}
    return Facts(
        name=clean(model.name),
        kind=_model_kind(model),
        parameters=int(model.count_params()) if model.built else 0,
        layers=layers,
        work=_count_work(model),
        inputs=inputs,
        lookups=describe_text_lookups(model),
        outputs=_describe_outputs(model),
        batch_size=next(iter(batch_sizes - {None}), None),
        low_precision=tuple(sorted(policy for policy in policies if _is_low_precision(policy))),
        overridden=tuple(name for name in _OVERRIDABLE if not is_keras_method(type(model), name)),
        keras=keras.__version__,
        saved_with=clean(saved_with),
        backend=keras.backend.backend(),
        backend_version=_backend_version(),
        devices=_list_devices(),
        masks_destroyed=tuple(masks_destroyed),
        time_stated=time_stated,
        own_code=own_code or has_own_code(model),
        compile_failure=compile_failure,
        notes=tuple(notes),
    )


def _describe_layer(path: str, layer: Any) -> LayerFact:
    training = _call_parameters(layer).get("training")
    # Only a named argument receives the flag: a call() with **kwargs does not pass it on.
    is_custom = not is_keras_class(type(layer))
    has_training_inside = any("training" in _call_parameters(inner) for _, inner in walk_layers(layer))
    return LayerFact(
        path=path,
        kind=type(layer).__name__,
        custom=is_custom,
        stateful=bool(getattr(layer, "stateful", False)) and hasattr(layer, "reset_state"),
        takes_training=training is not None,
        default_training=training is not None and training.default is True,
        forgets_training=training is None and has_training_inside and is_custom,
        baked_training=_baked_training(layer),
        dtype_policy=getattr(layer.dtype_policy, "name", "float32"),
        parameters=sum(math.prod(variable.shape) for variable in layer.weights),
        masks=masked_value(layer),
        base=_extended_class(layer) if is_custom else "",
    )


def _extended_class(layer: Any) -> str:
    """Return the class of Keras that a layer extends, empty if that is Layer itself."""
    name = next(iter(keras_class_names(layer)), "")
    return "" if name == "Layer" else name


def masked_value(layer: Any) -> float | None:
    if isinstance(layer, keras.layers.Masking):
        return float(layer.mask_value)
    return 0.0 if isinstance(layer, keras.layers.Embedding) and layer.mask_zero else None


def _call_parameters(layer: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(layer.call).parameters)
    except (TypeError, ValueError):
        return {}


def _baked_training(layer: Any) -> bool | None:
    """The training argument in a functional graph, as in `bn(x, training=True)`."""
    for node in getattr(layer, "_inbound_nodes", ()):
        value = node.arguments.kwargs.get("training")
        if isinstance(value, bool):
            return value
    return None


def _is_low_precision(policy: str) -> bool:
    return any(mark in policy for mark in _LOW_PRECISION_MARKS)


def _count_work(model: Any) -> int:
    """Return the work of one row; a layer of an unusual kind must not prevent the run."""
    try:
        return count_work(model)
    except Exception:
        return 0


def _model_kind(model: Any) -> Literal["Sequential", "Functional", "subclass"]:
    if isinstance(model, keras.Sequential):
        return "Sequential"
    return "Functional" if isinstance(model, keras.Model) and hasattr(model, "_inputs_struct") else "subclass"


def _describe_inputs(model: Any) -> tuple[InputFact, ...]:
    """The declared inputs.

    Those of a subclassed model are read from the build config saved with it.
    """
    declared = _read_tensors(model, "inputs")
    if declared:
        keys = input_names(model)
        names = keys or [tensor.name for tensor in declared]
        leniency = _leniency(model)
        return tuple(
            InputFact(
                name=clean(name),
                shape=tuple(tensor.shape),
                dtype=str(tensor.dtype),
                lenient=leniency,
                key_of=clean(tensor.name) if keys else "",
            )
            for name, tensor in zip(names, declared, strict=True)
        )
    named = _name_shapes(build_shape(model))
    return tuple(InputFact(name=name, shape=(None, *shape[1:]), dtype="") for name, shape in named)


def _read_tensors(model: Any, attribute: Literal["inputs", "outputs"]) -> list[Any]:
    """The symbolic inputs or outputs, none for a model without a graph."""
    try:
        return list(getattr(model, attribute) or ())
    except (AttributeError, ValueError):
        return []


def _leniency(model: Any) -> Literal["", "rank", "length"]:
    """How far rows may differ from the declared shape.

    Keras adds or drops a last axis of one in every graph, and compares rows with the declared lengths in
    functional models only. A layer that depends on the length fails for a different one, so a model with such
    a layer is not lenient about lengths.
    """
    if _model_kind(model) == "subclass":
        return ""
    depends_on_length = any(
        isinstance(layer, keras.layers.Flatten | keras.layers.Reshape) for _, layer in walk_layers(model)
    )
    return "length" if _model_kind(model) == "Sequential" and not depends_on_length else "rank"


def _name_shapes(shapes: Any) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    if isinstance(shapes, dict):
        for name, shape in shapes.items():
            yield clean(name), tuple(shape)
    elif isinstance(shapes, (list, tuple)) and shapes:
        if all(size is None or isinstance(size, int) for size in shapes):
            yield "input", tuple(shapes)
        else:
            for number, shape in enumerate(shapes):
                yield f"input_{number}", tuple(shape)


def _describe_outputs(model: Any) -> tuple[OutputFact, ...]:
    tensors, names = _read_tensors(model, "outputs"), _output_names(model)
    if not tensors or len(names) != len(tensors):
        return ()
    loss = _loss_name(model)
    return tuple(
        OutputFact(name=name, shape=tuple(tensor.shape), decision=_decision(tensor, loss))
        for name, tensor in zip(names, tensors, strict=True)
    )


def _output_names(model: Any) -> list[str]:
    """The names of the outputs.

    A name is the path in a dict, or the name of the layer that produces the output. Keras gives several
    outputs of one layer the same name; they get a number here, so that none is taken for another.
    """
    # A Sequential model keeps its names in the functional model inside it.
    inner = getattr(model, "_functional", None) or model
    struct = getattr(inner, "_outputs_struct", None)
    if isinstance(struct, dict):
        return [clean("/".join(map(str, path))) for path, _ in keras.tree.flatten_with_path(struct)]
    return number_repeated([clean(name) for name in getattr(inner, "output_names", ())])


def _decision(tensor: Any, loss: str) -> Decision | None:
    """How users turn this output into a class.

    It follows from the last activation or, for logits, from the loss.
    """
    has_classes = bool(tensor.shape) and len(tensor.shape) > 1 and (tensor.shape[-1] or 0) > 1
    activation = _activation_name(_producer(tensor))
    if activation == "softmax" or (activation == "linear" and "categorical" in loss):
        return "argmax" if has_classes else None
    return "threshold" if activation == "sigmoid" else None


def _producer(tensor: Any) -> Any:
    """The operation that produces a symbolic tensor, None if it is not known."""
    return getattr(getattr(tensor, "_keras_history", None), "operation", None)


def _activation_name(operation: Any) -> str:
    while isinstance(operation, keras.Model):
        outputs = getattr(operation, "outputs", None) or [None]
        operation = _producer(outputs[0])
    if type(operation).__name__ in ("Softmax", "Sigmoid"):
        return type(operation).__name__.lower()
    return str(getattr(getattr(operation, "activation", None), "__name__", "linear"))


def _loss_name(model: Any) -> str:
    loss = getattr(model, "loss", None)
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__).lower()


def _backend_version() -> str:
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return str(tensorflow.__version__)
    return str(getattr(__import__(keras.backend.backend()), "__version__", ""))


def _list_devices() -> tuple[str, ...]:
    """The devices by the names that keras.device takes; Keras lists none of PyTorch's."""
    try:
        if keras.backend.backend() == "torch":
            return _list_torch_devices()
        return tuple(str(device) for device in keras.distribution.list_devices())
    except Exception:
        return ("cpu:0",)


def _list_torch_devices() -> tuple[str, ...]:
    import torch

    if torch.cuda.is_available():
        return tuple(f"gpu:{number}" for number in range(torch.cuda.device_count()))
    return ("mps:0",) if torch.backends.mps.is_available() else ("cpu:0",)
