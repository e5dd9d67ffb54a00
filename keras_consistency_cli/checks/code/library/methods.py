"""Methods of values that are not objects of the program: of models, arrays, tables and lists."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine, label_of
from keras_consistency_cli.checks.code.library.array_methods import ARRAY_METHODS
from keras_consistency_cli.checks.code.library.containers import CONTAINERS, appended
from keras_consistency_cli.checks.code.library.fits import FIT_METHODS, marks_of_fit, transformed
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.library.images import pasted
from keras_consistency_cli.checks.code.library.keras_objects import OF_PIXELS, note_layers
from keras_consistency_cli.checks.code.library.plain import hashed
from keras_consistency_cli.checks.code.serving.web import post, stream
from keras_consistency_cli.checks.code.values.marks import scaled_pixels
from keras_consistency_cli.checks.code.values.parts import parts_of
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value

__all__ = ["METHODS", "call_object"]

_KEPT = frozenset({"request", "loop", "split", "averaged"})
"""What stays true of the outputs of a model."""
_AUGMENTING = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "shear_range",
    "zoom_range",
    "horizontal_flip",
    "vertical_flip",
    "brightness_range",
    "channel_shift_range",
)


def outputs(machine: Machine, call: Call, kind: str) -> Value:
    """Return the outputs of a model for a value."""
    data, thing = call.arguments.get(0), call.receiver.thing
    marks = {mark for mark in data.marks if mark.kind in _KEPT}
    marks.add(Mark(kind, machine.site(call.node), thing.identity if thing else 0))
    is_of_inputs = data.kind == "list" and data.rows == "many"  # one array for each input
    rows = data.rows if data.rows in ("one", "many") and not is_of_inputs else "some"
    return Value(kind="array", marks=frozenset(marks), rows=rows)


def predict(machine: Machine, call: Call) -> Value:
    """model.predict(x)."""
    machine.add(
        "predict",
        call.node,
        call.receiver,
        call.arguments.get(0, "x"),
        method=call.name,
        options=call.arguments.options,
    )
    return outputs(machine, call, "pred")


def call_object(machine: Machine, call: Call) -> Value:
    """model(x), layer(x), signature(x)."""
    kind = call.receiver.kind
    if kind == "bound":
        return predict(machine, replace(call, receiver=replace(call.receiver, kind="model")))
    if kind == "model":
        return _called_model(machine, call)
    if kind == "transformer":
        return transformed(machine, call)
    if kind == "signature":
        data = call.arguments.values[0] if call.arguments.values else call.result
        machine.add("signature", call.node, call.receiver, data)
        return outputs(machine, call, "called")
    if kind == "augmentation":
        training = call.arguments.get(1, "training")
        marks = {Mark("augmented", machine.site(call.node))} if training.is_const(True) else frozenset()
        given = call.arguments.get(0)
        return replace(given, marks=given.marks | marks, items=None)
    if kind == "layer" and call.receiver.thing is not None and OF_PIXELS in call.receiver.thing.layers:
        given = call.arguments.get(0)
        marks = scaled_pixels(given, "div255", machine.site(call.node)) | call.receiver.marks
        return replace(given, marks=marks, items=None)
    return call.result


def _called_model(machine: Machine, call: Call) -> Value:
    data = call.arguments.get(0)
    if data.has("symbolic"):
        return Value(marks=data.marks | _training_inside(machine, call))
    machine.add(
        "call",
        call.node,
        call.receiver,
        data,
        options={**call.arguments.options, **_training(call)},
    )
    return outputs(machine, call, "called")


def _training_inside(machine: Machine, call: Call) -> frozenset[Mark]:
    """What is true of a model that is built around a loaded one: it may be in training mode inside."""
    training = {**call.arguments.options, **_training(call)}.get("training", NOTHING)
    is_training = training.is_const(True) or training.is_const(1)
    is_loaded = call.receiver.thing is not None and call.receiver.thing.made == "loaded"
    return frozenset({Mark("training-inside", machine.site(call.node))} if is_training and is_loaded else ())


def _training(call: Call) -> dict[str, Value]:
    return {"training": call.arguments.values[1]} if len(call.arguments.values) > 1 else {}


def _reset(machine: Machine, call: Call) -> Value:
    machine.add("reset", call.node, call.receiver, NOTHING)
    return NOTHING


def _layer(machine: Machine, call: Call) -> Value:
    """model.get_layer("memory")."""
    return parts_of(call.receiver) if call.receiver.kind == "model" else call.result


def _gradient(machine: Machine, call: Call) -> Value:
    """tape.gradient(loss, model.trainable_variables), which trains; by anything else, nothing does."""
    machine.add("gradient", call.node, call.receiver, call.arguments.get(0))
    sources = call.arguments.get(1, "sources")
    if sources.kind == "weights":
        machine.add("train", call.node, sources, call.arguments.get(0))
    return NOTHING


def _save(machine: Machine, call: Call) -> Value:
    if call.receiver.kind == "model":
        machine.add("save", call.node, call.receiver, call.arguments.get(0))
    return NOTHING


def _load_weights(machine: Machine, call: Call) -> Value:
    """model.load_weights(path): a model that was built in the code is now a loaded one."""
    thing = call.receiver.thing
    if thing is not None:
        thing.made = "loaded"
        machine.add("load", call.node, call.receiver, call.arguments.get(0), method="load_weights")
    return NOTHING


def _add_layer(machine: Machine, call: Call) -> Value:
    """model.add(layer), or an item of a set."""
    thing = call.receiver.thing
    if thing is None or call.receiver.kind != "model":
        return appended(machine, call)
    note_layers(thing, call.arguments.all())
    return NOTHING


def _applied(machine: Machine, call: Call) -> Value:
    """rows.apply(function): the function is followed for any row."""
    function, base = call.arguments.get(0), call.receiver
    loop = id(call.node)
    is_of_rows = base.kind == "frame" and call.arguments.options.get("axis", NOTHING).is_const(1)
    item = Value(kind="record" if is_of_rows else "", marks=base.marks | {Mark("loop", None, loop)}, rank=1)
    with machine.within(replace(machine.place, loops=(*machine.place.loops, (loop, "apply")))):
        result = machine.apply(call.node, function, replace(call.arguments, values=(item,), options={}))
    kept = base.without("order", "columns") if is_of_rows else base
    return replace(result, marks=result.marks | kept.marks, rank=None, rows="")


def _in_thread(machine: Machine, call: Call) -> Value:
    """loop.run_in_executor(None, function, x), pool.submit(function, x)."""
    skipped = 1 if call.name == "run_in_executor" else 0
    function = call.arguments.get(skipped)
    rest = call.arguments.values[skipped + 1 :]
    return machine.apply(call.node, function, replace(call.arguments, values=rest))


def _frame_of_camera(machine: Machine, call: Call) -> Value:
    if call.receiver.kind == "camera":
        marks = {Mark("image"), Mark("bgr", machine.site(call.node)), Mark("request")}
        marks |= {Mark("loop", None, loop) for loop, _ in machine.place.loops}
        picture = Value(kind="array", marks=frozenset(marks), rank=3)
        return Value(kind="tuple", items=(NOTHING, picture))
    if call.receiver.kind == "file":
        return Value(marks=call.receiver.marks)
    return Value(kind="request" if call.receiver.kind == "request" else "", marks=call.result.marks)


def _flow(machine: Machine, call: Call) -> Value:
    """generator.flow(x): pictures that are changed at random, if the generator does that."""
    thing = call.receiver.thing
    given = call.arguments.get(0)
    if thing is None:
        return call.result
    if call.name.startswith("flow_from"):
        machine.add("training-data", call.node, call.receiver, given, options=thing.options)
        return Value(rows="many")
    marks = given.marks | marks_of_fit(call)
    if any(name in thing.options for name in _AUGMENTING):
        marks = marks | {Mark("augmented", machine.site(call.node))}
    if "rescale" in thing.options:
        marks = marks | scaled_pixels(given, "div255", machine.site(call.node))
    return replace(given, marks=marks, items=None)


def _acquired(machine: Machine, call: Call) -> Value:
    """lock.acquire(): held until lock.release()."""
    if call.name == "acquire" or call.receiver.kind == "lock":
        machine.held |= {_owner(call)}
    return NOTHING


def _released(machine: Machine, call: Call) -> Value:
    machine.held -= {_owner(call)}
    return NOTHING


def _owner(call: Call) -> str:
    """The name of the object whose method is called."""
    return label_of(call.node.func.value) if isinstance(call.node.func, ast.Attribute) else ""


_PREDICTS = ("predict", "predict_proba", "predict_on_batch", "predict_classes", "predict_generator")
_RESETS = ("reset_states", "reset_state", "reset_rnn_state", "reset")


def _called(machine: Machine, call: Call) -> Value:
    """model.call(x, training=True), model.__call__(x)."""
    return call_object(machine, call) if call.receiver.kind == "model" else call.result


METHODS: Handlers = {
    "call": _called,
    "__call__": _called,
    **ARRAY_METHODS,
    **FIT_METHODS,
    **CONTAINERS,
    **dict.fromkeys(_PREDICTS, predict),
    **dict.fromkeys(_RESETS, _reset),
    "get_layer": _layer,
    **dict.fromkeys(("paste", "alpha_composite"), pasted),
    "__hash__": lambda machine, call: hashed(machine, call, call.receiver),
    "gradient": _gradient,
    "save": _save,
    "save_weights": _save,
    "export": _save,
    "load_weights": _load_weights,
    "add": _add_layer,
    "apply": _applied,
    "map": _applied,
    "applymap": _applied,
    "run_in_executor": _in_thread,
    "submit": _in_thread,
    "read": _frame_of_camera,
    "flow": _flow,
    "flow_from_directory": _flow,
    "flow_from_dataframe": _flow,
    "standardize": _flow,
    "post": post,
    **dict.fromkeys(("listen", "iter_json", "iter_text", "iter_bytes", "consume"), stream),
    **dict.fromkeys(("acquire", "__enter__"), _acquired),
    **dict.fromkeys(("release", "__exit__"), _released),
    "compile": nothing,
    "summary": nothing,
    "evaluate": nothing,
    "set_output": lambda _machine, call: call.receiver,
    "info": nothing,
}
