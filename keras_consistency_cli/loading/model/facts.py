"""Reading facts off a live model: layers, inputs, outputs, flags. Nothing of the model is run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import keras

from keras_consistency_cli.measurement.facts import Decision, Facts, InputFact, LayerFact, OutputFact
from keras_consistency_cli.text import clean

__all__ = ["describe_model", "input_names", "walk_layers"]

_OVERRIDABLE = ("predict", "predict_step", "make_predict_function", "predict_on_batch", "__call__")


def describe_model(model: Any, *, saved_with: str = "", notes: Sequence[str] = ()) -> Facts:
    """Gather the facts of a loaded model."""
    layers = tuple(_layer_fact(path, layer) for path, layer in walk_layers(model))
    inputs = _inputs(model)
    sizes = {fact.shape[0] for fact in inputs if fact.shape}
    return Facts(
        name=clean(model.name),
        kind=_kind(model),
        parameters=int(model.count_params()) if model.built else 0,
        layers=layers,
        inputs=inputs,
        outputs=_outputs(model),
        batch_size=next(iter(sizes - {None}), None),
        low_precision=tuple(sorted({fact.dtype_policy for fact in layers if _is_low(fact.dtype_policy)})),
        overridden=tuple(name for name in _OVERRIDABLE if not _from_keras(type(model), name)),
        keras=keras.__version__,
        saved_with=clean(saved_with),
        backend=keras.backend.backend(),
        backend_version=_backend_version(),
        devices=_devices(),
        notes=tuple(notes),
    )


def walk_layers(model: Any, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield every layer below `model` once, depth first, with its path: "encoder/dense_1"."""
    seen = set() if seen is None else seen
    for layer in getattr(model, "_layers", ()):
        if id(layer) in seen or not isinstance(layer, keras.layers.Layer):
            continue
        seen.add(id(layer))
        path = f"{prefix}{clean(layer.name)}"
        yield path, layer
        yield from walk_layers(layer, f"{path}/", seen)


def _layer_fact(path: str, layer: Any) -> LayerFact:
    training = _call_parameters(layer).get("training")
    # A layer's call() hides behind nothing that takes **kwargs: only a named argument receives the flag.
    inner = any("training" in _call_parameters(sub) for _, sub in walk_layers(layer))
    return LayerFact(
        path=path,
        kind=type(layer).__name__,
        custom=not type(layer).__module__.startswith("keras."),
        stateful=bool(getattr(layer, "stateful", False)) and hasattr(layer, "reset_state"),
        takes_training=training is not None,
        default_training=training is not None and training.default is True,
        forgets_training=training is None and inner and not type(layer).__module__.startswith("keras."),
        baked_training=_baked_training(layer),
        dtype_policy=getattr(layer.dtype_policy, "name", "float32"),
        parameters=sum(math.prod(variable.shape) for variable in layer.weights),
        masks=_masked_value(layer),
    )


def _masked_value(layer: Any) -> float | None:
    if isinstance(layer, keras.layers.Masking):
        return float(layer.mask_value)
    return 0.0 if isinstance(layer, keras.layers.Embedding) and layer.mask_zero else None


def _call_parameters(layer: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(layer.call).parameters)
    except (TypeError, ValueError):
        return {}


def _baked_training(layer: Any) -> bool | None:
    """The training argument written into a functional graph, as in `bn(x, training=True)`."""
    for node in getattr(layer, "_inbound_nodes", ()):
        value = node.arguments.kwargs.get("training")
        if isinstance(value, bool):
            return value
    return None


def _is_low(policy: str) -> bool:
    return any(mark in policy for mark in ("float16", "bfloat16", "int8", "int4", "float8", "gptq", "awq"))


def _from_keras(kind: type, method: str) -> bool:
    owner = next((base for base in kind.__mro__ if method in vars(base)), object)
    return owner.__module__.startswith("keras.") or owner is object


def _kind(model: Any) -> Literal["Sequential", "Functional", "subclass"]:
    if isinstance(model, keras.Sequential):
        return "Sequential"
    return "Functional" if isinstance(model, keras.Model) and hasattr(model, "_inputs_struct") else "subclass"


def _inputs(model: Any) -> tuple[InputFact, ...]:
    """Declared inputs; a subclassed model tells its shapes through the build config that was saved with it."""
    try:
        declared = list(model.inputs or ())
    except (AttributeError, ValueError):
        declared = []
    if declared:
        names, lenient = input_names(model) or [t.name for t in declared], _leniency(model)
        pairs = zip(names, declared, strict=True)
        return tuple(
            InputFact(name=clean(name), shape=tuple(t.shape), dtype=str(t.dtype), lenient=lenient)
            for name, t in pairs
        )
    try:
        built = (model.get_build_config() or {}).get("input_shape")
    except Exception:
        built = None
    return tuple(
        InputFact(name=name, shape=(None, *shape[1:]), dtype="") for name, shape in _named_shapes(built)
    )


def _leniency(model: Any) -> Literal["", "rank", "length"]:
    """Keras adds or drops a last axis of one in every graph; only a functional one holds rows against the lengths it declares.

    A layer that depends on the length crashes on another one, so a model with such a layer is no lenient one.
    """
    if _kind(model) == "subclass":
        return ""
    bound = any(
        isinstance(layer, keras.layers.Flatten | keras.layers.Reshape) for _, layer in walk_layers(model)
    )
    return "length" if _kind(model) == "Sequential" and not bound else "rank"


def input_names(model: Any) -> list[str]:
    """The names by which a model that takes a dict wants its inputs, in the order of `model.inputs`; empty for other models."""
    struct = getattr(model, "_inputs_struct", None)
    return (
        [str(path[-1]) for path, _ in keras.tree.flatten_with_path(struct)]
        if isinstance(struct, dict)
        else []
    )


def _named_shapes(built: Any) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    if isinstance(built, dict):
        for name, shape in built.items():
            yield clean(name), tuple(shape)
    elif isinstance(built, (list, tuple)) and built:
        if all(dim is None or isinstance(dim, int) for dim in built):
            yield "input", tuple(built)
        else:
            for number, shape in enumerate(built):
                yield f"input_{number}", tuple(shape)


def _outputs(model: Any) -> tuple[OutputFact, ...]:
    try:
        tensors = list(model.outputs or ())
    except (AttributeError, ValueError):
        tensors = []
    names = _output_names(model)
    if not tensors or len(names) != len(tensors):
        return ()
    loss = _loss_name(model)
    return tuple(
        OutputFact(name=name, shape=tuple(t.shape), decision=_decision(t, loss))
        for name, t in zip(names, tensors, strict=True)
    )


def _output_names(model: Any) -> list[str]:
    """Names of the outputs as answers have them: by their place in a dict, else the name of the layer they come from."""
    # A Sequential model keeps its names on the functional one inside it.
    inner = getattr(model, "_functional", None) or model
    struct = getattr(inner, "_outputs_struct", None)
    if isinstance(struct, dict):
        return [
            clean("/".join(str(step) for step in path)) for path, _ in keras.tree.flatten_with_path(struct)
        ]
    return [clean(name) for name in getattr(inner, "output_names", ())]


def _decision(tensor: Any, loss: str) -> Decision | None:
    """How users turn this output into a class, from its last activation, or from the loss where logits are trained."""
    several = bool(tensor.shape) and len(tensor.shape) > 1 and (tensor.shape[-1] or 0) > 1
    activation = _activation(getattr(getattr(tensor, "_keras_history", None), "operation", None))
    if activation == "softmax" or (activation == "linear" and "categorical" in loss):
        return "argmax" if several else None
    return "threshold" if activation == "sigmoid" else None


def _activation(operation: Any) -> str:
    while isinstance(operation, keras.Model):
        tensors = getattr(operation, "outputs", None) or [None]
        operation = getattr(getattr(tensors[0], "_keras_history", None), "operation", None)
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


def _devices() -> tuple[str, ...]:
    """Devices by the names that keras.device takes; Keras lists none of torch's."""
    try:
        if keras.backend.backend() == "torch":
            return _torch_devices()
        return tuple(str(device) for device in keras.distribution.list_devices())
    except Exception:
        return ("cpu:0",)


def _torch_devices() -> tuple[str, ...]:
    import torch

    if torch.cuda.is_available():
        return tuple(f"gpu:{number}" for number in range(torch.cuda.device_count()))
    return ("mps:0",) if torch.backends.mps.is_available() else ("cpu:0",)
