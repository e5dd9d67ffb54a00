"""Numbers one by one: functions and methods that change each by itself, and random numbers."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handler, Handlers
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value

__all__ = ["ELEMENTWISE", "OPERATOR_METHODS", "RANDOMNESS", "drawn"]

_ENTRY = 2
"""Frames where a function is followed: that of its module, and its own."""
_DRAWS = frozenset(
    {
        "normal", "uniform", "random", "standard_normal", "integers", "laplace", "lognormal", "poisson",
        "exponential", "gamma", "beta", "binomial", "rand", "randn", "randint", "gauss", "triangular",
        "truncated_normal", "vonmises", "logistic", "gumbel", "rayleigh", "normalvariate",
    }
)  # fmt: skip


def _same_axes(machine: Machine, call: Call) -> Value:
    """tf.nn.softmax(x), np.exp(x): other numbers in the same places."""
    first = next(iter(call.arguments.options.values()), Value())
    given = call.arguments.values[0] if call.arguments.values else first
    is_of_list = given.kind in ("list", "tuple", "frame", "const", "number")
    return Value(
        kind="array" if is_of_list else given.kind, marks=given.marks, rank=given.rank, rows=given.rows
    )


def _operator(op: ast.operator) -> Handler:
    """np.subtract(x, mean): as x - mean."""

    def handler(machine: Machine, call: Call) -> Value:
        if len(call.arguments.values) != 2 or len(call.node.args) != 2:
            return call.result
        node = ast.BinOp(left=call.node.args[0], op=op, right=call.node.args[1])
        left, right = call.arguments.values
        return machine.combine(ast.copy_location(node, call.node), op, left, right)

    return handler


def _operator_method(op: ast.operator) -> Handler:
    """frame.sub(mean): as frame - mean."""

    def handler(machine: Machine, call: Call) -> Value:
        func = call.node.func
        if len(call.node.args) != 1 or not call.arguments.values or not isinstance(func, ast.Attribute):
            return replace(call.result, kind="request" if call.receiver.kind == "request" else "")
        node = ast.BinOp(left=func.value, op=op, right=call.node.args[0])
        made = machine.combine(
            ast.copy_location(node, call.node), op, call.receiver, call.arguments.values[0]
        )
        is_table = call.receiver.kind in ("frame", "column")
        return replace(made, kind=call.receiver.kind, rank=call.receiver.rank) if is_table else made

    return handler


_FUNCTIONS = (
    "softmax", "log_softmax", "sigmoid", "hard_sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus",
    "exp", "expm1", "log", "log2", "log10", "abs", "absolute", "negative", "sign", "round", "rint", "floor",
    "ceil", "sqrt", "square", "expit", "clip_by_value", "identity", "stop_gradient", "convert_to_numpy",
)  # fmt: skip
_OPERATORS = {
    "subtract": ast.Sub(),
    "divide": ast.Div(),
    "true_divide": ast.Div(),
    "multiply": ast.Mult(),
    "add": ast.Add(),
    "divide_no_nan": ast.Div(),
}
_METHODS = {
    "sub": ast.Sub(),
    "subtract": ast.Sub(),
    "div": ast.Div(),
    "divide": ast.Div(),
    "truediv": ast.Div(),
}

ELEMENTWISE: Handlers = {
    **{
        f"{root}.{name}": _same_axes
        for root in ("numpy", "tensorflow", "keras", "scipy", "torch")
        for name in _FUNCTIONS
    },
    **{
        f"{root}.{name}": _operator(op)
        for root in ("numpy", "tensorflow", "keras")
        for name, op in _OPERATORS.items()
    },
}
OPERATOR_METHODS: Handlers = {name: _operator_method(op) for name, op in _METHODS.items()}


def _generator(machine: Machine, call: Call) -> Value:
    """np.random.default_rng(): with a seed and made for each request, it draws the same numbers again."""
    is_repeated = bool(call.arguments.all()) and len(machine.frames) >= _ENTRY
    return NOTHING if is_repeated else Value(kind="random")


def drawn(machine: Machine, call: Call) -> Value:
    """rng.normal(0, 0.1, x.shape): numbers that differ in each call; rng.shuffle(x)."""
    if call.name == "shuffle":
        return _shuffled(machine, call)
    is_drawn = call.name in _DRAWS
    return Value(kind="array", marks=frozenset({_random(machine, call)})) if is_drawn else call.result


def _random(machine: Machine, call: Call) -> Mark:
    return Mark("random", machine.site(call.node))


def _shuffled(machine: Machine, call: Call) -> Value:
    """np.random.shuffle(x): the rows come in another order, and so do their outputs."""
    given, target = call.arguments.get(0), next(iter(call.node.args), None)
    if given.kind == "array" and isinstance(target, ast.Name):
        machine.assign(target, _in_other_order(machine, call))
    return NOTHING


def _in_other_order(machine: Machine, call: Call) -> Value:
    return call.arguments.get(0).marked(Mark("augmented", machine.site(call.node)))


_NOISE = ("laplace", "lognormal", "poisson", "exponential", "gamma", "beta")

RANDOMNESS: Handlers = {
    "numpy.default_rng": _generator,
    "numpy.RandomState": _generator,
    "random.Random": _generator,
    "random.SystemRandom": lambda _machine, _call: Value(kind="random"),
    "tensorflow.from_seed": _generator,
    "tensorflow.from_non_deterministic_state": lambda _machine, _call: Value(kind="random"),
    "tensorflow.get_global_generator": lambda _machine, _call: Value(kind="random"),
    "numpy.shuffle": _shuffled,
    "tensorflow.shuffle": lambda machine, call: _in_other_order(machine, call),
    **{f"numpy.{name}": drawn for name in _NOISE},
}
