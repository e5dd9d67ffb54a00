"""Lambda layers around a function of the user's own file, which run no code of the model file.

Keras stores such a function by its name and takes it from the user's file. The file is read as text here and
run in the worker only.
"""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_consistency_cli.loading.model_file.class_reference import classify
from keras_consistency_cli.loading.model_file.known_classes import KnownNames
from keras_consistency_cli.loading.model_file.known_packages import is_known_prefix

__all__ = ["defined_functions", "functions_called_by_lambda"]

_LAMBDA = frozenset({("keras.layers", "Lambda"), ("keras.src.layers.core.lambda_layer", "Lambda")})
_CALLABLE_SETTINGS = ("function", "output_shape", "mask")


def defined_functions(files: Sequence[pathlib.Path]) -> frozenset[str]:
    """Return the names of the functions that Python files define at the top level; nothing is run.

    A file that cannot be read or parsed defines none: the worker reports its error.
    """
    names: set[str] = set()
    for file in files:
        try:
            names.update(_function_names(ast.parse(file.read_bytes()).body))
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
    return frozenset(names)


def _function_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            yield statement.name
        elif isinstance(statement, ast.If):
            yield from _function_names([*statement.body, *statement.orelse])


def functions_called_by_lambda(node: Mapping[str, Any], known: KnownNames) -> tuple[str, ...]:
    """Return the user's functions that a Lambda layer calls, none if it runs anything else.

    Args:
        node: an object of the config that names a class.
        known: Keras's own names.
    """
    config = node.get("config")
    is_plain = (node.get("module"), node["class_name"]) in _LAMBDA and node.get("registered_name") in (
        None,
        "Lambda",
    )
    if not is_plain or not isinstance(config, dict):
        return ()
    callables = [config.get(key) for key in _CALLABLE_SETTINGS]
    stored = [each for each in callables if isinstance(each, dict)]
    names = [_user_function(each, known) for each in stored]
    called = tuple(name for name in names if name is not None)
    return called if callables[0] in stored and len(called) == len(stored) else ()


def _user_function(node: Mapping[str, Any], known: KnownNames) -> str | None:
    """The name of a stored function of the user without its prefix, None for anything else."""
    if node.get("class_name") != "function" or not isinstance(node.get("config"), str):
        return None
    if classify(node, (), known).owner != "custom":
        return None
    prefix, _, name = node["config"].rpartition(">")
    return None if is_known_prefix(prefix) else str(name)
