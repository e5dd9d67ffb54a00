"""What rules about saved transformers share: which of them are loaded, and where a model is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.engine.values import Thing
from keras_consistency_cli.checks.code.reads import is_dictionary, is_passed_on, last_name
from keras_consistency_cli.checks.code.rule import Evidence

__all__ = ["is_of_target", "is_only_receiver", "is_read", "loaded_transformers"]

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


def is_read(evidence: Evidence, thing: Thing) -> bool:
    """Whether an object is used after it was made: by its name, its key, or with the dictionary around it."""
    return evidence.names.get(thing.label, 0) > 0 or _is_passed_on(evidence, thing)


def is_only_receiver(evidence: Evidence, thing: Thing, methods: Collection[str]) -> bool:
    """Whether an object is only used to call these methods of it: it is never passed on, nor are its
    attributes read. The method `__call__` is a call of the object itself.
    """
    label = thing.label
    amount = sum(
        isinstance(node, ast.Attribute) and node.attr in methods and last_name(node.value) == label
        for node in ast.walk(evidence.module.tree)
    )
    if "__call__" in methods:
        calls = (node for node in ast.walk(evidence.module.tree) if isinstance(node, ast.Call))
        amount += sum(last_name(call.func) == label for call in calls)
    return amount >= evidence.names.get(label, 0) and not _is_passed_on(evidence, thing)


def _is_passed_on(evidence: Evidence, thing: Thing) -> bool:
    """Whether the dictionary that keeps an object under a key is used as a whole."""
    if not thing.holder:
        return False
    trees = [module.tree for module in evidence.module.program]
    is_made = any(is_dictionary(tree, thing.holder) for tree in trees)
    return is_made and any(is_passed_on(tree, thing.holder) for tree in trees)
