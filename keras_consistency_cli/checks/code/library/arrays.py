"""NumPy and TensorFlow functions of arrays: their axes, and what is true of their numbers."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import WIDE, Handlers, is_double, nothing
from keras_consistency_cli.checks.code.values.marks import without_names
from keras_consistency_cli.checks.code.values.parts import plus, words_of
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value, merge_marks

__all__ = ["ARRAYS", "as_array", "described", "note_average", "position", "repeated", "stacked"]

_AXES_OF_TABLE = 2


def as_array(machine: Machine, call: Call) -> Value:
    """np.array(x): the same numbers; Python numbers become float64."""
    given = without_names(call.arguments.get(0), machine.site(call.node))
    if given.kind == "image":
        rank = given.rank or 3
        return Value(kind="array", marks=given.marks, rank=rank)
    dtype = call.arguments.get(1, "dtype")
    kept = given.without(*WIDE)
    if given.has("request") and not dtype.kind:
        kept = kept.marked(Mark("untyped"))  # int64 or float64
    if is_double(dtype) or (not dtype.kind and given.kind in ("list", "tuple")):
        kept = kept.marked(Mark("float64", machine.site(call.node)))
    rows = given.rows if "ndmin" not in call.arguments.options else ""
    return Value(kind="array", marks=kept.marks, rank=given.rank, rows=rows, items=None)


def _as_tensor(machine: Machine, call: Call) -> Value:
    """tf.constant(x): a list of Python numbers becomes float32, an array keeps its dtype."""
    given = call.arguments.get(0)
    dtype = call.arguments.get(1, "dtype")
    marks = given.marks if not dtype.kind else given.without(*WIDE).marks
    return Value(kind="array", marks=marks, rank=given.rank, rows=given.rows)


def _cast(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0).without(*WIDE)
    return Value(kind="array", marks=given.marks, rank=given.rank, rows=given.rows)


def statistic(machine: Machine, call: Call, given: Value) -> Value:
    """A number that describes all the numbers of a value."""
    marks = given.marks | (
        {Mark("statistic", machine.site(call.node))} if given.has("request") else frozenset()
    )
    return Value(marks=marks, rank=0)


def note_average(machine: Machine, call: Call, given: Value) -> None:
    """Keep in mind that outputs of a model are summed up: a mean, a deviation, a quantile."""
    if given.has("called") or given.has("pred"):
        machine.add("average", call.node, given, NOTHING)


def repeated(machine: Machine, call: Call, given: Value) -> Value:
    """The same rows several times: np.repeat(x, 30, axis=0), tf.tile(x, [30, 1])."""
    marks = given.marks | {Mark("repeated", machine.site(call.node))}
    return Value(kind="array", marks=marks, rank=given.rank, rows="many" if given.rows else "")


def _repeated(machine: Machine, call: Call) -> Value:
    return repeated(machine, call, call.arguments.get(0))


def _quantile(machine: Machine, call: Call) -> Value:
    """np.quantile(x, 0.9, axis=0)."""
    note_average(machine, call, call.arguments.get(0))
    return reduced(call.arguments.get(0), call.arguments.get(2, "axis"))


def _statistic(machine: Machine, call: Call) -> Value:
    """np.mean(x): a number; np.mean(x, axis=0): one axis less."""
    return described(machine, call, call.arguments.get(0), call.arguments.get(1, "axis"))


def _moments(machine: Machine, call: Call) -> Value:
    """tf.nn.moments(x, axes=[0]): the mean and the variance."""
    axes = call.arguments.get(1, "axes")
    axis = axes.items[0] if axes.items is not None and len(axes.items) == 1 else axes
    found = described(machine, call, call.arguments.get(0, "x"), axis)
    return Value(kind="tuple", items=(found, found), marks=found.marks)


def described(machine: Machine, call: Call, given: Value, axis: Value) -> Value:
    """A statistic of a value: of all its numbers, or along an axis. A table has one for each column;
    that of several rows depends on all of them, too.
    """
    note_average(machine, call, given)
    has_axis = bool(axis.kind) and not axis.is_const(None)
    found = reduced(given, axis) if has_axis else statistic(machine, call, given)
    is_of_rows = axis.is_const(0) if has_axis else given.kind in ("frame", "column") or given.rows == "many"
    if not (is_of_rows and given.has("request")) or given.has("image"):
        return found
    kind = "largest-of-rows" if call.name.rpartition(".")[2] in _LARGEST else "statistic-of-rows"
    # Whether it is the statistic of the rows that it is applied to, or of those of training: by their names.
    func = call.node.func
    is_method = isinstance(func, ast.Attribute) and call.receiver == given
    source = func.value if isinstance(func, ast.Attribute) and is_method else next(iter(call.node.args), func)
    return found.marked(Mark(kind, machine.site(call.node), names=words_of(source)))


def _norm(machine: Machine, call: Call) -> Value:
    """np.linalg.norm(x, axis=0): the length of each column."""
    return described(machine, call, call.arguments.get(0), call.arguments.get(2, "axis"))


def reduced(given: Value, axis: Value) -> Value:
    """A value without one of its axes; the mean of several calls is marked."""
    marks = given.without("one-step").marked(Mark("averaged")).marks
    rows = given.rows if axis.is_const(-1) else ""
    return Value(kind="array", marks=marks, rank=plus(given.rank, -1), rows=rows)


def _argmax(machine: Machine, call: Call) -> Value:
    """np.argmax(x) is one position, tf.argmax(x) is along the first axis, K.argmax(x) along the last one."""
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    parts = call.name.split(".")
    axis = call.arguments.options.get("dimension", axis)
    if not axis.kind and "backend" in parts:
        axis = Value(kind="const", ref=-1)
    elif not axis.kind and parts[0] in ("tensorflow", "tf") and not {"numpy", "keras"} & set(parts):
        axis = Value(kind="const", ref=0)
    return position(machine, call, given, axis)


def position(machine: Machine, call: Call, given: Value, axis: Value) -> Value:
    """Write an argmax into the trace, and return where the largest number is."""
    machine.add("argmax", call.node, given, axis)
    return Value(marks=given.marks | {Mark("position", machine.site(call.node))})


def _unraveled(machine: Machine, call: Call) -> Value:
    """np.unravel_index(np.argmax(x), x.shape): the row and the column of one position in all rows."""
    machine.add("ranked", call.node, call.arguments.get(0), NOTHING)
    return call.result


def _stack(machine: Machine, call: Call) -> Value:
    """np.hstack, np.append: made from all parts."""
    return Value(kind="array", marks=merge_marks(call.arguments.values))


def stacked(call: Call) -> Value:
    """np.stack(rows): one more axis, of as many rows as the list has."""
    return _of_list(call, 0, is_stack=True)


def _joined(machine: Machine, call: Call) -> Value:
    """np.concatenate(batches), np.vstack(rows): the first axes of the parts, one after another."""
    given, is_of_rows = call.arguments.get(0), call.name.endswith("vstack")
    axes = 0 if is_of_rows and given.rank == _AXES_OF_TABLE else -1
    return _of_list(call, axes, is_stack=is_of_rows)


def _of_list(call: Call, axes: int, *, is_stack: bool) -> Value:
    """An array of the parts that a loop has put into a list; of parts that are written out, or are outputs
    of a model, the axes are not known. A stack has a row for each part, however many axes that has.
    """
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    made = Value(kind="array", marks=merge_marks(call.arguments.values))
    is_first = not axis.kind or axis.is_const(0)
    if given.rows == "keyed" and is_first and call.name.endswith("stack"):
        return replace(made, rows="keyed")
    is_of_outputs = given.has("pred") or given.has("called")
    if given.rows != "many" or given.items is not None or not is_first or is_of_outputs:
        return made
    rank = plus(given.rank, axes)
    is_of_rows = (rank or 0) >= _AXES_OF_TABLE if given.rank is not None else is_stack
    return replace(made, rank=rank, rows="many") if is_of_rows else made


def _random(machine: Machine, call: Call) -> Value:
    """np.random.normal(...): numbers that differ in each call."""
    return Value(kind="array", marks=frozenset({Mark("random", machine.site(call.node))}))


def _chosen(machine: Machine, call: Call) -> Value:
    """np.random.choice(ids, p=probabilities): a sample, as in generated text."""
    return call.result


def _augmented(machine: Machine, call: Call) -> Value:
    """tf.image.random_flip_left_right(x): the image is changed at random."""
    given = call.arguments.get(0)
    return replace(given, marks=given.marks | {Mark("augmented", machine.site(call.node))}, items=None)


def _same(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0)
    return replace(given, kind="array" if given.kind in ("list", "tuple") else given.kind, items=None)


def _load_file(machine: Machine, call: Call) -> Value:
    return Value(kind="array")


def _tape(machine: Machine, call: Call) -> Value:
    return Value(kind="tape")


def _normalize(machine: Machine, call: Call) -> Value:
    """keras.utils.normalize(x, axis=0): by the length of each column; by default, by that of each row."""
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    is_of_rows = axis.is_const(0) and given.has("request") and not given.has("image")
    marks = given.marks | ({Mark("rows-scaled", machine.site(call.node))} if is_of_rows else frozenset())
    return Value(kind="array", marks=marks, rank=given.rank, rows=given.rows)


_STATISTICS = (
    "mean",
    "std",
    "min",
    "max",
    "var",
    "median",
    "amin",
    "amax",
    "reduce_mean",
    "reduce_std",
    "reduce_min",
    "reduce_max",
    "nanmean",
    "nanstd",
    "average",
    "nanvar",
    "nanmedian",
    "ptp",
    "reduce_variance",
)
_LARGEST = ("norm", "max", "amax", "nanmax", "reduce_max")
_QUANTILES = ("quantile", "percentile", "nanquantile", "nanpercentile")
_REPEATS = ("repeat", "tile", "broadcast_to")
_SAME_NUMBERS = ("asarray", "ascontiguousarray", "copy", "clip", "nan_to_num", "log1p")

ARRAYS: Handlers = {
    "numpy.array": as_array,
    **{f"numpy.{name}": _same for name in _SAME_NUMBERS},
    "numpy.asarray": as_array,
    "numpy.asanyarray": as_array,
    "numpy.float64": as_array,
    "numpy.float32": _cast,
    "numpy.argmax": _argmax,
    "numpy.unravel_index": _unraveled,
    "tensorflow.unravel_index": _unraveled,
    "numpy.vstack": _joined,
    "numpy.hstack": _stack,
    "numpy.concatenate": _joined,
    "numpy.append": _stack,
    "numpy.column_stack": _stack,
    "numpy.arange": nothing,
    "numpy.linspace": nothing,
    "numpy.load": _load_file,
    "numpy.loadtxt": _load_file,
    "numpy.genfromtxt": _load_file,
    "numpy.normal": _random,
    "numpy.rand": _random,
    "numpy.randn": _random,
    "numpy.random": _random,
    "numpy.uniform": _random,
    "numpy.randint": _random,
    "numpy.standard_normal": _random,
    "numpy.choice": _chosen,
    "numpy.multinomial": _chosen,
    "numpy.seed": nothing,
    **{f"numpy.{name}": _statistic for name in _STATISTICS},
    **{f"tensorflow.{name}": _statistic for name in _STATISTICS},
    **{f"numpy.{name}": _quantile for name in _QUANTILES},
    **{f"{root}.{name}": _repeated for root in ("numpy", "tensorflow", "keras") for name in _REPEATS},
    "tensorflow.constant": _as_tensor,
    "tensorflow.convert_to_tensor": _as_tensor,
    "tensorflow.cast": _cast,
    "tensorflow.argmax": _argmax,
    "tensorflow.concat": _joined,
    "tensorflow.normal": _random,
    "tensorflow.uniform": _random,
    "tensorflow.categorical": _chosen,
    "tensorflow.GradientTape": _tape,
    **{
        f"tensorflow.random_{name}": _augmented
        for name in (
            "flip_left_right",
            "flip_up_down",
            "brightness",
            "contrast",
            "crop",
            "hue",
            "saturation",
            "jpeg_quality",
        )
    },
    **{f"{root}.moments": _moments for root in ("tensorflow", "keras")},
    **{f"keras.{name}": _statistic for name in _STATISTICS if not name.startswith("reduce")},
    **{f"{root}.norm": _norm for root in ("numpy", "tensorflow", "keras")},
    "keras.normalize": _normalize,
    "tensorflow.l2_normalize": _normalize,
    "keras.argmax": _argmax,
}
