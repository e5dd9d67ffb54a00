"""pandas: categories and limits that a table finds in its own rows, as a fit does."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.marks import OF_COLUMNS, OPEN, STATED
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["CATEGORIES"]


def _learned(machine: Machine, call: Call, given: Value) -> frozenset[Mark]:
    """Write into the trace that something was learned from these rows, and return what is true of others."""
    if given.has(STATED) or not given.has("request"):
        return frozenset()
    name = call.name.rpartition(".")[2]
    machine.add("fit", call.node, Value(), given, method=name)
    return frozenset({Mark("refit", machine.site(call.node), OF_COLUMNS if name == "get_dummies" else 0)})


def _dummies(machine: Machine, call: Call) -> Value:
    """pd.get_dummies(rows): the columns are the categories of these rows."""
    given = call.arguments.get(0, "data")
    marks = given.without("columns").marks | _learned(machine, call, given)
    return Value(kind="frame", marks=marks, rank=2, rows=given.rows)


def _categorical(machine: Machine, call: Call) -> Value:
    """pd.Categorical(values, categories=CITIES): without categories, those of the values."""
    is_open = "categories" not in call.arguments.options and "dtype" not in call.arguments.options
    is_open = is_open and len(call.arguments.values) == 1
    return Value(kind="column", marks=call.result.marks | {Mark(OPEN if is_open else STATED)}, rank=1)


def _coded(machine: Machine, call: Call, given: Value) -> Value:
    """pd.factorize(x), pd.qcut(x, 4, labels=False): numbers that depend on the other rows."""
    found = Value(kind="column", marks=given.marks | _learned(machine, call, given), rank=1, rows="some")
    is_pair = call.name.endswith("factorize")
    return Value(kind="tuple", items=(found, Value()), marks=found.marks) if is_pair else found


def _codes(machine: Machine, call: Call) -> Value:
    return _coded(machine, call, call.arguments.get(0, "x"))


def _bins(machine: Machine, call: Call) -> Value:
    """pd.cut(x, 4): limits from the smallest to the largest of these rows; pd.cut(x, LIMITS) states them."""
    given, bins = call.arguments.get(0, "x"), call.arguments.get(1, "bins")
    is_open = type(bins.ref) is int and bins.kind == "const"
    return _coded(machine, call, given) if is_open else replace(given, items=None)


CATEGORIES: Handlers = {
    "pandas.get_dummies": _dummies,
    "pandas.Categorical": _categorical,
    "pandas.factorize": _codes,
    "pandas.qcut": _codes,
    "pandas.cut": _bins,
}
