"""How often names, attributes and keys are read in the files of a program."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.values import Module

__all__ = ["Reads", "is_dictionary", "is_passed_on", "last_name"]

_LOOKUPS = ("get", "pop", "getattr", "setdefault", "itemgetter", "attrgetter")
"""Functions and methods that return what is kept under a text."""
_PARTS = ("get", "pop", "setdefault", "clear", "update", "keys")
"""Methods of a dictionary that do not pass on all of its values."""


class Reads:
    """Counts what is read in each file, each file once.

    A scaler may be kept in one file, as an attribute or under a text key, and be applied in another file of
    the same program.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Counter[str], Counter[str]]] = {}

    def of(self, module: Module) -> Counter[str]:
        """Return the names that are read in a file, and the attributes and keys in all of its program."""
        found = Counter[str]()
        for each in module.program:
            names, parts = self._of_file(each)
            found.update(parts)
            if each is module:
                found.update(names)
        return found

    def _of_file(self, module: Module) -> tuple[Counter[str], Counter[str]]:
        if module.path not in self._known:
            self._known[module.path] = _count(module.tree)
        return self._known[module.path]


def _count(tree: ast.Module) -> tuple[Counter[str], Counter[str]]:
    names, parts = Counter[str](), Counter[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                names[node.id] += 1
        elif isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Load):
                parts[node.attr] += 1
        elif isinstance(node, ast.Subscript | ast.Call):
            parts.update(_keys(node))
    return names, parts


def _keys(node: ast.Subscript | ast.Call) -> Iterator[str]:
    """The text keys that an expression reads: x["scaler"], x.get("scaler"), getattr(x, "scaler")."""
    if isinstance(node, ast.Subscript):
        texts = [node.slice] if isinstance(node.ctx, ast.Load) else []
    else:
        texts = node.args if last_name(node.func) in _LOOKUPS else []
    for text in texts:
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value


def last_name(node: ast.expr) -> str:
    """Return the name of a variable, of an attribute, or the key of an item; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return _key_of(node)


def _key_of(node: ast.expr) -> str:
    """Return the text key that an expression reads, "" if it reads none."""
    return next(_keys(node), "") if isinstance(node, ast.Subscript | ast.Call) else ""


def is_passed_on(tree: ast.Module, name: str) -> bool:
    """Whether a dictionary is used as a whole: passed to a function, returned, iterated, saved."""
    whole = partial = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            whole += last_name(node) == name
        if isinstance(node, ast.Subscript):
            partial += last_name(node.value) == name and isinstance(node.slice, ast.Constant)
        elif isinstance(node, ast.Attribute):
            partial += last_name(node.value) == name and node.attr in _PARTS
        elif isinstance(node, ast.Compare):
            partial += sum(last_name(each) == name for each in node.comparators)
    return whole > partial


def is_dictionary(tree: ast.Module, name: str) -> bool:
    """Whether a name is given to a dictionary that is made in the file, not to an object of a framework."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_made = isinstance(node.value, ast.Dict) or (
                isinstance(node.value, ast.Call) and last_name(node.value.func) in ("dict", "OrderedDict")
            )
            if is_made and any(last_name(target) == name for target in targets):
                return True
    return False
