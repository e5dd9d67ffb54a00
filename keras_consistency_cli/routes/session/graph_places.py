"""Where the operations of a graph are that do not compute with the inputs alone: by the names of their nodes.

A name begins with the scopes of the layers that the operation belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["clock_places", "drawing_places", "draws_numbers", "iterate_nodes", "reads_clock"]

_DRAWS = re.compile(r"Random(?!Dataset|SeedGenerator)|Multinomial|ParameterizedTruncatedNormal")
_CLOCK = "Timestamp"
_MOST_PLACES = 20


def iterate_nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a TensorFlow graph, and of the functions that it calls."""
    definition = graph.as_graph_def()
    for body in (definition.node, *(function.node_def for function in definition.library.function)):
        yield from body


def draws_numbers(operation: str) -> bool:
    """Whether operations of this kind draw random numbers."""
    return _DRAWS.search(operation) is not None


def reads_clock(operation: str) -> bool:
    """Whether operations of this kind read the clock."""
    return operation == _CLOCK


def drawing_places(graph: Any) -> list[str]:
    """Return the names of the operations that draw random numbers, at most twenty."""
    return [node.name for node in iterate_nodes(graph) if draws_numbers(node.op)][:_MOST_PLACES]


def clock_places(graph: Any) -> list[str]:
    """Return the names of the operations that read the clock, if an output of the graph depends on them.

    A time that is only printed or logged has no effect.
    """
    definition = graph.as_graph_def()
    bodies = {function.signature.name: function.node_def for function in definition.library.function}
    reading = _functions_reading(bodies)
    nodes = {node.name: node for node in definition.node}
    used = _ancestors(nodes, [output.op.name for output in graph.outputs])
    found = [node for node in (nodes[name] for name in used) if reads_clock(node.op) or _calls(node, reading)]
    inner = (node for name in sorted(reading) for node in bodies[name] if reads_clock(node.op))
    direct = [node.name for node in found if reads_clock(node.op)]
    if len(direct) < len(found):
        direct += [node.name for node in inner]
    return sorted(direct)[:_MOST_PLACES]


def _functions_reading(bodies: Mapping[str, Sequence[Any]]) -> set[str]:
    """Return the functions of the graph that read the clock, or call one that does."""
    reading: set[str] = set()
    while new := {name for name in bodies if name not in reading and _reads_clock(bodies[name], reading)}:
        reading |= new
    return reading


def _reads_clock(nodes: Sequence[Any], reading: set[str]) -> bool:
    return any(reads_clock(node.op) or _calls(node, reading) for node in nodes)


def _calls(node: Any, functions: set[str]) -> bool:
    """Whether a node runs one of these functions."""
    return bool(functions) and not functions.isdisjoint(_called(node))


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        yield value.func.name
        yield from (each.name for each in value.list.func)


def _ancestors(nodes: Mapping[str, Any], names: Sequence[str]) -> set[str]:
    """Return the nodes that these compute from, themselves included; what only runs before is left out."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name in nodes and name not in found:
            found.add(name)
            inputs = (each for each in nodes[name].input if not each.startswith("^"))
            open_names += [each.partition(":")[0] for each in inputs]
    return found
