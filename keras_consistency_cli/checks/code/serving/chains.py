"""Follow the methods that a serving framework calls one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.annotations import SENT
from keras_consistency_cli.checks.code.engine.interpreter import Interpreter
from keras_consistency_cli.checks.code.serving.batches import gathered
from keras_consistency_cli.checks.code.serving.entries import describe_request, hooks
from keras_consistency_cli.checks.code.serving.frameworks import REQUEST_CHAIN
from keras_consistency_cli.checks.code.values.parts import element_of
from keras_consistency_cli.checks.code.values.value import NOTHING, Class, Function, Module, Value

__all__ = ["chained", "from_others", "run_chain", "run_request"]

_IN_BATCHES = "predict"
"""The method of LitServe that gets a batch, between batch() and unbatch()."""


def chained(kind: Class) -> list[Function]:
    """Return the methods of a class that are called one after another."""
    return [method for name in REQUEST_CHAIN if (method := kind.find(name)) is not None]


def run_request(
    machine: Interpreter, function: Function, owner: Value | None, given: Mapping[str, Value]
) -> Value:
    """Follow a function, and return what it returns; a request handler with what is called around it."""
    module = function.scope.module
    before, after = hooks(module) if describe_request(function, module) == "a request handler" else ((), ())
    for hook in before:
        machine.run_function(hook)
    result = machine.run_function(function, owner, given)
    for hook in after:
        machine.run_function(hook)
    return result


def run_chain(machine: Interpreter, kind: Class, owner: Value) -> None:
    """Follow these methods, each with what the one before returned."""
    value, batches = SENT, _batches(kind)
    for method in chained(kind):
        is_batch = method.name == _IN_BATCHES and batches
        if is_batch:
            value = _gathered(machine, kind, owner, value) if batches == "many" else _unknown(value)
        value = _followed(machine, method, owner, value)
        if is_batch and batches == "many":
            method_of_parts = kind.find("unbatch")
            value = _followed(machine, method_of_parts, owner, value) if method_of_parts else value
            value = element_of(value)


def _batches(kind: Class) -> str:
    """Return "many" if LitServe collects requests, "unknown" if no server says so, "" if it does not."""
    if not _is_of_litserve(kind) or kind.batches == "one":
        return ""
    return kind.batches or ("many" if kind.find("batch") else "unknown")


def _is_of_litserve(kind: Class) -> bool:
    is_direct = any(base.rpartition(".")[2] == "LitAPI" for base in kind.bases)
    return is_direct or any(map(_is_of_litserve, kind.parents))


def _gathered(machine: Interpreter, kind: Class, owner: Value, value: Value) -> Value:
    """What predict() gets: from batch() of the class, or by default from np.stack() if it is of arrays."""
    method = kind.find("batch")
    if method is not None:
        return _followed(machine, method, owner, gathered(value))
    together = gathered(value)
    return replace(together, kind="array") if value.kind == "array" else together


def _unknown(value: Value) -> Value:
    """One request or a batch of them: nothing is known of the axes."""
    return replace(value, rank=None, rows="", items=None)


def _followed(machine: Interpreter, method: Function, owner: Value, value: Value) -> Value:
    names = [argument.arg for argument in method.node.args.args[1:]]
    value = machine.run_function(method, owner, {names[0]: value} if names else {})
    return SENT if value == NOTHING else value


_ORDER_OF_STEPS = {"predict_fn": ("input_fn", "model_fn"), "transform_fn": ("model_fn",)}
"""Which functions of SageMaker return the first arguments of others."""


def from_others(module: Module, function: Function) -> dict[str, Value]:
    """Return the arguments of a function that are what other functions of a framework return."""
    model = module.loose.get("model_fn")
    given = {"model": model} if model is not None else {}
    names = [argument.arg for argument in function.node.args.args]
    for name, step in zip(names, _ORDER_OF_STEPS.get(function.name, ()), strict=False):
        if step in module.loose:
            given[name] = module.loose[step]
    return given
