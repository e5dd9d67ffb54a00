"""Frameworks that collect what several callers send into one batch, and part the outputs again."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Arguments
from keras_consistency_cli.checks.code.values.naming import library_name
from keras_consistency_cli.checks.code.values.parts import collected, plus
from keras_consistency_cli.checks.code.values.value import Class, Function, Value

__all__ = ["batched", "batching", "gathered", "is_called_later", "note_batch_size"]

_OF_COLUMNS = frozenset({"pandas_udf", "udf", "arrow_udf", "udtf"})
_OF_CALLERS = "ray.serve.batch"
"""Each argument becomes a list of those of the callers, and what the function returns is parted."""


def is_called_later(function: Function) -> bool:
    """Whether a call only names columns, and Spark calls the function with their rows: @pandas_udf."""
    names = (library_name(name, function.scope) for name in function.decorators)
    return any(name.startswith("pyspark.") and name.rpartition(".")[2] in _OF_COLUMNS for name in names)


def batching(function: Function) -> str:
    """Return how a decorator collects calls: "callers" into lists, "rows" into longer batches, "" not."""
    if any(library_name(name, function.scope) == _OF_CALLERS for name in function.decorators):
        return "callers"
    nodes = function.node.decorator_list if not isinstance(function.node, ast.Lambda) else ()
    return "rows" if any(map(_is_batchable, nodes)) else ""


def _is_batchable(node: ast.expr) -> bool:
    """Whether a decorator says that callers send batches, which are joined: @bentoml.api(batchable=True)."""
    options = node.keywords if isinstance(node, ast.Call) else ()
    return any(
        each.arg == "batchable" and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in options
    )


def batched(arguments: Arguments, how: str) -> Arguments:
    """Return the arguments that a function gets, from those of one caller."""
    change = gathered if how == "callers" else _of_rows
    options = {name: change(value) for name, value in arguments.options.items()}
    return Arguments(tuple(map(change, arguments.values)), options)


def _of_rows(value: Value) -> Value:
    return replace(value, rows=value.rows or "many")


def gathered(value: Value) -> Value:
    """Return a list of what several callers send."""
    if value.kind == "request":
        return replace(value, rank=plus(value.rank, 1), rows="many", items=None, entries=())
    return replace(collected(value), rows="many")


def note_batch_size(kind: Class, size: Value | None) -> None:
    """Keep in mind what a server says of the batches of a class: LitServer(api, max_batch_size=8)."""
    if size is None or size.is_const(1):
        kind.batches = kind.batches or "one"
    elif size.kind == "const":
        kind.batches = "many"
