"""What rules about saved transformers share: which of them are loaded, and where a model is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.reads import is_dictionary, is_passed_on, last_name
from keras_consistency_cli.checks.code.rule import Evidence
from keras_consistency_cli.checks.code.values.value import Thing

__all__ = ["is_of_target", "is_only_receiver", "is_read", "loaded_transformers", "written"]

_SCALER_WORDS = (
    "scaler",
    "scaling",
    "normalizer",
    "encoder",
    "tokenizer",
    "vectorizer",
    "imputer",
    "preprocessor",
)
_MOST_HOLDERS = 16
"""Dictionaries and objects around one object that are looked at; each costs a way through the program."""
_OF_TARGET = re.compile(
    r"target|price_?scal|label_?scal|outputs?_?scal|scaler_?out"
    r"|(?<![a-z])y_?(?:scal|sc|norm|std|mm|ss)|(?:scal[a-z]*|sc|norm[a-z]*|std|mm|ss)_?y(?![a-z])"
)


def loaded_transformers(trace: Trace) -> Iterator[tuple[Event, Thing]]:
    """Yield what is loaded from files that hold transformers, by the name of the file or of the variable."""
    for event in trace.of("load"):
        thing = event.subject.thing
        if thing is not None and event.subject.kind == "loaded":
            words = f"{thing.path} {thing.label}".casefold()
            if any(word in words for word in _SCALER_WORDS):
                yield event, thing


def is_of_target(thing: Thing) -> bool:
    """Whether the name of the file or of the variable says that a scaler belongs to the target."""
    return bool(_OF_TARGET.search(f"{thing.path} {thing.label}".casefold()))


def written(thing: Thing) -> str:
    """Return the code for an object in a fix: "self.scaler", as the program names it last."""
    return thing.code or ("scaler" if thing.label in ("", "load", "loads") else thing.label)


def is_read(evidence: Evidence, thing: Thing) -> bool:
    """Whether an object is used after it was made: by its names, its key, or with what keeps it."""
    used = (event for trace in evidence.traces for event in trace.events if event.kind != "load")
    is_used = any(event.subject.thing is thing for event in used)
    return is_used or _reads(evidence, thing) > 0 or _is_passed_on(evidence, thing)


def is_only_receiver(evidence: Evidence, thing: Thing, methods: Collection[str]) -> bool:
    """Whether an object is only used to call these methods of it: it is never passed on, nor are its
    attributes read. The method `__call__` is a call of the object itself.
    """
    names = _names(thing)
    amount = sum(
        isinstance(node, ast.Attribute) and node.attr in methods and last_name(node.value) in names
        for node in ast.walk(evidence.module.tree)
    )
    if "__call__" in methods:
        calls = (node for node in ast.walk(evidence.module.tree) if isinstance(node, ast.Call))
        amount += sum(last_name(call.func) in names for call in calls)
    return amount >= _reads(evidence, thing) and not _is_passed_on(evidence, thing)


def _names(thing: Thing) -> set[str]:
    """The names of an object; of one that was loaded, also those that it gets later."""
    return {thing.label, *(name for _, name in thing.names if thing.made == "loaded")}


def _reads(evidence: Evidence, thing: Thing) -> int:
    """How often an object is read, and not only to give it one of its other names."""
    names = _names(thing)
    found = sum(evidence.names.get(name, 0) for name in names)
    others = len(thing.names) - 1 if thing.made == "loaded" else 0
    handed_on = sum(evidence.handed_on.get(name, 0) for name in names)
    return found - max(0, min(handed_on, others))


def _is_passed_on(evidence: Evidence, thing: Thing) -> bool:
    """Whether what keeps an object, a dictionary or an object with fields, is used as a whole."""
    trees = [module.tree for module in evidence.module.program]
    holders = {name: kind for name, kind in thing.holders.items() if name}
    is_unnamed = bool(thing.holders) and not holders
    if is_unnamed or len(holders) > _MOST_HOLDERS:
        return True
    return any(
        (kind != "item" or any(is_dictionary(tree, name) for tree in trees))
        and any(is_passed_on(tree, name, is_object=kind == "object") for tree in trees)
        for name, kind in holders.items()
    )
