"""Which of the model's weights an export holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from keras_consistency_cli.routes.exports.weights.stored import StoredConstants
from keras_consistency_cli.routes.exports.weights.units import Form, FormName, Part, Unit

__all__ = ["Held", "HeldForms", "SearchedWeights", "StoredWeights", "compare_weights"]

_FEWEST_VALUES = 4
"""Smaller weights may be equal by chance."""


class StoredWeights(TypedDict):
    """How many weights of the model an export holds, of how many that were looked for.

    A kernel that is multiplied by the scale of a normalization counts as held. `other` counts the weights of
    which the export only holds a different value of the same shape.
    """

    searched: int
    found: int
    other: int


@dataclass(frozen=True, kw_only=True)
class Held:
    """A form of some weights, and the numbers of the constants that hold each of its parts."""

    form: Form
    found: tuple[frozenset[int], ...]

    @property
    def used(self) -> frozenset[int]:
        """The constants that hold one of the parts."""
        return frozenset[int]().union(*self.found)

    @property
    def left(self) -> list[int]:
        """The numbers of the parts that no constant holds."""
        return [number for number, found in enumerate(self.found) if not found]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left but zeros that exporters leave out."""
        left = [self.form.parts[number] for number in self.left]
        return all(part.is_added and not part.value.any() for part in left)


HeldForms = Mapping[FormName, Held]
"""The forms of some weights, with the constants that hold them."""


@dataclass(frozen=True, kw_only=True)
class SearchedWeights:
    """The weights of a model, searched in an export; `held` are the forms of each of the units."""

    stored: StoredConstants
    units: Sequence[Unit]
    held: Sequence[HeldForms]

    @classmethod
    def of(cls, stored: StoredConstants, units: Sequence[Unit]) -> SearchedWeights:
        """Search each form of each unit among the constants."""
        return cls(stored=stored, units=units, held=[_hold(unit, stored) for unit in units])


def _hold(unit: Unit, stored: StoredConstants) -> HeldForms:
    return {
        name: Held(form=form, found=tuple(stored.find(part.value) for part in form.parts))
        for name, form in unit.forms.items()
    }


def _most_found(forms: HeldForms) -> Held:
    """Return the form of which the export holds most; folded forms come first."""
    return max(forms.values(), key=lambda held: sum(map(bool, held.found)) / len(held.found))


def compare_weights(weights: SearchedWeights) -> StoredWeights:
    """Count the weights of the model that an export holds."""
    searched = [
        (bool(found), bool(weights.stored.fitting(part.value.shape)))
        for held in map(_most_found, weights.held)
        for part, found in zip(held.form.parts, held.found, strict=True)
        if _is_telling(part)
    ]
    return {
        "searched": len(searched),
        "found": sum(found for found, _ in searched),
        "other": sum(fits and not found for found, fits in searched),
    }


def _is_telling(part: Part) -> bool:
    """Whether chance does not explain an equal constant: the part is not small, and not all of one value."""
    return part.value.size >= _FEWEST_VALUES and bool((part.value != part.value.flat[0]).any())
