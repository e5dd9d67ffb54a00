"""Names of the routes of exports: the name of a route, and the label of the export behind an @."""

from __future__ import annotations

__all__ = ["export_name", "export_of"]


def export_name(route: str, label: str) -> str:
    """Return the name of a route on an export."""
    return f"{route}@{label}"


def export_of(route: str) -> str:
    """Return the label of the export that a route runs on, "" for routes of the model."""
    return route.partition("@")[2].removesuffix("-baseline")
