"""What the reader saw happen on one way through the program: the calls that rules judge, in order."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from keras_consistency_cli.checks.code.values.value import Site, Value

__all__ = ["Event", "Place", "Trace"]


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a call.

    Args:
        loops: the loops around it, innermost last, each with its kind: "for", "repeat" (a number of passes),
            "while", "stream" (over what arrives), "comprehension", "apply".
        contexts: the kinds of `with` blocks around it: "tape", "lock".
        is_guarded: whether an `if` around it asks whether something exists already.
        is_cached: whether a function around it runs only once (lru_cache, st.cache_resource).
        branches: the branches of `if` and `try` around it that other ways through the program do not take,
            innermost last.
    """

    loops: tuple[tuple[int, str], ...] = ()
    contexts: tuple[str, ...] = ()
    is_guarded: bool = False
    is_cached: bool = False
    branches: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One call with a meaning.

    Args:
        kind: "load", "fit", "transform", "inverse", "predict", "call", "train", "gradient", "argmax", ...
        node: the call in the code.
        site: where it is.
        subject: the object that is called, or whose method is.
        data: the first argument.
        options: the keyword arguments.
        place: what is around it.
        method: the name of the method.
    """

    kind: str
    node: ast.expr
    site: Site
    subject: Value
    data: Value
    place: Place
    options: Mapping[str, Value] = field(default_factory=dict)
    method: str = ""


@dataclass(kw_only=True, eq=False)
class Trace:
    """The calls of one way through the program.

    `kind` is "script", "function", or, if it is a request, the words for it: "a request handler". Not
    frozen, because the interpreter adds events.
    """

    kind: str
    is_request: bool
    path: str
    is_async: bool = False
    events: list[Event] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds."""
        return [event for event in self.events if event.kind in kinds]
