"""How often names, attributes and keys are read in the files of a program."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from keras_consistency_cli.checks.code.values.value import Module

__all__ = ["Reads", "is_dictionary", "is_passed_on", "last_name"]

_LOOKUPS = ("get", "pop", "getattr", "setdefault", "itemgetter", "attrgetter")
"""Functions and methods that return what is kept under a text."""
_HANDING_ON = (ast.Return, ast.Assign, ast.AnnAssign, ast.Call)
_PARTS = ("get", "pop", "setdefault", "clear", "update", "keys")
"""Methods of a dictionary that do not pass on all of its values."""


class Reads:
    """Counts what is read in each file, each file once.

    A scaler may be kept in one file, as an attribute or under a text key, and be applied in another file of
    the same program.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Counter[str], Counter[str], Counter[str]]] = {}

    def of(self, module: Module) -> Counter[str]:
        """Return the names that are read in a file, and the attributes and keys in all of its program."""
        found = Counter[str]()
        for each in module.program:
            names, parts, _ = self._of_file(each)
            found.update(parts)
            if each is module:
                found.update(names)
        return found

    def handed_on(self, module: Module) -> Counter[str]:
        """Return the names that are only read in a file to give an object another name: `return scaler`."""
        return self._of_file(module)[2]

    def _of_file(self, module: Module) -> tuple[Counter[str], Counter[str], Counter[str]]:
        if module.path not in self._known:
            self._known[module.path] = _count(module.tree)
        return self._known[module.path]


def _count(tree: ast.Module) -> tuple[Counter[str], Counter[str], Counter[str]]:
    names, parts, handed = Counter[str](), Counter[str](), Counter[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                names[node.id] += 1
        elif isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Load):
                parts[node.attr] += 1
        elif isinstance(node, ast.Subscript | ast.Call):
            parts.update(_keys(node))
        if isinstance(node, _HANDING_ON):
            for name in _handed_on(node):
                handed[name] += 1
    return names, parts, handed


def _handed_on(node: ast.Return | ast.Assign | ast.AnnAssign | ast.Call) -> Iterator[str]:
    """The names whose objects get another name: returned, assigned, or made fields of a new object."""
    if not isinstance(node, ast.Call):
        yield from _carried(node.value)
    elif (name := last_name(node.func)) and (name[0].isupper() or name == "cls"):
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            yield from _carried(value)


def _carried(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Tuple | ast.Dict):
        for value in node.elts if isinstance(node, ast.Tuple) else node.values:
            yield from _carried(value)


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


def is_passed_on(tree: ast.Module, name: str, *, is_object: bool = False) -> bool:
    """Whether a dictionary, or an object with fields, is used as a whole: passed to a function, returned,
    iterated, saved. One that is only given to another variable is not: it is known under that name, too.
    """
    whole = partial = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
            whole += last_name(node) == name
        if isinstance(node, ast.Subscript):
            partial += last_name(node.value) == name and isinstance(node.slice, ast.Constant)
        elif isinstance(node, ast.Attribute):
            is_part = not node.attr.startswith("_") if is_object else node.attr in _PARTS
            partial += last_name(node.value) == name and is_part
        elif isinstance(node, ast.Call):
            partial += is_object and isinstance(node.func, ast.Name) and node.func.id == name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            partial += node.value is not None and last_name(node.value) == name
        elif isinstance(node, ast.Compare):
            partial += sum(last_name(each) == name for each in node.comparators)
    return whole > partial + _injected(tree, name)


def _injected(tree: ast.Module, name: str) -> int:
    """How often a function that FastAPI calls for a parameter returns it: Depends(get_service)."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    sources = {last_name(node.args[0]) for node in calls if last_name(node.func) in ("Depends", "Security")}
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return sum(
        isinstance(node, ast.Return | ast.Yield) and node.value is not None and last_name(node.value) == name
        for function in functions
        if function.name in sources
        for node in ast.walk(function)
    )


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
