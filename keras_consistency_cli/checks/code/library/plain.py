"""Built-in functions, the standard library, and files that hold objects."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Arguments, Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.values.naming import dictionary
from keras_consistency_cli.checks.code.values.parts import collected, item_of, of_keys
from keras_consistency_cli.checks.code.values.value import (
    NOTHING,
    Instance,
    Mark,
    Prepared,
    Value,
    merge_marks,
)

__all__ = ["PLAIN", "hashed"]

_LOCKS = (
    "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "CapacityLimiter", "FileLock",
    "SoftFileLock", "InterProcessLock", "ReaderWriterLock",
)  # fmt: skip
_GONE = ("div255", "div127", "prepared", "centred", "own-scaled", "order", "columns")


def _number(machine: Machine, call: Call) -> Value:
    """float(x), int(x): one number; of a value that is one already, it changes nothing."""
    given = call.arguments.get(0)
    is_field = given.has("request") and (given.rank != 0 or bool(given.kind))
    marks = given.marks | {Mark("numbers")} if is_field else given.marks
    return Value(kind="number", marks=marks, rank=0)


def _hash(machine: Machine, call: Call) -> Value:
    """hash(x): of a text, it differs in each process; of a number it does not."""
    return hashed(machine, call, call.arguments.get(0))


def hashed(machine: Machine, call: Call, given: Value) -> Value:
    """What hash() makes of a value; word.__hash__() is the same."""
    own = machine.attribute_of(given, "__hash__") if isinstance(given.ref, Instance) else None
    if own is not None:
        return machine.call_own(own)
    is_number = given.kind == "number" or (given.kind == "const" and not isinstance(given.ref, str | bytes))
    if is_number:
        return Value(marks=given.marks, rank=0)
    return Value(kind="number", marks=given.marks | {Mark("hash", machine.site(call.node))}, rank=0)


def _same(machine: Machine, call: Call) -> Value:
    """list(x), sorted(x), copy(x): the same values."""
    given = call.arguments.get(0)
    return replace(given, kind="list" if given.kind == "order" else given.kind)


def _dictionary(machine: Machine, call: Call) -> Value:
    """dict(model=x, scaler=y): what is kept under these keys."""
    given = {key: value for key, value in call.arguments.options.items() if key != "**"}
    if not given:
        return call.result
    made = dictionary(given, list(given.values()), is_complete=not call.arguments.values)
    entries = {**dict(call.arguments.get(0).entries), **dict(made.entries)}
    return replace(made, kind="dict", ref=None, marks=call.result.marks, entries=tuple(entries.items()))


def _parsed(machine: Machine, call: Call) -> Value:
    """json.load(stream): the contents of a file."""
    return Value(marks=call.arguments.get(0).marks)


def _total(machine: Machine, call: Call) -> Value:
    """sum(x), max(x): the same in any order."""
    return call.result.without("order")


def _sorted(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0).without("order")
    return Value(kind="list", marks=given.marks, rank=given.rank)


def _enumerate(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0)
    return Value(kind="list", marks=given.marks)


def _zip(machine: Machine, call: Call) -> Value:
    kinds = [value for value in call.arguments.values if value.kind in ("model", "transformer", "loaded")]
    return (
        replace(call.result, kind="list", items=None)
        if not kinds
        else Value(kind="list", marks=merge_marks(call.arguments.values), items=(_as_tuple(call),))
    )


def _as_tuple(call: Call) -> Value:
    return Value(kind="tuple", items=call.arguments.values)


def _map(machine: Machine, call: Call) -> Value:
    """map(float, x): the function is followed for any item."""
    function, data = call.arguments.get(0), call.arguments.get(1)
    if function.text in ("builtins.float", "builtins.int"):
        marks = data.marks | {Mark("numbers")} if data.has("request") else data.marks
        return Value(kind="list", marks=marks, rank=1)
    loop = id(call.node)
    items = tuple(item_of(each, loop) for each in call.arguments.values[1:])
    with machine.within(replace(machine.place, loops=(*machine.place.loops, (loop, "comprehension")))):
        result = machine.apply(call.node, function, Arguments(items))
    machine.note_samples(call.node, result)
    return of_keys(collected(result), data, result)


def _load(machine: Machine, call: Call) -> Value:
    """joblib.load, pickle.load: a model or a transformer; its use shows which."""
    value = machine.new_thing(call.node, "loaded", "load", "loaded", call)
    machine.add("load", call.node, value, call.arguments.get(0), options=call.arguments.options)
    return value


def _dump(machine: Machine, call: Call) -> Value:
    machine.add("dump", call.node, call.arguments.get(0), call.arguments.get(1))
    return NOTHING


def _input(machine: Machine, call: Call) -> Value:
    return Value(marks=frozenset({Mark("request")}))


def _fields(machine: Machine, call: Call) -> Value:
    """SimpleNamespace(model=model, scaler=scaler): an object with these fields."""
    options = call.arguments.options
    made = dictionary(options, list(options.values()), is_complete=False)
    return replace(made, kind="fields", ref=None) if options and not call.arguments.values else call.result


def _field(machine: Machine, call: Call) -> Value:
    """dataclasses.field(default_factory=Tokenizer), field(default=None)."""
    options = call.arguments.options
    factory = options.get("default_factory", options.get("factory"))
    if factory is not None:
        return Value(kind="factory", ref=Prepared(factory))
    return options.get("default", NOTHING)


def _partial(machine: Machine, call: Call) -> Value:
    """partial(model, training=True): called with these arguments, too."""
    function, *values = call.arguments.values or (NOTHING,)
    stated = Mark("stated", machine.site(call.node))
    options = tuple((name, value.marked(stated)) for name, value in call.arguments.options.items())
    if not values and not options:
        return function
    return Value(kind="prepared-call", ref=Prepared(function, tuple(values), options))


def _in_thread(machine: Machine, call: Call) -> Value:
    """asyncio.to_thread(function, x): the function is followed."""
    rest = replace(call.arguments, values=call.arguments.values[1:])
    return machine.apply(call.node, call.arguments.get(0), rest)


def _random_number(machine: Machine, call: Call) -> Value:
    return Value(marks=call.result.marks | {Mark("random", machine.site(call.node))}, rank=0)


def _printed(machine: Machine, call: Call) -> Value:
    """print(x, file=stream): written, unless it is only shown."""
    if "file" in call.arguments.options:
        machine.note_written(call.node, *call.arguments.values)
    return NOTHING


def _open_file(machine: Machine, call: Call) -> Value:
    return Value(marks=call.result.marks, kind="file", ref=call.arguments.get(0).text)


PLAIN: Handlers = {
    "builtins.float": _number,
    "builtins.int": _number,
    "builtins.round": _number,
    "builtins.abs": _same,
    "builtins.hash": _hash,
    "builtins.len": nothing,
    "builtins.isinstance": nothing,
    "builtins.hasattr": nothing,
    "builtins.print": _printed,
    "builtins.type": nothing,
    "builtins.range": lambda _machine, _call: Value(kind="range"),
    "builtins.dict": _dictionary,
    "builtins.list": _same,
    "builtins.tuple": _same,
    "builtins.iter": _same,
    "builtins.next": _same,
    "builtins.reversed": _same,
    "builtins.sorted": _sorted,
    **{f"builtins.{name}": _total for name in ("sum", "max", "min", "any", "all")},
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.input": _input,
    "builtins.open": _open_file,
    "builtins.super": nothing,
    "functools.partial": _partial,
    "types.SimpleNamespace": _fields,
    "argparse.Namespace": _fields,
    "dataclasses.field": _field,
    "attr.field": _field,
    "attrs.field": _field,
    "asyncio.to_thread": _in_thread,
    "fastapi.run_in_threadpool": _in_thread,
    "starlette.run_in_threadpool": _in_thread,
    "copy.copy": _same,
    "copy.deepcopy": _same,
    "json.loads": _same,
    "json.load": _parsed,
    "joblib.load": _load,
    "pickle.load": _load,
    "pickle.loads": _load,
    "skops.load": _load,
    "joblib.dump": _dump,
    "pickle.dump": _dump,
    "pickle.dumps": _dump,
    "skops.dump": _dump,
    "random.random": _random_number,
    "random.uniform": _random_number,
    "random.gauss": _random_number,
    "random.randint": _random_number,
    **{
        f"{root}.{name}": lambda _machine, _call: Value(kind="lock")
        for root in ("threading", "asyncio", "multiprocessing", "anyio", "filelock", "fasteners")
        for name in _LOCKS
    },
    "argparse.ArgumentParser": _input,
}
