"""Enter functions and classes of the program, a few levels deep, and operators."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Arguments, Frame, Machine
from keras_consistency_cli.checks.code.serving.batches import batched, batching, note_batch_size
from keras_consistency_cli.checks.code.values.marks import SCALED, scaled_pixels
from keras_consistency_cli.checks.code.values.naming import fields_of, name_thing
from keras_consistency_cli.checks.code.values.parts import broadcast, collected, element_of, words_of
from keras_consistency_cli.checks.code.values.value import (
    NOTHING,
    Class,
    Function,
    Instance,
    Mark,
    Scope,
    Site,
    Value,
    join,
    merge_marks,
)

__all__ = ["CACHES", "Inlining"]

_OF_ROWS = ("statistic-of-rows", "largest-of-rows")
_AFTER_FIELDS = ("__post_init__", "__attrs_post_init__", "model_post_init")
_DEEPEST = 6
"""Functions inside each other that are followed."""
CACHES = frozenset(
    {
        "cache", "lru_cache", "cache_resource", "cache_data", "experimental_singleton", "experimental_memo",
        "cached", "singleton", "cached_property", "cachedmethod", "ttl_cache", "lfu_cache", "fifo_cache",
        "rr_cache", "mru_cache", "tlru_cache", "alru_cache", "memoize",
    }
)  # fmt: skip
"""Last names of decorators: the function runs once, and its result is kept."""


class Inlining(Machine):
    """The functions and classes of a program."""

    def enter(self, function: Function, arguments: Arguments, owner: Value | None = None) -> Value:
        """Follow a function, unless it is entered already or is too deep."""
        function.is_called = True
        if len(self.frames) > _DEEPEST or any(frame.function is function for frame in self.frames):
            return Value(marks=merge_marks(arguments.all()))
        wrapper = function.wrapper
        is_wrapped = wrapper is not None and any(frame.function is wrapper for frame in self.frames)
        if wrapper is not None and not is_wrapped:
            function.is_entered = False
            given = replace(arguments, values=(owner, *arguments.values)) if owner else arguments
            result = self.enter(wrapper, given)
            if function.is_entered:
                return result
        function.is_entered = True
        scope = Scope(module=function.scope.module, parent=function.scope)
        if owner is None and function.owner is not None and "staticmethod" not in function.decorators:
            if arguments.values and (is_wrapped or isinstance(arguments.values[0].ref, Instance | Class)):
                owner, arguments = arguments.values[0], replace(arguments, values=arguments.values[1:])
            else:
                owner = NOTHING
        static = "staticmethod" in function.decorators
        collects = batching(function) if function.decorators else ""
        arguments = batched(arguments, collects) if collects else arguments
        self._bind(scope, function, arguments, None if static else owner)
        frame = Frame(scope=scope, function=function, loops=len(self.place.loops))
        is_cached = any(name.rpartition(".")[2] in CACHES for name in function.decorators)
        place = replace(self.place, is_cached=self.place.is_cached or is_cached)
        self.frames.append(frame)
        try:
            with self.within(place):
                if isinstance(function.node, ast.Lambda):
                    return self.evaluate(function.node.body)
                self.run_block(function.node.body)
        finally:
            self.frames.pop()
        result = _one_of(frame.returned)
        result = collected(result, *frame.series) if frame.series is not None else result
        return element_of(result) if collects == "callers" else result

    def _bind(self, scope: Scope, function: Function, arguments: Arguments, owner: Value | None) -> None:
        signature = function.node.args
        names = [argument.arg for argument in (*signature.posonlyargs, *signature.args)]
        if owner is not None and names:
            scope.names[names.pop(0)] = owner
        given = {name: value for name, value in arguments.options.items() if name != "**"}
        given |= dict(zip(names, arguments.values, strict=False))
        starred = arguments.options.get("**")
        self._bind_defaults(scope, signature)
        for name in (*names, *(argument.arg for argument in signature.kwonlyargs)):
            if name in given:
                scope.names[name] = given[name]
                name_thing(given[name], name, function.name)
            elif starred is not None:
                scope.names[name] = Value(marks=starred.marks)
            elif name not in scope.names:
                scope.names[name] = NOTHING
        if signature.vararg:
            rest = arguments.values[len(names) :]
            scope.names[signature.vararg.arg] = Value(kind="tuple", items=rest, marks=merge_marks(rest))
        if signature.kwarg:
            scope.names[signature.kwarg.arg] = Value(
                kind="dict",
                marks=merge_marks(list(arguments.options.values())),
                entries=tuple(
                    (name, value.as_entry()) for name, value in given.items() if name not in scope.names
                ),
            )

    def _bind_defaults(self, scope: Scope, signature: ast.arguments) -> None:
        positional = [*signature.posonlyargs, *signature.args]
        pairs = list(
            zip(positional[len(positional) - len(signature.defaults) :], signature.defaults, strict=True)
        )
        for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
            if default is not None:
                pairs.append((argument, default))
        for argument, default in pairs:
            if isinstance(default, ast.Constant | ast.Name | ast.UnaryOp):
                scope.names[argument.arg] = self.evaluate(default)

    def create(self, kind: Class, arguments: Arguments) -> Value:
        """Follow `__init__` of a class, and return the object."""
        instance = Instance(kind=kind)
        value = Value(kind="instance", ref=instance)
        if "max_batch_size" in arguments.options:
            note_batch_size(kind, arguments.options["max_batch_size"])
        method = kind.find("__init__")
        if method is not None:
            self._note_given(kind, method, arguments)
            self.enter(method, arguments, value)
            return value
        self._fill(instance, arguments)
        after = next(filter(None, map(kind.find, _AFTER_FIELDS)), None)
        if after is not None:
            self.enter(after, Arguments(), value)
        return replace(value, marks=merge_marks(arguments.all()))

    def _note_given(self, kind: Class, method: Function, arguments: Arguments) -> None:
        """Keep in mind what an object gets before the first request."""
        if not self.trace.is_request and not kind.given:
            names = [argument.arg for argument in method.node.args.args[1:]]
            kind.given = {**dict(zip(names, arguments.values, strict=False)), **arguments.options}

    def _fill(self, instance: Instance, arguments: Arguments) -> None:
        """Give the fields of a class without `__init__` their values."""
        fields = fields_of(instance.kind)
        given = dict(zip(fields, arguments.values, strict=False))
        given |= {name: value for name, value in arguments.options.items() if name in fields}
        for name, value in {**self._made_fields(instance.kind, given), **given}.items():
            instance.attributes[name] = value
            name_thing(value, name, ".")
            if value.thing is not None:
                value.thing.is_kept = True
                value.thing.holders.setdefault("", "object")

    def _made_fields(self, kind: Class, given: Collection[str]) -> dict[str, Value]:
        """The fields that a function makes for each object: field(default_factory=Tokenizer)."""
        found = dict[str, Value]()
        for statement in kind.node.body:
            target = statement.target if isinstance(statement, ast.AnnAssign) else None
            name = target.id if isinstance(target, ast.Name) else ""
            made = kind.attributes.get(name, NOTHING)
            if made.kind == "factory" and name not in given:
                call = ast.Call(func=ast.Name(name, ast.Load()), args=[], keywords=[])
                found[name] = self.apply(ast.copy_location(call, statement), made, Arguments())
        return found

    # --- operators

    def combine(self, node: ast.BinOp | ast.AugAssign, op: ast.operator, left: Value, right: Value) -> Value:
        """Return the result of an operator: made from both values."""
        folded = _fold(op, left, right)
        if folded is not None:
            return folded
        if isinstance(op, ast.Mult) and _is_number(right, 255, 256, 127.5):
            left = left.without(*SCALED)
        marks = left.marks | right.marks
        if isinstance(op, ast.Mult | ast.Div):
            self._note_rescaling(node, left, right)
        marks |= self._scaling_marks(node, op, left, right)
        if isinstance(op, ast.Div) and left.has("untyped"):
            marks |= {Mark("float64")}  # of whole numbers, too
        if marks:
            marks |= _noise(left, right) | _noise(right, left)
            if isinstance(op, ast.Add) and self.place.loops:
                self.note_samples(node if isinstance(node, ast.BinOp) else node.target, right)
        if isinstance(op, ast.Mult) and "list" in (left.kind, right.kind):
            marks |= {Mark("repeated", self.site(node if isinstance(node, ast.BinOp) else node.target))}
        rank, rows = broadcast(left, right)
        is_joined = isinstance(op, ast.Add) and (
            left.kind in ("list", "tuple") or right.kind in ("list", "tuple")
        )
        return Value(kind="list" if is_joined else "", marks=marks, rank=rank, rows=rows)

    def _note_rescaling(self, node: ast.BinOp | ast.AugAssign, left: Value, right: Value) -> None:
        """Outputs that are transformed back by hand, with scale_ of a scaler."""
        for outputs, factor in ((left, right), (right, left)):
            if factor.has("scale_") and (outputs.has("pred") or outputs.has("called")):
                place = node if isinstance(node, ast.BinOp) else node.target
                self.add("rescale", place, outputs, factor)

    def _scaling_marks(
        self, node: ast.BinOp | ast.AugAssign, op: ast.operator, left: Value, right: Value
    ) -> frozenset[Mark]:
        site = self.site(node if isinstance(node, ast.BinOp) else node.target)
        found: list[Mark] = []
        is_product = isinstance(op, ast.Mult) and (_is_number(right, 1 / 255) or _is_number(left, 1 / 255))
        if is_product or (isinstance(op, ast.Div) and _is_number(right, 255, 256)):
            return scaled_pixels(left if right.kind == "const" else right, "div255", site)
        if isinstance(op, ast.Div) and _is_number(right, 127.5, 127, 128):
            found.append(Mark("div127", site))
        if isinstance(op, ast.Div) and right.has("statistic") and left.has("centred"):
            found.append(Mark("own-scaled", site))
        if isinstance(op, ast.Sub) and right.has("statistic") and left.marks and not left.has("statistic"):
            found.append(Mark("centred", site))
        if any(map(right.has, _OF_ROWS)):
            found += _marks_of_rows(node, op, left, right, site)
        return frozenset(found)


def _noise(rows: Value, noise: Value) -> frozenset[Mark]:
    """The marks of rows of a request, or of a picture, that are changed at random."""
    random = noise.of("random")
    if not random or rows.rank == 0 or rows.kind == "number" or rows.has("pred") or rows.has("called"):
        return frozenset()
    is_sent = rows.has("request") or rows.has("image")
    return frozenset(mark._replace(kind="augmented") for mark in random) if is_sent else frozenset()


def _marks_of_rows(
    node: ast.BinOp | ast.AugAssign, op: ast.operator, left: Value, right: Value, site: Site
) -> list[Mark]:
    """What is true of rows after an operator with a statistic of rows."""
    about = words_of(node.left if isinstance(node, ast.BinOp) else node.target)
    if isinstance(op, ast.Sub) and _is_of_rows(left, right, about):
        return [Mark("rows-centred", site)]
    is_scaled = left.has("rows-centred") or _is_of_rows(left, right, about, "largest-of-rows")
    return [Mark("rows-scaled", site)] if isinstance(op, ast.Div) and is_scaled else []


def _is_of_rows(left: Value, right: Value, about: Collection[str], *kinds: str) -> bool:
    """Whether a value is combined with a statistic of the same rows, by the names of both."""
    kinds = kinds or _OF_ROWS
    marks = [mark for kind in kinds for mark in right.of(kind)]
    is_same = any(set(about) <= set(mark.names) or set(about) >= set(mark.names) for mark in marks)
    return is_same and not any(map(left.has, _OF_ROWS))


def _one_of(returned: Sequence[Value]) -> Value:
    if not returned:
        return NOTHING
    result = returned[0]
    for value in returned[1:]:
        result = join(result, value)
    return result


def _is_number(value: Value, *numbers: float) -> bool:
    return (
        value.kind == "const"
        and isinstance(value.ref, int | float)
        and any(abs(value.ref - number) < 1e-9 for number in numbers)
    )


def _fold(op: ast.operator, left: Value, right: Value) -> Value | None:
    """Compute a quotient of two constants: 1 / 255."""
    if not (left.kind == right.kind == "const" and isinstance(op, ast.Div)):
        return None
    if isinstance(left.ref, int | float) and isinstance(right.ref, int | float) and right.ref:
        return Value(kind="const", ref=left.ref / right.ref, rank=0)
    return None
