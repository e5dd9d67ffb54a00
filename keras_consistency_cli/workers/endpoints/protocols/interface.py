"""What a service says of itself: its model, version, inputs and outputs, read from its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from keras_consistency_cli.config.endpoints import Protocol
from keras_consistency_cli.workers.endpoints.protocols.wire import Json

__all__ = ["Interface", "lists_extension", "metadata_url", "read_interface", "server_url"]


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a service says of itself; empty if it says nothing."""

    name: str = ""
    version: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """By name, the type in the words of the service; "" if it states none."""
    outputs: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    """Types of inputs and outputs, in the words of V2."""
    is_binary: bool = False
    """Whether tensors are sent and returned as bytes, by the binary extension of V2."""
    has_sequences: bool = False
    """Whether requests say which sequence they belong to, by the sequence extension of V2."""


def server_url(url: str) -> str | None:
    """Return where a V2 server lists its extensions, None if the URL is not that of a V2 model."""
    parts = urlsplit(url)
    before, found, _ = parts.path.partition("/v2/")
    return parts._replace(path=f"{before}/v2", query="").geturl() if found else None


def lists_extension(document: Json, extension: str) -> bool:
    """Whether the metadata of a V2 server list an extension."""
    listed = document.get("extensions") if isinstance(document, dict) else None
    return isinstance(listed, list) and extension in listed


def metadata_url(protocol: Protocol, url: str) -> str | None:
    """Return where a service describes itself, None if its protocol has no such place."""
    parts = urlsplit(url)
    endings = {
        "tfserving": (":predict", "/metadata"),
        "tfserving-columns": (":predict", "/metadata"),
        "v2": ("/infer", ""),
    }
    if protocol not in endings or not parts.path.endswith(endings[protocol][0]):
        return None
    old, new = endings[protocol]
    return parts._replace(path=parts.path.removesuffix(old) + new, query="").geturl()


def read_interface(protocol: Protocol, document: Json) -> Interface:
    """Return what a service says of itself; what cannot be read is left out."""
    if not isinstance(document, dict):
        return Interface()
    if protocol == "v2":
        declared = _objects(document.get("inputs"))
        inputs = {str(each.get("name")): str(each.get("datatype", "")) for each in declared}
        returned = _objects(document.get("outputs"))
        outputs = tuple(str(each.get("name")) for each in returned)
        types = frozenset(str(each.get("datatype", "")) for each in (*declared, *returned))
        versions = document.get("versions")
        version = str(versions[-1]) if isinstance(versions, list) and versions else ""
        return Interface(
            name=str(document.get("name", "")), version=version, inputs=inputs, outputs=outputs, types=types
        )
    spec = document.get("model_spec")
    spec = spec if isinstance(spec, dict) else {}
    signature = _dig(document, "metadata", "signature_def", "signature_def", "serving_default")
    inputs = dict.fromkeys(_keys(_dig(signature, "inputs")), "")
    return Interface(
        name=str(spec.get("name", "")),
        version=str(spec.get("version", "")),
        inputs=inputs,
        outputs=tuple(_keys(_dig(signature, "outputs"))),
    )


def _objects(value: Json) -> list[dict[str, Json]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _dig(document: Json, *keys: str) -> Json:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _keys(value: Json) -> list[str]:
    return list(value) if isinstance(value, dict) else []
