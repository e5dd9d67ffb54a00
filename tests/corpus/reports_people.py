"""Tables of people from a database or a spreadsheet, and what an encoder or a model takes them for.

Categories in another spelling, columns in another order than in training, numbers with points between
thousands; and healthy twins.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tests.corpus.cases import Case, Writer

__all__ = ["CASES", "CITIES", "FAMILY", "people", "respelled", "write_people"]

FAMILY, CLEAN = "reports-people", "clean-reports-people"
NAMES = ("age", "income", "city", "plan")
CITIES, PLANS = ("berlin", "bonn", "hamburg"), ("free", "pro")
ROWS = 90
Table = dict[str, list[Any]]
Change = Callable[[Table], Table]


def people(random: np.random.Generator) -> Table:
    """Two columns of numbers and two of categories."""
    return {
        "age": random.normal(41, 12, ROWS).round(1).tolist(),
        "income": random.normal(31000, 5200, ROWS).round(0).tolist(),
        "city": random.choice(CITIES, ROWS).tolist(),
        "plan": random.choice(PLANS, ROWS).tolist(),
    }


def respelled(column: str, spell: Callable[[str], str], every: int = 1) -> Change:
    """A column whose values are spelled otherwise, all of them or every n-th one."""

    def change(table: Table) -> Table:
        values = [spell(value) if at % every == 0 else value for at, value in enumerate(table[column])]
        return {**table, column: values}

    return change


def _as_it_is(table: Table) -> Table:
    return table


def _ordered(*names: str) -> Change:
    return lambda table: {name: table[name] for name in names}


def _grouped(table: Table) -> Table:
    """Incomes as a German spreadsheet writes them."""
    incomes = [f"{income:,.0f}".replace(",", ".") for income in table["income"]]
    return {**table, "income": incomes, "age": [str(age).replace(".", ",") for age in table["age"]]}


def write_csv(path: Path, table: Table, separator: str = ",") -> str:
    """Write a table and return its path."""
    rows = zip(*table.values(), strict=True)
    lines = [separator.join(table), *(separator.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def _columns(table: Table, names: Sequence[str]) -> np.ndarray:
    return np.array([table[name] for name in names], dtype=object).T


def write_people(
    change: Change, transformer: Callable[[], Any], names: Sequence[str] = NAMES, separator: str = ","
) -> Writer:
    """Rows after a change, and a transformer that was fitted on these columns before it."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        table = people(random)
        fitted = transformer().fit(_columns(table, names))
        (folder / "transformer.pkl").write_bytes(pickle.dumps(fitted))
        kept = {name: values for name, values in change(table).items() if name in names}
        data = write_csv(folder / "people.csv", kept, separator)
        return "--data", data, "--scaler", str(folder / "transformer.pkl"), "--trust-scaler"

    return write


def _against_reference(change: Change) -> Writer:
    """Rows of numbers and the reference rows, which have the columns of training; there is no scaler."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        names = ("age", "height", "weight", "score")
        table = {name: random.normal(0.0, 1.0 + at, ROWS).tolist() for at, name in enumerate(names)}
        data = write_csv(folder / "rows.csv", change(table))
        return "--data", data, "--reference", write_csv(folder / "train.csv", table)

    return write


def mixed() -> Any:
    """A scaler for the numbers, one-hot columns for the categories."""
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("numbers", StandardScaler(), [0, 1]), ("texts", encoder, [2, 3])])


def coded() -> Any:
    """Codes for the categories, one beyond the last for unknown ones."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9)
    return ColumnTransformer([("texts", encoder, [2, 3])], remainder=StandardScaler())


def hot() -> Any:
    """One-hot columns of the categories alone."""
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def numeric() -> Any:
    """A scaler of the two columns of numbers."""
    return StandardScaler()


def dense(width: int) -> Callable[[], Any]:
    """Two layers over so many columns."""

    def build() -> Any:
        hidden = layers.Dense(6, activation="tanh")
        return keras.Sequential([keras.Input((width,), name="person"), hidden, layers.Dense(1)])

    return build


CATEGORIES, NUMBERS = ("city", "plan"), ("age", "income")


def _fault(name: str, width: int, kit: Writer, code: str, cause: str) -> Case:
    return Case(name=name, family=FAMILY, build=dense(width), kit=kit, failing=(code,), causes=(cause,))


def _clean(name: str, width: int, kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=dense(width), kit=kit, quiet=("KC304", "KC303", "KC501"))


CASES: tuple[Case, ...] = (
    _fault(
        "cities in capitals",
        7,
        write_people(respelled("city", str.upper), mixed),
        "KC304",
        "unknown-words",
    ),
    _fault(
        "plans with a space behind them",
        4,
        write_people(respelled("plan", lambda plan: f"{plan} "), coded),
        "KC304",
        "unknown-words",
    ),
    Case(
        name="a few cities with a capital letter",
        family=FAMILY,
        build=dense(7),
        kit=write_people(respelled("city", str.capitalize, 9), mixed),
        warning=("KC304",),
        causes=("unknown-words",),
    ),
    _fault(
        "categories in each other's place",
        5,
        write_people(_ordered("plan", "city"), hot, CATEGORIES),
        "KC304",
        "feature-order",
    ),
    _fault(
        "columns in another order than in the reference rows",
        4,
        _against_reference(_ordered("weight", "age", "height", "score")),
        "KC501",
        "feature-order",
    ),
    _clean("cities as in training", 7, write_people(_as_it_is, mixed)),
    _clean(
        "a few new cities",
        7,
        write_people(respelled("city", lambda _: "cologne", 30), mixed),
    ),
    _clean("categories in their places", 5, write_people(_as_it_is, hot, CATEGORIES)),
    _clean("columns in the order of the reference rows", 4, _against_reference(_as_it_is)),
    _clean("points between thousands", 2, write_people(_grouped, numeric, NUMBERS, ";")),
)
