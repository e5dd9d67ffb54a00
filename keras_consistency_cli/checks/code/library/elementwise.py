"""Functions and methods of NumPy, TensorFlow, Keras and pandas that change each number by itself."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handler, Handlers
from keras_consistency_cli.checks.code.values.value import Value

__all__ = ["ELEMENTWISE", "OPERATOR_METHODS"]


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
