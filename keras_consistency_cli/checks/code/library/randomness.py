"""Random numbers: generators with a state, what they draw, and rows that they shuffle."""

from __future__ import annotations

import ast

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value

__all__ = ["RANDOMNESS", "drawn"]

_ENTRY = 2
"""Frames where a function is followed: that of its module, and its own."""
_DRAWS = frozenset(
    {
        "normal", "uniform", "random", "standard_normal", "integers", "laplace", "lognormal", "poisson",
        "exponential", "gamma", "beta", "binomial", "rand", "randn", "randint", "gauss", "triangular",
        "truncated_normal", "vonmises", "logistic", "gumbel", "rayleigh", "normalvariate",
    }
)  # fmt: skip


def _generator(machine: Machine, call: Call) -> Value:
    """np.random.default_rng(): with a seed and made for each request, it draws the same numbers again."""
    is_repeated = bool(call.arguments.all()) and len(machine.frames) >= _ENTRY
    return NOTHING if is_repeated else Value(kind="random")


def drawn(machine: Machine, call: Call) -> Value:
    """rng.normal(0, 0.1, x.shape): numbers that differ in each call; rng.shuffle(x)."""
    if call.name == "shuffle":
        return _shuffled(machine, call)
    is_drawn = call.name in _DRAWS
    return Value(kind="array", marks=frozenset({_random(machine, call)})) if is_drawn else call.result


def _random(machine: Machine, call: Call) -> Mark:
    return Mark("random", machine.site(call.node))


def _shuffled(machine: Machine, call: Call) -> Value:
    """np.random.shuffle(x): the rows come in another order, and so do their outputs."""
    given, target = call.arguments.get(0), next(iter(call.node.args), None)
    if given.kind == "array" and isinstance(target, ast.Name):
        machine.assign(target, _in_other_order(machine, call))
    return NOTHING


def _in_other_order(machine: Machine, call: Call) -> Value:
    return call.arguments.get(0).marked(Mark("augmented", machine.site(call.node)))


_NOISE = ("laplace", "lognormal", "poisson", "exponential", "gamma", "beta")

RANDOMNESS: Handlers = {
    "numpy.default_rng": _generator,
    "numpy.RandomState": _generator,
    "random.Random": _generator,
    "random.SystemRandom": lambda _machine, _call: Value(kind="random"),
    "tensorflow.from_seed": _generator,
    "tensorflow.from_non_deterministic_state": lambda _machine, _call: Value(kind="random"),
    "tensorflow.get_global_generator": lambda _machine, _call: Value(kind="random"),
    "numpy.shuffle": _shuffled,
    "tensorflow.shuffle": lambda machine, call: _in_other_order(machine, call),
    **{f"numpy.{name}": drawn for name in _NOISE},
}
