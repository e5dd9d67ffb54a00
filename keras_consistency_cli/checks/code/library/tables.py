"""pandas: tables, their columns and the order of the columns."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.items import named_column
from keras_consistency_cli.checks.code.values.marks import OF_COLUMNS, OPEN, STATED, ordered_columns
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["TABLES", "TABLE_METHODS"]


def _frame(machine: Machine, call: Call) -> Value:
    """pd.DataFrame(...): the order of its columns is that of `columns`, or of the dictionary."""
    given = call.arguments.get(0, "data")
    columns = call.arguments.get(2, "columns")
    index = call.arguments.get(1, "index")
    marks = given.without("columns").marks
    names = columns.items
    one_dict = given.items[0] if given.items and len(given.items) == 1 else None
    if names is None and not columns.kind:
        source = given if given.kind == "dict" else one_dict
        names = source.items if source is not None and source.kind == "dict" else None
    if names and all(isinstance(name.ref, str) for name in names):
        kept = frozenset(mark for mark in marks if mark.kind != "order")
        marks = kept | {ordered_columns(machine.site(call.node), names)}
    elif columns.kind:
        marks = frozenset(mark for mark in marks if mark.kind != "order")
    elif given.kind == "request" or (one_dict is not None and one_dict.kind == "request"):
        marks = marks | {Mark("order", machine.site(call.node))}
    if given.has("request"):
        marks = marks | {Mark("numbers")}
    is_one = index.items is not None and len(index.items) == 1
    is_one = is_one or given.rows == "one" or one_dict is not None or _is_of_single_values(given)
    rows = "one" if is_one else given.rows if given.rows in ("many", "keyed") else ""
    return Value(kind="frame", marks=marks, rank=2, rows=rows)


def _is_of_single_values(columns: Value) -> bool:
    """Whether each column has one value: {"age": [30], "income": [2000]}."""
    values = [value for _, value in columns.entries] if columns.kind == "dict" else []
    return bool(values) and all(value.kind == "list" and len(value.items or ()) == 1 for value in values)


def _read(machine: Machine, call: Call) -> Value:
    """pd.read_csv(...): a table of many rows."""
    return Value(kind="frame", marks=call.result.marks, rank=2, rows="many")


def _flattened(machine: Machine, call: Call) -> Value:
    """pd.json_normalize(data): the columns are in the order in which the client sent them."""
    given = call.arguments.get(0, "data")
    marks = given.without("columns").marks
    if given.kind == "request":
        marks |= {Mark("order", machine.site(call.node)), Mark("numbers")}
    return Value(kind="frame", marks=marks, rank=2, rows=given.rows if given.rows == "many" else "")


def _series(machine: Machine, call: Call) -> Value:
    return Value(kind="column", marks=call.result.marks, rank=1)


def _joined(machine: Machine, call: Call) -> Value:
    return Value(kind="frame", marks=call.result.marks, rank=2)


def _taken(machine: Machine, call: Call) -> Value:
    """frame.pop("amount"), frame.get("amount"): one column; frame.filter(["age", "amount"]): several."""
    table, names = call.receiver, call.arguments.get(0, "items")
    if names.items is None:
        return named_column(table, names) or table
    kept = table.without("order", "columns")
    is_complete = all(isinstance(each.ref, str) for each in names.items)
    return kept.marked(ordered_columns(machine.site(call.node), names.items)) if is_complete else kept


def _rows(machine: Machine, call: Call) -> Value:
    """frame.iterrows(), frame.to_dict("records"), frame.groupby("day"): its rows, one after another."""
    return Value(kind="records", marks=call.receiver.marks)


def _still(machine: Machine, call: Call) -> Value:
    """frame.dropna(): the same columns, of other rows."""
    return replace(call.receiver, rows="" if call.name in _FEWER else call.receiver.rows)


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


_FEWER = ("head", "tail", "query", "sample", "drop_duplicates")
_STILL = (
    "set_index", "sort_index", "rename", "dropna", "ffill", "bfill", "interpolate", "replace",
    "infer_objects", "convert_dtypes", "rename_axis", "select_dtypes",
)  # fmt: skip

TABLE_METHODS: Handlers = {
    **dict.fromkeys(("pop", "get", "filter"), _taken),
    **dict.fromkeys(("iterrows", "itertuples", "to_dict", "groupby", "rolling", "resample"), _rows),
    **dict.fromkeys((*_FEWER, *_STILL), _still),
}
"""Methods of tables alone."""

TABLES: Handlers = {
    "pandas.DataFrame": _frame,
    "pandas.from_dict": _frame,
    "pandas.from_records": _frame,
    "pandas.json_normalize": _flattened,
    "pandas.Series": _series,
    "pandas.read_csv": _read,
    "pandas.read_excel": _read,
    "pandas.read_parquet": _read,
    "pandas.read_json": _read,
    "pandas.read_sql": _read,
    "pandas.get_dummies": _dummies,
    "pandas.Categorical": _categorical,
    "pandas.factorize": _codes,
    "pandas.qcut": _codes,
    "pandas.cut": _bins,
    "pandas.concat": _joined,
    "pandas.merge": _joined,
    "yfinance.download": _read,
    "pandas_datareader.DataReader": _read,
}
