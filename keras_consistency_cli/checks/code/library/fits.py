"""Methods of transformers: fits, and the use of what was learned; and the training of models."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine, label_of
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Thing, Value

__all__ = ["FIT_FUNCTIONS", "FIT_METHODS", "marks_of_fit", "transformed"]

_TRANSFORMER = re.compile(
    r"scal|encod|token|vectori|normali[sz]|imput|pca|binari|(?:^|_)(?:le|ohe|sc|ss|mms|lb)\d*$"
)

_FEATUREWISE = ("featurewise_center", "featurewise_std_normalization", "zca_whitening")
_WRAPPERS = ("array", "asarray", "constant", "convert_to_tensor", "list")
"""Functions that leave the rows as they are."""


def is_transformer(call: Call) -> bool:
    """Whether the object learns from rows to transform rows: by its class, or by its name."""
    if call.receiver.kind == "transformer":
        return True
    if call.receiver.kind == "generator":
        return _is_of_features(call.receiver.thing)
    if call.receiver.kind in ("model", "layer", "pipeline", "stateless"):
        return False
    label = label_of(call.node.func.value) if isinstance(call.node.func, ast.Attribute) else ""
    return bool(_TRANSFORMER.search(label.casefold()))


def _is_of_features(thing: Thing | None) -> bool:
    """Whether a generator of pictures learns: ImageDataGenerator(featurewise_center=True)."""
    options = thing.options if thing is not None else {}
    return any(name in options and not options[name].is_const(False) for name in _FEATUREWISE)


def _cloned(machine: Machine, call: Call) -> Value:
    """sklearn.base.clone(scaler): one of the same kind, which has learned nothing."""
    given = call.arguments.get(0, "estimator")
    thing = given.thing
    names = f"{thing.path} {thing.label}".casefold() if thing is not None else ""
    is_known = given.kind == "transformer" or (given.kind == "loaded" and _TRANSFORMER.search(names))
    if thing is None or not is_known:
        return call.result
    return machine.new_thing(call.node, "built", thing.name, "transformer")


def _fit(machine: Machine, call: Call) -> Value:
    """scaler.fit(x), or model.fit(x, y)."""
    if not is_transformer(call):
        return _train(machine, call)
    _learn(machine, call)
    return call.receiver


def _learn(machine: Machine, call: Call) -> frozenset[Mark]:
    """Write the fit into the trace, and return the marks of everything that it transforms."""
    given = _rows_of(call)
    machine.add("fit", call.node, call.receiver, given, method=call.name)
    thing = call.receiver.thing
    identity = thing.identity if thing else 0
    site = machine.site(call.node)
    marks = frozenset({Mark("refit", site, identity)})
    if thing is not None:
        thing.fit_marks = marks | {Mark(f"fitted-on:{_text(call)}", site, identity)}
    return marks | {Mark("refit-self", site, identity)}


def _rows_of(call: Call) -> Value:
    for name in ("X", "data", "texts", "raw_documents"):
        if name in call.arguments.options:
            return call.arguments.options[name]
    return call.arguments.get(0)


def _text(call: Call) -> str:
    """The argument as it is written: the same rows may be fitted and transformed."""
    argument: ast.expr | None = call.node.args[0] if call.node.args else None
    while isinstance(argument, ast.Call) and len(argument.args) == 1 and label_of(argument) in _WRAPPERS:
        argument = argument.args[0]
    return ast.dump(argument) if argument is not None else ""


def _fit_transform(machine: Machine, call: Call) -> Value:
    """scaler.fit_transform(x)."""
    if call.receiver.kind in ("stateless", "pipeline"):
        return transformed(machine, call)
    marks = _learn(machine, call)
    return _result(call, _rows_of(call), marks)


def _adapt(machine: Machine, call: Call) -> Value:
    """layer.adapt(x), tokenizer.fit_on_texts(x)."""
    _learn(machine, call)
    return NOTHING


def transformed(machine: Machine, call: Call) -> Value:
    """scaler.transform(x), tokenizer.texts_to_sequences(x)."""
    given = _rows_of(call)
    machine.add("transform", call.node, call.receiver, given, method=call.name)
    return _result(call, given, marks_of_fit(call))


def marks_of_fit(call: Call) -> frozenset[Mark]:
    """What the last fit of an object makes true of rows that it transforms."""
    thing = call.receiver.thing
    if thing is None:
        return frozenset()
    marks = frozenset(mark for mark in thing.fit_marks if mark.kind == "refit")
    same = f"fitted-on:{_text(call)}"
    return marks | {mark._replace(kind="refit-self") for mark in thing.fit_marks if mark.kind == same}


def _result(call: Call, given: Value, marks: frozenset[Mark]) -> Value:
    """Rows that were transformed."""
    thing: Thing | None = call.receiver.thing
    kept = given.without("columns", "order").marks
    kept |= {Mark("float64"), Mark("scaled", None, thing.identity if thing else 0)}
    return Value(kind="array", marks=kept | marks, rank=given.rank, rows=given.rows)


def _inverse(machine: Machine, call: Call) -> Value:
    """scaler.inverse_transform(y)."""
    given = call.arguments.get(0)
    machine.add("inverse", call.node, call.receiver, given)
    return replace(given, kind="array", items=None)


def _train(machine: Machine, call: Call) -> Value:
    machine.add("train", call.node, call.receiver, call.arguments.get(0, "x"))
    return call.receiver


FIT_METHODS: Handlers = {
    "fit": _fit,
    "partial_fit": _fit,
    "fit_transform": _fit_transform,
    "fit_on_texts": _adapt,
    "fit_on_sequences": _adapt,
    "adapt": _adapt,
    "transform": transformed,
    "texts_to_sequences": transformed,
    "texts_to_matrix": transformed,
    "inverse_transform": _inverse,
    "train_on_batch": _train,
    "fit_generator": _train,
}
FIT_FUNCTIONS: Handlers = {"sklearn.clone": _cloned}
