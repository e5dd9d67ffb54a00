"""Tables that a function scales by group, with fewer or more columns than before; and what serving fed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Writer, save_rows

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-groups", "clean-reports-groups"
FOREIGN = "scaler-foreign"
Table = dict[str, np.ndarray]
Draw = Callable[[np.random.Generator], Table]
Serve = Callable[[Table, str], np.ndarray]

STORES = textwrap.dedent(
    """
    import numpy as np

    MEANS = {1: (100.0, 5.0), 2: (200.0, 6.0), 3: (330.0, 4.0)}
    WIDTHS = {1: (60.0, 2.0), 2: (110.0, 2.5), 3: (180.0, 1.5)}


    def prepare(frame):
        means = np.array([MEANS[int(store)] for store in frame["store"]])
        widths = np.array([WIDTHS[int(store)] for store in frame["store"]])
        return (np.column_stack([frame["sales"], frame["price"]]) - means) / widths
    """
)
SENSORS = textwrap.dedent(
    """
    import numpy as np

    ZERO = {0: 2.0, 1: -3.0, 2: 11.0, 3: 0.5}


    def prepare(frame):
        zero = np.array([ZERO[int(device)] for device in frame["device"]])
        kinds = [np.asarray(frame["device"] == device, float) for device in ZERO]
        return np.column_stack([(frame["volt"] - zero) / 4.0, frame["ampere"] / 3.0, *kinds])
    """
)


def _stores(random: np.random.Generator) -> Table:
    store = random.integers(1, 4, 90)
    return {"store": store, "sales": random.gamma(3.0, 40.0, 90) * store, "price": random.uniform(1, 9, 90)}


def _sensors(random: np.random.Generator) -> Table:
    device = random.integers(0, 4, 90)
    return {"device": device, "volt": random.normal(device * 3.0, 4.0), "ampere": random.gamma(2.0, 1.5, 90)}


def _right(table: Table, source: str) -> np.ndarray:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return np.asarray(namespace["prepare"](table))


def _stores_alike(table: Table, _source: str) -> np.ndarray:
    return np.column_stack([(table["sales"] - 210.0) / 120.0, (table["price"] - 5.0) / 2.0])


def _sensors_alike(table: Table, source: str) -> np.ndarray:
    served = _right(table, source)
    served[:, 0] = (table["volt"] - 2.6) / 4.0
    return served


def _write(draw: Draw, source: str, serve: Serve) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        table = draw(random)
        lines = [
            ",".join(table),
            *(",".join(map(repr, map(float, row))) for row in zip(*table.values(), strict=True)),
        ]
        (folder / "data.csv").write_text("\n".join(lines) + "\n")
        (folder / "serve.py").write_text(source)
        served = save_rows(folder / "served", serve(table, source).astype(np.float32))
        function = f"{folder / 'serve.py'}:prepare"
        return ("--data", str(folder / "data.csv"), "--preprocess", function, "--served", str(served))

    return write


def _network(width: int) -> Callable[[], Any]:
    return lambda: keras.Sequential(
        [keras.Input((width,)), layers.Dense(9, activation="relu"), layers.Dense(1)]
    )


STORES_KIT, SENSORS_KIT = (_stores, STORES), (_sensors, SENSORS)


def _case(name: str, width: int, kit: tuple[Draw, str], serve: Serve, *causes: str) -> Case:
    """Return a faulty case if there is a cause, else a healthy one."""
    wrong = {"family": FAMILY, "failing": ("KC301",), "causes": causes}
    right = {"family": CLEAN, "quiet": ("KC301", "KC302")}
    expected: dict[str, Any] = wrong if causes else right
    return Case(name=name, build=_network(width), kit=_write(*kit, serve), **expected)


CASES: tuple[Case, ...] = (
    _case("stores scaled alike, in place of each by its own", 2, STORES_KIT, _stores_alike, FOREIGN),
    _case("sensors with one zero, in place of each with its own", 6, SENSORS_KIT, _sensors_alike, FOREIGN),
    _case("stores scaled each by its own", 2, STORES_KIT, _right),
    _case("sensors with a zero each", 6, SENSORS_KIT, _right),
)
