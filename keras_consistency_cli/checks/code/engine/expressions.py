"""Follow expressions: names, attributes, items, operators, literals, comprehensions."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.literals import Literals
from keras_consistency_cli.checks.code.engine.machine import is_of_application
from keras_consistency_cli.checks.code.syntax import is_new_axis, is_window, names_columns
from keras_consistency_cli.checks.code.values.channels import reversed_at
from keras_consistency_cli.checks.code.values.items import (
    dependency,
    indexed,
    known_item,
    masked,
    named_column,
    part,
    sliced,
)
from keras_consistency_cli.checks.code.values.marks import is_open, ordered_columns, renamed, without_names
from keras_consistency_cli.checks.code.values.parts import (
    TABLES,
    as_one_sample,
    element_of,
    one_step,
    parts_of,
    plus,
)
from keras_consistency_cli.checks.code.values.value import NOTHING, Instance, Mark, Value, join, merge_marks

__all__ = ["Expressions"]

_BUILTINS = frozenset(dir(builtins))
_USUAL = frozenset({"np", "tf", "pd", "cv2", "keras"})
"""Libraries under the names that everyone gives them: `from common import *` may have imported them."""
_COUNTS = frozenset({"shape", "ndim", "size", "dtype", "columns", "index", "name", "filename", "classes_"})
"""Attributes that describe a value, and are not made from its numbers."""
_WEIGHTS = frozenset({"trainable_variables", "trainable_weights", "variables", "weights"})
_SAME = frozenset({"values", "iloc", "loc", "iat", "at", "array", "data"})
_FITTED = frozenset({"scale_", "mean_", "min_", "data_min_", "data_max_", "var_", "data_range_"})


class Expressions(Literals):
    """The expressions of a program."""

    def evaluate(self, node: ast.expr) -> Value:
        """Return what is known of an expression."""
        self.step()
        follow = _EXPRESSIONS.get(type(node))
        return follow(self, node) if follow is not None else self.other(node)

    def other(self, node: ast.expr) -> Value:
        """An expression of a rare kind: made from all of its parts."""
        parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return Value(marks=merge_marks([self.evaluate(part) for part in parts]))

    def name(self, node: ast.Name) -> Value:
        """Return the value of a name; an unknown one may belong to a library."""
        found = self.frame.scope.find(node.id)
        if found is not None:
            return found
        if node.id in _BUILTINS:
            return Value(kind="name", ref=f"builtins.{node.id}")
        if node.id in _USUAL:
            return Value(kind="name", ref=node.id)
        return Value(kind="name", ref=f"?.{node.id}") if node.id[:1].isupper() or "_" in node.id else NOTHING

    def attribute(self, node: ast.Attribute) -> Value:
        """Return an attribute: of a library, of an object of the program, or of a value."""
        base = self.evaluate(node.value)
        if base.kind == "name":
            return self.library_attribute(base, node.attr)
        found = self.attribute_of(base, node.attr)
        if found is not None:
            return found
        if node.attr == "codes" and is_open(base):
            self.add("fit", node, NOTHING, base, method="codes")
            return replace(base.marked(Mark("refit", self.site(node))), kind="column")
        if node.attr in _COUNTS:
            marks = frozenset({Mark("size-of-picture")} if base.has("any-size") else ())
            return Value(kind="described" if base.has("request") else "", marks=marks)
        if base.thing is not None and (base.kind == "transformer" or node.attr in _FITTED):
            learned = (Mark(kind, None, base.thing.identity) for kind in (node.attr, "learned"))
            return Value(marks=frozenset(learned))
        if node.attr in _SAME:
            return without_names(base, self.site(node)) if node.attr == "values" else base
        kept = self._kept(base, node) if base.kind in ("", "request", "module") else None
        return kept if kept is not None else self._made(base, node)

    def _made(self, base: Value, node: ast.Attribute) -> Value:
        """What belongs to a value of a known kind: model.predict, frame.age; or is made from it."""
        if node.attr == "layers" and base.kind == "model":
            return parts_of(base)
        if base.kind == "model" and node.attr in _WEIGHTS:
            return replace(base, kind="weights")
        if base.kind == "model" and node.attr in ("predict", "predict_proba", "__call__"):
            return replace(base, kind="bound")
        if base.kind in ("model", "loaded") and node.attr == "signatures":
            return replace(base, kind="signatures")
        if base.kind == "image" and node.attr in ("width", "height"):
            return Value(marks=frozenset({Mark("size-of-picture")}))
        if node.attr == "T":
            return replace(base, rows="")
        if base.kind in TABLES:
            return named_column(base, Value(kind="const", ref=node.attr)) or base
        return Value(kind="request" if base.kind == "request" else "", marks=base.marks)

    def _kept(self, base: Value, node: ast.Attribute) -> Value | None:
        """What was assigned to an attribute of this name before, in this file or on the application."""
        if node.attr in self.module.loose and not _is_data(base):
            return self.module.loose[node.attr]
        return self.module.of_application.get(node.attr) if is_of_application(node.value) else None

    def library_attribute(self, base: Value, name: str) -> Value:
        """Return a name of a library; what a web framework knows of the request is a value."""
        dotted = f"{base.text}.{name}"
        if base.text in ("flask.request", "bottle.request", "quart.request"):
            return Value(kind="request", marks=frozenset({Mark("request")}))
        if dotted == "sys.argv":
            return Value(marks=frozenset({Mark("request")}))
        if base.text.endswith(".current_app") and name in self.module.of_application:
            return self.module.of_application[name]
        if base.text == "streamlit.session_state":
            return self.module.loose.get(name, NOTHING)
        return Value(kind="name", ref=dotted)

    def item(self, node: ast.Subscript) -> Value:
        """Return an item, or a part, of a value."""
        base = self.evaluate(node.value)
        index = self.evaluate(node.slice)
        if base.text == "streamlit.session_state" and "session_state" in self.module.loose:
            base = self.module.loose["session_state"]
        if base.kind == "name":
            if base.text.endswith(".Annotated"):
                return dependency(index)
            is_sent = base.text in ("flask.request", "sys.argv")
            return Value(marks=frozenset({Mark("request")})) if is_sent else NOTHING
        if index.has("position") and base.has("request") and not (base.has("pred") or base.has("called")):
            self.add("ranked", node, index, base)
        known = self.own_item(base, index) if isinstance(base.ref, Instance) else known_item(base, index)
        if known is not None:
            return known
        return self._part_of(base, index, node)

    def _part_of(self, base: Value, index: Value, node: ast.Subscript) -> Value:
        """Some of the items of an array, a list or a table."""
        if isinstance(node.slice, ast.Slice):
            kept = as_one_sample(base) if is_window(node.slice) else base
            return indexed(replace(kept, rows=sliced(base, node.slice), items=None), index)
        if isinstance(node.slice, ast.Tuple):
            if base.kind == "frame" and names_columns(node):
                return self._located(base, index, node)
            kept = reversed_at(base, part(base, node.slice, index.items or ()), self.site(node))
            has_step = len(node.slice.elts) > 1 and is_new_axis(node.slice.elts[1])
            return indexed(one_step(kept, self.site(node)) if has_step else kept, index)
        if is_new_axis(node.slice):
            return replace(as_one_sample(base), rank=plus(base.rank, 1), rows="one", items=None)
        if index.kind == "mask":
            return masked(base)
        if base.kind == "request" and index.items and all(isinstance(each.ref, str) for each in index.items):
            base = replace(base, kind="frame", rank=2)  # nothing else takes a list of names
        if base.kind in ("frame", "record") and index.kind not in ("mask", "const", "number"):
            return self._columns(base, index, node)
        return indexed(element_of(base), index)

    def _columns(self, base: Value, index: Value, node: ast.Subscript) -> Value:
        """Columns of a table by their names, which gives them an order."""
        kept = renamed(base if index.has("order") else base.without("order", "columns"))
        if index.items and all(isinstance(each.ref, str) for each in index.items):
            kept = kept.marked(ordered_columns(self.site(node), index.items))
        return replace(kept, items=None)

    def _located(self, base: Value, index: Value, node: ast.Subscript) -> Value:
        """Rows of a table, and of these the columns with some names: frame.loc[:, ["age", "income"]]."""
        rows, names = index.items or (NOTHING, NOTHING)
        if not names.kind or names.items is not None:
            kept = self._columns(base, names, node)
            return kept if rows.kind != "const" else replace(element_of(kept), marks=kept.marks)
        return named_column(base, names) or element_of(base)

    # --- operators

    def binary(self, node: ast.BinOp) -> Value:
        """Return the result of an operator."""
        return self.combine(node, node.op, self.evaluate(node.left), self.evaluate(node.right))

    def unary(self, node: ast.UnaryOp) -> Value:
        """Return the result of -x or not x."""
        operand = self.evaluate(node.operand)
        if isinstance(node.op, ast.USub) and operand.kind == "const" and isinstance(operand.ref, int | float):
            return replace(operand, ref=-operand.ref)
        return NOTHING if isinstance(node.op, ast.Not) else replace(operand, kind="", ref=None, items=None)

    def boolean(self, node: ast.BoolOp) -> Value:
        """Return one of several values."""
        result = self.evaluate(node.values[0])
        # `model or load_model(path)` loads only if there is no model yet.
        is_guarded = self.place.is_guarded or isinstance(node.op, ast.Or)
        with self.within(replace(self.place, is_guarded=is_guarded)):
            for each in node.values[1:]:
                result = join(result, self.evaluate(each))
        return result

    def compare(self, node: ast.Compare) -> Value:
        """A comparison gives a truth value: nothing that was true of the numbers is true of it."""
        for side in (node.left, *node.comparators):
            self.evaluate(side)
        return Value(kind="mask")

    def conditional(self, node: ast.IfExp) -> Value:
        """Return one of two values."""
        self.evaluate(node.test)
        is_guarded = self.place.is_guarded or not isinstance(node.test, ast.Constant)
        with self.within(replace(self.place, is_guarded=is_guarded)):
            return join(self.evaluate(node.body), self.evaluate(node.orelse))

    def inner(self, node: ast.Await | ast.Starred | ast.FormattedValue) -> Value:
        """Return the value of an expression around it: await x, *x, {x}."""
        return self.evaluate(node.value)

    def produced(self, node: ast.Yield | ast.YieldFrom) -> Value:
        """What a generator yields is what it returns; a `with` block goes on inside the blocks around it."""
        value = self.evaluate(node.value) if node.value is not None else NOTHING
        function = self.frame.function
        if function is not None and any("contextmanager" in name for name in function.decorators):
            value = value.marked(*(Mark(f"within:{kind}") for kind in ("block", *self.contexts)))
        if function in self.depended and "lock" in self.contexts:
            self.held |= {"dependency"}
        self.frame.returned.append(value)
        loops = self.place.loops[self.frame.loops :]
        if loops:
            self.note_samples(node, value)
            is_same = loops[-1][1] == "repeat"
            self.frame.series = frozenset({Mark("repeated", self.site(node))} if is_same else ())
        return NOTHING

    def named(self, node: ast.NamedExpr) -> Value:
        """Follow `(name := value)`."""
        value = self.evaluate(node.value)
        self.assign(node.target, value)
        return value

    def limits(self, node: ast.Slice) -> Value:
        """Follow the limits of a slice."""
        given = [self.evaluate(each) for each in (node.lower, node.upper, node.step) if each is not None]
        return Value(marks=frozenset(mark for mark in merge_marks(given) if mark.kind == "loop"))


def _is_data(base: Value) -> bool:
    return any(mark.kind not in ("request", "loop") for mark in base.marks)


_EXPRESSIONS: Mapping[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: Expressions.constant,
    ast.Name: Expressions.name,
    ast.Attribute: Expressions.attribute,
    ast.Subscript: Expressions.item,
    ast.Call: Expressions.call,
    ast.BinOp: Expressions.binary,
    ast.UnaryOp: Expressions.unary,
    ast.BoolOp: Expressions.boolean,
    ast.Compare: Expressions.compare,
    ast.IfExp: Expressions.conditional,
    ast.List: Expressions.sequence,
    ast.Tuple: Expressions.sequence,
    ast.Set: Expressions.sequence,
    ast.Dict: Expressions.mapping,
    ast.ListComp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
    ast.DictComp: Expressions.mapping_comprehension,
    ast.Lambda: Expressions.anonymous,
    ast.Await: Expressions.inner,
    ast.Starred: Expressions.inner,
    ast.FormattedValue: Expressions.inner,
    ast.JoinedStr: Expressions.joined,
    ast.Yield: Expressions.produced,
    ast.YieldFrom: Expressions.produced,
    ast.NamedExpr: Expressions.named,
    ast.Slice: Expressions.limits,
}
