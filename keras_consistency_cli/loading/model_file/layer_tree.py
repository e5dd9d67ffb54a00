"""The layers of a saved model as a tree, read without Keras.

The sources are config.json and the headers of the weights file. Keras stores weights by class and position
(layers/dense, layers/dense_1), not by name; the weights of a sublayer are below the attribute that holds it.
Weights that a wrapper shares with the layer inside it (SpectralNormalization) are stored twice, and so
counted twice here.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.loading.model_file.layer_shapes import (
    Shape,
    as_shape,
    read_build_shape,
    read_output_shapes,
    shape_by_rule,
)
from keras_consistency_cli.loading.model_file.weights import WeightFact
from keras_consistency_cli.text import clean

__all__ = [
    "LayerSummary",
    "TensorSummary",
    "is_parameter",
    "read_inputs",
    "read_layers",
    "read_outputs",
]

_NOT_PARAMETERS = frozenset({"seed_generator", "optimizer"})
"""Stored next to weights: the state of random layers, and the optimizer of a compiled nested model."""


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """One layer: depth in the tree, name, class, output shape, parameters, dtype policy.

    `shape` is None and `policy` is "" if the file does not record them. `parameters` include those of the
    layers inside it. A layer created inside a custom class is not in the config: only its weights are known,
    and `kind` is "".
    """

    depth: int
    name: str
    kind: str
    shape: Shape | None
    parameters: int
    policy: str


@dataclass(frozen=True, kw_only=True)
class TensorSummary:
    """An input or output of the model.

    `shape` is None and `dtype` is "" if the file does not record them.
    """

    name: str
    shape: Shape | None
    dtype: str


def read_layers(config: Mapping[str, Any], weights: Sequence[WeightFact]) -> tuple[LayerSummary, ...]:
    """Return the layers of a model in the order of the file, without inputs.

    A layer comes before those inside it.
    """
    tree = _Tree(weights)
    layers = [layer for layer in tree.walk(config, "", 0) if layer.kind != "InputLayer"]
    return (*layers, *tree.unnamed_layers())


def is_parameter(path: str) -> bool:
    """Whether Keras counts the weight at this path.

    It does not count the state of a random generator or of an optimizer.
    """
    return _NOT_PARAMETERS.isdisjoint(path.split("/"))


class _Tree:
    """The walk through a config, with the weights that belong to the layers passed so far."""

    def __init__(self, weights: Sequence[WeightFact]) -> None:
        self._sizes = {
            weight.path: math.prod(weight.shape) for weight in weights if is_parameter(weight.path)
        }
        self._paths = sorted(self._sizes)
        self._assigned: set[str] = set()

    def walk(self, node: Mapping[str, Any], group: str, depth: int) -> Iterator[LayerSummary]:
        """Yield the layers inside `node`, depth first."""
        config = node.get("config")
        if not isinstance(config, dict):
            return
        recorded = read_output_shapes(config)
        for key, entry in config.items():
            if isinstance(entry, dict):
                children = [(entry, f"{group}{key}/")] if _is_layer(entry) else []
            else:
                children = list(_name_groups(entry, f"{group}{key}/"))
            is_chain = key == "layers" and not recorded
            yield from self._walk_children(children, depth, recorded, is_chain=is_chain)

    def _walk_children(
        self,
        children: Sequence[tuple[Mapping[str, Any], str]],
        depth: int,
        recorded: Mapping[str, Shape],
        *,
        is_chain: bool,
    ) -> Iterator[LayerSummary]:
        """Yield the layers of one entry.

        Each layer of a chain takes the output of the one before it.
        """
        shape: Shape | None = None
        for position, (child, group) in enumerate(children):
            following = children[position + 1 : position + 2] if is_chain else []
            built = read_build_shape(following[0][0]) if following else None
            shape = recorded.get(_layer_name(child)) or built or shape_by_rule(child, shape)
            layer = self._summarise(child, group, depth, shape)
            inside = list(self.walk(child, group, depth + 1))
            if shape is None and layer.kind == "Sequential":
                shape = next((inner.shape for inner in reversed(inside) if inner.depth == depth + 1), None)
            yield replace(layer, shape=shape)
            yield from inside

    def _summarise(
        self, node: Mapping[str, Any], group: str, depth: int, shape: Shape | None
    ) -> LayerSummary:
        first = bisect_left(self._paths, group)
        end = bisect_left(self._paths, group[:-1] + "0")  # "0" follows "/"
        paths = self._paths[first:end]
        self._assigned.update(paths)
        return LayerSummary(
            depth=depth,
            name=_layer_name(node),
            kind=clean(node["class_name"], 80),
            shape=shape,
            parameters=sum(self._sizes[path] for path in paths),
            policy=_dtype_policy(node),
        )

    def unnamed_layers(self) -> Iterator[LayerSummary]:
        """Yield the groups of weights that belong to no layer of the config.

        They belong to layers inside custom classes.
        """
        groups: Counter[str] = Counter()
        for path in sorted(set(self._sizes) - self._assigned):
            groups[path.rpartition("/vars/")[0] or path.rpartition("/")[0]] += self._sizes[path]
        for group, parameters in groups.items():
            name = clean(group or "the model's own weights", 80)
            yield LayerSummary(depth=0, name=name, kind="", shape=None, parameters=parameters, policy="")


def read_inputs(config: Mapping[str, Any]) -> tuple[TensorSummary, ...]:
    """Return the inputs of the outermost model."""
    settings = config.get("config")
    nodes = settings.get("layers") if isinstance(settings, dict) else None
    inputs = [
        TensorSummary(
            name=_layer_name(node),
            shape=as_shape(node["config"].get("batch_shape")),
            dtype=clean(node["config"].get("dtype") or "", 40),
        )
        for node in (nodes if isinstance(nodes, list) else ())
        if _is_layer(node) and node["class_name"] == "InputLayer"
    ]
    built = read_build_shape(config)
    if not inputs and built:
        return (TensorSummary(name="", shape=built, dtype=""),)
    return tuple(inputs)


def read_outputs(config: Mapping[str, Any], layers: Sequence[LayerSummary]) -> tuple[TensorSummary, ...]:
    """Return the outputs of the outermost model, named by the layers that produce them.

    Args:
        config: config.json, parsed.
        layers: its layers, from `read_layers`.
    """
    outermost = {layer.name: layer for layer in layers if layer.depth == 0 and layer.kind}
    settings = config.get("config")
    listed = settings.get("output_layers") if isinstance(settings, dict) else None
    names = [clean(name, 80) for name in _tensor_layers(listed)] if listed else list(outermost)[-1:]
    shapes = {name: outermost[name].shape if name in outermost else None for name in names}
    return tuple(TensorSummary(name=name, shape=shape, dtype="") for name, shape in shapes.items())


def _dtype_policy(node: Mapping[str, Any]) -> str:
    """The dtype policy in a layer's config, "" if there is none."""
    dtype = node["config"].get("dtype")
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        dtype = name or dtype.get("class_name")
    return clean(dtype, 40) if isinstance(dtype, str) else ""


def _is_layer(node: object) -> bool:
    if (
        not isinstance(node, dict)
        or not isinstance(node.get("class_name"), str)
        or not isinstance(node.get("config"), dict)
    ):
        return False
    return node["class_name"] == "InputLayer" or "inbound_nodes" in node or "trainable" in node["config"]


def _layer_name(node: Mapping[str, Any]) -> str:
    name = node["config"].get("name") or node.get("name")
    return clean(name if isinstance(name, str) else node["class_name"], 80)


def _tensor_layers(nest: object) -> Iterator[str]:
    """The layers named in a nest of [layer, node, tensor]."""
    if isinstance(nest, list) and len(nest) == 3 and isinstance(nest[0], str) and isinstance(nest[1], int):
        yield nest[0]
    elif isinstance(nest, dict | list):
        for entry in nest.values() if isinstance(nest, dict) else nest:
            yield from _tensor_layers(entry)


def _name_groups(entry: object, prefix: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The layers of a list, each with the group of its weights: layers/dense, layers/dense_1."""
    used: Counter[str] = Counter()
    for child in entry if isinstance(entry, list) else ():
        if _is_layer(child):
            name = _snake_case(child["class_name"])
            suffix = f"_{used[name]}" if used[name] else ""
            used[name] += 1
            yield child, f"{prefix}{name}{suffix}/"


def _snake_case(name: str) -> str:
    """The class name as Keras writes it in paths.

    GlobalAveragePooling2D becomes global_average_pooling2d.
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name[:200]))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
