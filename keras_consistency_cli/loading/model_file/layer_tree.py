"""The layers of a saved model as a tree, read from config.json and the headers of the weights file alone.

Keras files weights by class and position (layers/dense, layers/dense_1), not by name; sublayers lie below the attribute that holds them. Weights that
a wrapper shares with the layer inside it (SpectralNormalization) are stored twice, and so counted twice here.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.loading.model_file.weights import WeightFact
from keras_consistency_cli.text import clean

__all__ = [
    "LayerSummary",
    "Shape",
    "TensorSummary",
    "input_rows",
    "layer_rows",
    "output_rows",
    "policy_of",
    "weightless",
]

Shape = tuple[int | None, ...]

_SAME_SHAPE = frozenset(
    {
        "Activation",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "GroupNormalization",
        "Identity",
        "LayerNormalization",
    }
    | {
        "LeakyReLU",
        "Masking",
        "Normalization",
        "PReLU",
        "RMSNormalization",
        "ReLU",
        "Rescaling",
        "Softmax",
        "SpatialDropout1D",
        "SpatialDropout2D",
    }
    | {"UnitNormalization"}
)
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})
_NO_PARAMETERS = frozenset({"seed_generator", "optimizer"})
"""What lies beside weights and is none: the state of random layers, and the optimizer of a compiled model inside a model."""


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """One layer: how deep it lies, its name and class as the file has them, what it answers with, its parameters and its dtype policy.

    `shape` is None where the file does not tell, `policy` "" likewise; `parameters` include those of layers inside it. A layer that is built by a
    custom class stands in no config: it is known by its weights alone, and its class is "".
    """

    depth: int
    name: str
    kind: str
    shape: Shape | None
    parameters: int
    policy: str


@dataclass(frozen=True, kw_only=True)
class TensorSummary:
    """An input or output of the model: its name, its shape where the file tells it, its dtype ("" where it does not)."""

    name: str
    shape: Shape | None
    dtype: str


def layer_rows(config: Mapping[str, Any], weights: Sequence[WeightFact]) -> tuple[LayerSummary, ...]:
    """Return the layers of a model in the order of the file, each above those inside it; inputs are left out."""
    tree = _Tree(weights)
    rows = [row for row in tree.inside(config, "", 0) if row.kind != "InputLayer"]
    return (*rows, *tree.unnamed())


def weightless(path: str) -> bool:
    """Whether what is stored there is no parameter in Keras's count: the state of a random generator or of an optimizer."""
    return not _NO_PARAMETERS.isdisjoint(path.split("/"))


class _Tree:
    """The walk through a config, with the weights that it has accounted for."""

    def __init__(self, weights: Sequence[WeightFact]) -> None:
        self._sizes = {
            weight.path: math.prod(weight.shape) for weight in weights if not weightless(weight.path)
        }
        self._paths = sorted(self._sizes)
        self._told: set[str] = set()

    def inside(self, node: Mapping[str, Any], group: str, depth: int) -> Iterator[LayerSummary]:
        """Yield the layers that `node` holds, depth first."""
        config = node.get("config")
        if not isinstance(config, dict):
            return
        answers = _answers(config)
        for key, held in config.items():
            used: Counter[str] = Counter()
            alone = isinstance(held, dict)
            children = [
                child
                for child in ([held] if alone else held if isinstance(held, list) else ())
                if _is_layer(child)
            ]
            in_line = (
                [*children[1:], None][: len(children)]
                if key == "layers" and not answers
                else [None] * len(children)
            )
            shape: Shape | None = None
            for child, following in zip(children, in_line, strict=True):
                own = (
                    f"{group}{key}/"
                    if alone
                    else f"{group}{key}/{_unique(_snake_case(child['class_name']), used)}/"
                )
                shape = (
                    answers.get(_name(child))
                    or (_built_for(following) if following else None)
                    or _shape_by_rule(child, shape)
                )
                row, below = self._row(child, own, depth, shape), list(self.inside(child, own, depth + 1))
                last = next((inner for inner in reversed(below) if inner.depth == depth + 1), None)
                if shape is None and last is not None and row.kind == "Sequential":
                    shape = last.shape
                yield replace(row, shape=shape)
                yield from below

    def _row(self, node: Mapping[str, Any], group: str, depth: int, shape: Shape | None) -> LayerSummary:
        held = self._paths[
            bisect_left(self._paths, group) : bisect_left(self._paths, group[:-1] + "0")
        ]  # "0" follows "/"
        self._told.update(held)
        parameters = sum(self._sizes[path] for path in held)
        return LayerSummary(
            depth=depth,
            name=_name(node),
            kind=clean(node["class_name"], 80),
            shape=shape,
            parameters=parameters,
            policy=policy_of(node),
        )

    def unnamed(self) -> Iterator[LayerSummary]:
        """Yield the groups of weights that no layer of the config accounts for: what custom classes have made."""
        groups: Counter[str] = Counter()
        for path in sorted(set(self._sizes) - self._told):
            groups[path.rpartition("/vars/")[0] or path.rpartition("/")[0]] += self._sizes[path]
        for group, parameters in groups.items():
            yield LayerSummary(
                depth=0,
                name=clean(group or "the model's own weights", 80),
                kind="",
                shape=None,
                parameters=parameters,
                policy="",
            )


def input_rows(config: Mapping[str, Any]) -> tuple[TensorSummary, ...]:
    """Return what the outermost model takes."""
    rows = []
    for node in _layers(config):
        if node["class_name"] == "InputLayer":
            settings = node["config"]
            shape = _as_shape(settings.get("batch_shape"))
            rows.append(
                TensorSummary(name=_name(node), shape=shape, dtype=clean(settings.get("dtype") or "", 40))
            )
    built = (
        _as_shape((config.get("build_config") or {}).get("input_shape"))
        if isinstance(config.get("build_config"), dict)
        else None
    )
    return tuple(rows) or ((TensorSummary(name="", shape=built, dtype=""),) if built else ())


def output_rows(config: Mapping[str, Any], rows: Sequence[LayerSummary]) -> tuple[TensorSummary, ...]:
    """Return what the outermost model answers with, by the layers that give it.

    Args:
        config: config.json, parsed.
        rows: its layers, from `layer_rows`.
    """
    outermost = {row.name: row for row in rows if row.depth == 0 and row.kind}
    settings = config.get("config")
    listed = settings.get("output_layers") if isinstance(settings, dict) else None
    names = [clean(name, 80) for name in _named(listed)] if listed else list(outermost)[-1:]
    shapes = {name: outermost[name].shape if name in outermost else None for name in names}
    return tuple(TensorSummary(name=name, shape=shape, dtype="") for name, shape in shapes.items())


def policy_of(node: Mapping[str, Any]) -> str:
    """Return the dtype policy that a layer's config names, "" where it names none."""
    dtype = node["config"].get("dtype") if isinstance(node.get("config"), dict) else None
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        dtype = (
            inner.get("name") if isinstance(inner, dict) and inner.get("name") else dtype.get("class_name")
        )
    return clean(dtype, 40) if isinstance(dtype, str) else ""


def _layers(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    settings = config.get("config")
    held = settings.get("layers") if isinstance(settings, dict) else None
    return [node for node in held if _is_layer(node)] if isinstance(held, list) else []


def _is_layer(node: object) -> bool:
    if (
        not isinstance(node, dict)
        or not isinstance(node.get("class_name"), str)
        or not isinstance(node.get("config"), dict)
    ):
        return False
    return node["class_name"] == "InputLayer" or "inbound_nodes" in node or "trainable" in node["config"]


def _name(node: Mapping[str, Any]) -> str:
    name = node["config"].get("name") or node.get("name")
    return clean(name, 80) if isinstance(name, str) else clean(node["class_name"], 80)


def _answers(settings: Mapping[str, Any]) -> dict[str, Shape]:
    """By layer: the shape of its output, as those that take it have written it down."""
    found: dict[str, Shape] = {}
    stack = (
        [node.get("inbound_nodes") for node in settings.get("layers") or () if isinstance(node, dict)]
        if _has_list(settings)
        else []
    )
    while stack:
        node = stack.pop()
        if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
            _note_tensor(node.get("config"), found)
        elif isinstance(node, dict | list):
            stack.extend(node.values() if isinstance(node, dict) else node)
    return found


def _has_list(settings: Mapping[str, Any]) -> bool:
    return isinstance(settings.get("layers"), list)


def _note_tensor(tensor: object, found: dict[str, Shape]) -> None:
    history = tensor.get("keras_history") if isinstance(tensor, dict) else None
    shape = _as_shape(tensor.get("shape")) if isinstance(tensor, dict) else None
    if isinstance(history, list) and history and isinstance(history[0], str) and shape is not None:
        found.setdefault(clean(history[0], 80), shape)


def _built_for(node: Mapping[str, Any]) -> Shape | None:
    built = node.get("build_config")
    return _as_shape(built.get("input_shape")) if isinstance(built, dict) else None


def _shape_by_rule(node: Mapping[str, Any], before: Shape | None) -> Shape | None:
    """The shape that a layer gives where nothing tells it, for the classes where it can be known without running it."""
    taken, settings, kind = _built_for(node) or before, node["config"], node["class_name"]
    units = settings.get("units")
    if kind == "InputLayer":
        return _as_shape(settings.get("batch_shape"))
    if taken is None or kind in _SAME_SHAPE:
        return taken
    if isinstance(units, int) and kind == "Dense":
        return (*taken[:-1], units)
    if isinstance(units, int) and kind in _RECURRENT:
        return (*taken[:2], units) if settings.get("return_sequences") else (taken[0], units)
    return None


def _as_shape(value: object) -> Shape | None:
    """A shape as Keras writes it; None for anything else, nested shapes of several inputs included."""
    if not isinstance(value, list) or not value or len(value) > 32:
        return None
    return (
        tuple(value)
        if all(size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in value)
        else None
    )


def _named(listed: object) -> Iterator[str]:
    """The layers that a nest of [name, node, tensor] names."""
    if (
        isinstance(listed, list)
        and len(listed) == 3
        and isinstance(listed[0], str)
        and isinstance(listed[1], int)
    ):
        yield listed[0]
    elif isinstance(listed, dict | list):
        for held in listed.values() if isinstance(listed, dict) else listed:
            yield from _named(held)


def _unique(name: str, used: Counter[str]) -> str:
    used[name] += 1
    return name if used[name] == 1 else f"{name}_{used[name] - 1}"


def _snake_case(name: str) -> str:
    """The class name as Keras spells it in paths: GlobalAveragePooling2D becomes global_average_pooling2d."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name[:200]))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
