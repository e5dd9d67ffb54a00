"""Edits of the files of a case: what a user changes who follows an advice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from tests.advice.trial import Fix
from tests.corpus.cases import Files, Rows, save_rows

__all__ = [
    "array",
    "give_facts",
    "give_model",
    "give_option",
    "give_rows",
    "give_text",
    "load",
    "named_rows",
    "option",
    "read_rows",
    "rebuild",
    "reconfigure",
    "remove_options",
    "save",
    "with_weights_of",
    "write_source",
]


def load(files: Files) -> Any:
    """Load the model; its custom classes are registered by the import of the corpus."""
    return keras.models.load_model(files.model)


def save(model: Any, files: Files) -> Files:
    """Save the model next to the faulty one, and return the files with it."""
    path = files.model.with_name("fixed.keras")
    model.save(path)
    return Files(model=path, args=files.args)


def option(files: Files, name: str) -> Path:
    """Return the path that an option names."""
    return Path(files.args[files.args.index(name) + 1])


def remove_options(files: Files, *names: str) -> Files:
    """Leave out options; those with a value lose it too."""
    kept: list[str] = []
    for argument in files.args:
        if not argument.startswith("--") and kept and kept[-1] in names:
            continue
        kept.append(argument)
    return Files(model=files.model, args=tuple(argument for argument in kept if argument not in names))


def give_option(files: Files, name: str, *value: object) -> Files:
    """Set an option, in place of its value so far."""
    rest = remove_options(files, name)
    return Files(model=rest.model, args=(*rest.args, name, *(str(each) for each in value)))


def give_model(change: Callable[[Any], Any]) -> Fix:
    """Change the loaded model, or build another one from it, and save it."""
    return lambda files: save(change(load(files)), files)


def read_rows(files: Files, name: str = "--data") -> Rows:
    """Read the rows that an option names."""
    content = np.load(option(files, name))
    return content if isinstance(content, np.ndarray) else {key: content[key] for key in content.files}


def array(files: Files, name: str = "--data") -> np.ndarray:
    """Read rows of a single input."""
    rows = read_rows(files, name)
    assert isinstance(rows, np.ndarray)
    return rows


def named_rows(files: Files, name: str = "--data") -> dict[str, np.ndarray]:
    """Read rows by input."""
    rows = read_rows(files, name)
    assert isinstance(rows, dict)
    return rows


def give_rows(files: Files, rows: Rows, name: str = "--data") -> Files:
    """Save other rows for an option."""
    return give_option(files, name, save_rows(files.model.with_name(f"fixed_{name.strip('-')}"), rows))


def give_facts(files: Files, **facts: Any) -> Files:
    """Set facts in the YAML; None removes one."""
    path = files.model.with_name("fixed.yaml")
    old = option(files, "--config") if "--config" in files.args else None
    content = yaml.safe_load(old.read_text(encoding="utf-8")) if old else {}
    merged = {**content.get("facts", {}), **facts}
    content["facts"] = {name: value for name, value in merged.items() if value is not None}
    path.write_text(json.dumps(content), encoding="utf-8")
    return give_option(files, "--config", path)


def give_text(files: Files, name: str, content: bytes | str, suffix: str = "") -> Files:
    """Write a file, and name it with an option."""
    path = files.model.with_name(f"fixed_{name.strip('-')}{suffix}")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return give_option(files, name, path)


def write_source(files: Files, source: str) -> Files:
    """Write a serving module with a function prepare(rows), and name it."""
    path = files.model.with_name("fixed_serve.py")
    path.write_text(source, encoding="utf-8")
    return give_option(files, "--preprocess", f"{path}:prepare")


def reconfigure(layer: str, **arguments: Any) -> Callable[[Any], Any]:
    """Build the model again with other arguments of one layer, and with the same weights."""

    def change(model: Any) -> Any:
        config = model.get_config()
        assert _set_arguments(config, layer, arguments), f"the model has no layer '{layer}'"
        return with_weights_of(model, type(model).from_config(config))

    return change


def rebuild(build: Callable[[], Any]) -> Callable[[Any], Any]:
    """Build another model, with the same weights if it has the same shapes."""
    return lambda model: with_weights_of(model, build())


def with_weights_of(old: Any, new: Any) -> Any:
    """Give a model the weights of another one if all shapes are the same."""
    weights = old.get_weights()
    if [each.shape for each in weights] == [each.shape for each in new.get_weights()]:
        new.set_weights(weights)
    return new


def _set_arguments(config: Any, layer: str, arguments: dict[str, Any]) -> bool:
    """Set arguments wherever the config holds a layer of this name."""
    if isinstance(config, list):
        found = [_set_arguments(each, layer, arguments) for each in config]  # in all of them
        return any(found)
    if not isinstance(config, dict):
        return False
    own = config.get("config")
    is_layer = isinstance(own, dict) and own.get("name") == layer
    if is_layer:
        own.update(arguments)
    return any([is_layer, *(_set_arguments(each, layer, arguments) for each in config.values())])
