"""Give the model the weights that an export holds in place of its own.

The weights that the export does hold are matched with its constants by value. What is left over on both sides
is matched by shape: it is what another training run has changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.loading.exports.matching import is_named_after
from keras_consistency_cli.routes.exports.weights.held import Held, SearchedWeights
from keras_consistency_cli.routes.exports.weights.stored import Order, StoredConstants, arrange
from keras_consistency_cli.routes.exports.weights.units import Assigned, FormName, Part

__all__ = ["Substitution", "list_substitutions"]

_MOST_ORDERS, _MOST_AXIS_ORDERS = 24, 4
"""Orders of constants of one shape, and of the axes of kernels of one rank."""
_MOST_PLANS, _MOST_WAYS = 3, 48
"""Each way is a run of the model; the second is for each plan."""
_Forms = Mapping[str, FormName]
"""By kind of unit: the form that a converter gives it."""


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """One way in which constants of an export take the place of weights.

    `layers` are those whose weights the export does not hold, in the order of the model.
    """

    assigned: Assigned
    layers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Place:
    """A part of a form that no constant holds."""

    unit: int
    number: int
    part: Part


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The forms of the layers that have changed, and the constants that fit in their empty places.

    `cost` counts the places and the constants that remain without each other.
    """

    forms: tuple[Held, ...]
    candidates: Mapping[tuple[int, ...], list[_Place]]
    cost: int


def list_substitutions(weights: SearchedWeights, *, most_natural: bool) -> Iterator[Substitution]:
    """Yield the ways in which constants can stand in the place of weights that the export does not hold.

    There are several if weights share a shape, if kernels are square, which some exporters transpose, or if
    normalizations can be merged in several ways.

    Args:
        weights: those of the model, searched in the export.
        most_natural: whether only the forms that leave least over are tried, in the order of the file.
    """
    most = 1 if most_natural else _MOST_ORDERS
    for plan in _plans(weights)[: 1 if most_natural else _MOST_PLANS]:
        yield from itertools.islice(_ways(weights.stored, plan, most), _MOST_WAYS)


def _ways(stored: StoredConstants, plan: _Plan, most: int) -> Iterator[Substitution]:
    """Yield the ways to fill the places of a plan, the most natural first."""
    orders = itertools.product(
        *(_assignments(stored, places, numbers) for numbers, places in plan.candidates.items())
    )
    for order in itertools.islice(orders, most):
        found = {place: number for assignment in order for place, number in assignment.items()}
        yield from _arranged(stored, plan, found)


def _plans(weights: SearchedWeights) -> list[_Plan]:
    """Return what is left over for some ways in which a converter may have merged layers, the least first.

    It merges layers of one kind in the same way; how it has merged those that it holds is known.
    """
    stored, units, held = weights.stored, weights.units, weights.held
    kept = [next((name for name, form in forms.items() if form.is_whole), None) for forms in held]
    pairs = [(forms, name) for forms, name in zip(held, kept, strict=True) if name is not None]
    used = frozenset[int]().union(*(forms[name].used for forms, name in pairs))
    known = {unit.kind: name for unit, name in zip(units, kept, strict=True) if name is not None}
    changed = [(unit, forms) for unit, forms, name in zip(units, held, kept, strict=True) if name is None]
    choices = {
        unit.kind: [known[unit.kind]] if unit.kind in known else list(unit.forms) for unit, _ in changed
    }

    def plan(chosen: _Forms) -> _Plan:
        return _plan(stored, tuple(forms[chosen[unit.kind]] for unit, forms in changed), used)

    plans = [_improve(plan, choices, number) for number in range(max(map(len, choices.values()), default=0))]
    different = {tuple(map(id, each.forms)): each for each in plans if each.candidates}
    return sorted(different.values(), key=lambda each: each.cost)


def _improve(plan: Callable[[_Forms], _Plan], choices: Mapping[str, list[FormName]], number: int) -> _Plan:
    """Begin with the form of this number everywhere, and change that of one kind while less is left over."""
    chosen = {kind: names[min(number, len(names) - 1)] for kind, names in choices.items()}
    best = plan(chosen)
    for _ in choices:
        others = [{**chosen, kind: name} for kind, names in choices.items() for name in names]
        better, chosen = min(((plan(each), each) for each in others), key=lambda pair: pair[0].cost)
        if better.cost >= best.cost:
            break
        best = better
    return best


def _plan(stored: StoredConstants, forms: tuple[Held, ...], used: frozenset[int]) -> _Plan:
    used = used.union(*(form.used for form in forms))
    candidates: dict[tuple[int, ...], list[_Place]] = {}
    unfilled = 0
    for number, held in enumerate(forms):
        places = [_Place(unit=number, number=each, part=held.form.parts[each]) for each in held.left]
        for place in places:
            numbers = tuple(each for each in stored.fitting(place.part.value.shape) if each not in used)
            unfilled += not numbers
            if numbers:
                candidates.setdefault(numbers, []).append(place)
    surplus = sum(abs(len(numbers) - len(places)) for numbers, places in candidates.items())
    return _Plan(forms=forms, candidates=candidates, cost=surplus + unfilled)


def _assignments(
    stored: StoredConstants, places: Sequence[_Place], numbers: Sequence[int]
) -> Iterator[dict[_Place, int]]:
    """Yield the ways to give each place a different constant; some get none if there are too few.

    The first way goes by the names of the constants, and by the order of the graph where they tell nothing.
    """
    rest, first = list(numbers), dict[_Place, int]()
    likeness = {
        (place, number): _likeness(place.part, stored.constants[number].name)
        for place in places
        for number in numbers
    }
    for place, number in sorted(likeness, key=lambda pair: -likeness[pair]):
        if place not in first and number in rest:
            first[place] = number
            rest.remove(number)
    natural = [first.get(place) for place in places]
    for order in itertools.islice(itertools.permutations([*natural, *rest], len(places)), _MOST_ORDERS):
        yield {place: number for place, number in zip(places, order, strict=True) if number is not None}


def _likeness(part: Part, name: str) -> int:
    """How much of the name of a part is in the name of a constant."""
    is_layer = is_named_after(name, part.layer.rpartition("/")[2])
    return 2 * is_layer + (bool(part.word) and part.word in name)


def _arranged(stored: StoredConstants, plan: _Plan, found: Mapping[_Place, int]) -> Iterator[Substitution]:
    """Yield the substitutions by these constants, with their axes in each order that is tried.

    Kernels of one rank have their axes in the same order, if that is possible.
    """
    fitting = {
        place: arrange(stored.constants[number].values, place.part.value.shape)
        for place, number in found.items()
    }
    orders: dict[int, dict[Order, None]] = {}
    for place, each in fitting.items():
        if len(each) > 1:
            orders.setdefault(place.part.value.ndim, {}).update(dict.fromkeys(each))
    tried = [list(each)[:_MOST_AXIS_ORDERS] for each in orders.values()]
    for chosen in itertools.product(*tried):
        turn = dict(zip(orders, chosen, strict=True))
        values = {
            place: each.get(turn.get(place.part.value.ndim, ()), next(iter(each.values())))
            for place, each in fitting.items()
        }
        yield _substitution(plan, values)


def _substitution(plan: _Plan, values: Mapping[_Place, np.ndarray]) -> Substitution:
    assigned: Assigned = []
    layers: list[str] = []
    for number, held in enumerate(plan.forms):
        filled = {place.number: value for place, value in values.items() if place.unit == number}
        if not filled:
            continue
        parts = held.form.parts
        assigned += held.form.assign([_value(held, each, filled.get(each)) for each in range(len(parts))])
        layers += [parts[each].layer_of(value) for each, value in filled.items()]
    return Substitution(assigned=assigned, layers=tuple(dict.fromkeys(layers)))


def _value(held: Held, number: int, given: np.ndarray | None) -> np.ndarray:
    """The value of a part: that of the export, zero if the export has left it out, else that of the model."""
    part = held.form.parts[number]
    if given is not None:
        return given
    return np.zeros_like(part.value) if part.is_added and not held.found[number] else part.value
