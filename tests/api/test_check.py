"""check: objects and files, verdicts of planted faults, and models that are left unchanged."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from syrupy.assertion import SnapshotAssertion

import keras_consistency_cli
from keras_consistency_cli import InconsistencyError, Report, Status, check
from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.workers.endpoints import budget
from tests.helpers import live_models
from tests.helpers.live_models import NASTY, state_of
from tests.helpers.planted_services import COLUMNS, RAW, SCALER, SERVICES, WEIGHTS, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running

ROWS = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
SERIES = np.random.default_rng(1).normal(size=(8, 5, 3)).astype("float32")


class Mean(layers.Layer):
    """Adds a share of the batch's mean to every row; registered nowhere."""

    def __init__(self, share: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Any) -> Any:
        return inputs + self.share * ops.mean(inputs, axis=0, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


class Forgetful(layers.Layer):
    """Leaves its argument out of its config."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


def swish(values: Any) -> Any:
    """An activation without a registered name."""
    return values * ops.sigmoid(values)


def swish_error(truth: Any, answer: Any) -> Any:
    """A user-defined metric."""
    return ops.mean(swish(truth - answer))


def dense(*extra: Any, seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((6,), name="x"), layers.Dense(8, activation=swish), *extra, layers.Dense(1, name="out")],
        name="net",
    )


def normed() -> Any:
    model = dense(layers.BatchNormalization())
    model.compile("adam", "mse")
    return model


def dropped() -> Any:
    keras.utils.set_random_seed(1)  # The layers draw their seeds before they are given to `dense`.
    model = dense(layers.Dropout(0.5), layers.GaussianNoise(0.1))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    return model


def stateful() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input(batch_shape=(8, 5, 3)), layers.LSTM(4, stateful=True), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def statuses(report: Report) -> dict[str, Status]:
    return {verdict.code: verdict.status for verdict in report.verdicts}


def reason(report: Report, code: str) -> str:
    return next(verdict.reason or "" for verdict in report.verdicts if verdict.code == code)


@pytest.fixture(scope="module")
def healthy() -> tuple[Any, Report]:
    """A model and all checks on it."""
    model = dense(layers.BatchNormalization())
    return model, check(model, ROWS)


@pytest.fixture(scope="module")
def leaking() -> Report:
    """A leak of the batch into its rows, found by two checks."""
    return check(dense(Mean(name="leak")), ROWS, select="KC101,KC103")


def test_a_healthy_model_passes(healthy: tuple[Any, Report]) -> None:
    report = healthy[1]
    assert set(statuses(report).values()) == {Status.PASS, Status.SKIP}
    assert list(statuses(report)) == [one.code for one in selected(Settings.model_validate({"model": "m"}))]
    assert (report.passed, report.exit_code, report.outcome) == (True, 0, "consistent")
    assert report.model.path == "live model"
    assert (report.data.path, report.data.summary, report.rows) == ("x", "data (64, 6) float32", 64)
    assert report.environment["isolation"] == "off"
    report.raise_for_failures()


def test_routes_that_need_a_process_or_a_file_are_skipped_with_a_reason(
    healthy: tuple[Any, Report], wording: SnapshotAssertion
) -> None:
    reasons = [reason(healthy[1], "KC203"), reason(healthy[1], "KC801")]
    report = check(healthy[0], ROWS, select=["KC605"])
    assert statuses(report) == {"KC605": Status.SKIP}
    assert [*reasons, reason(report, "KC605")] == wording
    with pytest.raises(NoVerdictError):
        report.raise_for_failures()


def test_a_live_model_can_be_checked_quickly(healthy: tuple[Any, Report]) -> None:
    report = check(healthy[0], ROWS, select=["KC101", "KC206"], quick=True)
    assert statuses(report) == {"KC101": Status.PASS, "KC206": Status.SKIP}
    assert "costs" not in {route.name for route in report.routes}


def test_a_faulty_model_fails_with_its_cause(leaking: Report) -> None:
    assert statuses(leaking) == {"KC101": Status.FAIL, "KC103": Status.FAIL}
    assert [one.layer for one in leaking.diagnoses] == ["leak"]
    assert leaking.reproducers["KC101"] == "check(model, x, select=['KC101'])"
    assert leaking.reproduce == "check(model, x, select='KC101,KC103')"
    with pytest.raises(InconsistencyError) as caught:
        leaking.raise_for_failures()
    assert isinstance(caught.value, AssertionError)
    assert caught.value.report is leaking
    assert str(caught.value) == leaking.failures()


def test_a_report_is_one_short_line_where_values_are_shown(leaking: Report) -> None:
    assert repr(leaking).startswith("<kcheck Report: inconsistent; 2 failed; causes: ")


def test_failures_contain_the_failed_checks_only(leaking: Report, healthy: tuple[Any, Report]) -> None:
    assert leaking.failures().splitlines()[-1].startswith("inconsistent")
    assert "PASS" not in leaking.failures()
    assert "KC101" in leaking.failures()
    assert healthy[1].failures() == str(healthy[1])


class Frames(HTMLParser):
    """Collects the pages within a text."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.pages.append(dict(attrs)["srcdoc"] or "")


def test_a_report_has_every_format(leaking: Report) -> None:
    assert str(leaking) == leaking.render("terminal")
    assert json.loads(leaking.render("json"))["verdict"] == "inconsistent"
    frames = Frames()
    frames.feed(leaking._repr_html_())
    assert frames.pages == [leaking.render("html")]
    with pytest.raises(UsageError) as caught:
        leaking.render("jso")
    assert "'json'" in str(caught.value)


def test_live_saved_and_reloaded_are_compared() -> None:
    report = check(dense(Forgetful(3.0, name="lost")), ROWS, select=["KC801"])
    assert statuses(report) == {"KC801": Status.FAIL}
    assert "reloaded" in {judged.comparison.candidate for judged in report.verdicts[0].judged}
    assert statuses(check(dense(Mean(0.1)), ROWS, select=["KC801"])) == {"KC801": Status.PASS}


@pytest.mark.usefixtures("forks_are_shared")
def test_a_live_model_gets_the_verdicts_of_its_file(tmp_path: Path) -> None:
    model, rows = (
        NASTY["counter in call"]() if callable(NASTY["counter in call"]) else NASTY["counter in call"]
    )
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", next(iter(rows.values())))
    live = check(model, rows, batch_size=4)
    from_file = check(
        tmp_path / "m.keras", tmp_path / "x.npy", custom_objects=[live_models.__file__], batch_size=4
    )
    assert statuses(live) == statuses(from_file)
    for report in (live, from_file):
        assert [diagnosis.cause for diagnosis in report.diagnoses] == ["hidden-state"]


def test_custom_losses_metrics_and_lambdas_need_no_names() -> None:
    model = dense(layers.Lambda(lambda values: values * 2))
    model.compile("sgd", swish_error, metrics=[swish_error])
    assert statuses(check(model, ROWS, select=["KC801", "KC602"])) == {
        "KC602": Status.PASS,
        "KC801": Status.PASS,
    }


# --- models are left unchanged


@pytest.mark.parametrize(
    ("build", "rows"),
    [(normed, ROWS), (dropped, ROWS), (stateful, SERIES)],
    ids=["batch norm", "dropout", "stateful lstm"],
)
def test_a_checked_model_trains_and_predicts_as_if_it_had_not_been_checked(
    build: Callable[[], Any], rows: np.ndarray
) -> None:
    targets = rows.reshape(len(rows), -1)[:, :1]

    def after(checked: bool) -> tuple[list[bytes], list[float], np.ndarray]:
        model = build()
        model.fit(rows, targets, batch_size=8, shuffle=False, verbose=0)
        model.predict(rows, batch_size=8, verbose=0)
        if checked:
            before, compiled, trained = state_of(model), model.predict_function, model.train_function
            check(model, rows, batch_size=8)
            assert state_of(model) == before
            assert (model.predict_function, model.train_function) == (compiled, trained)
            assert model.losses == []
        losses = model.fit(rows, targets, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]
        variables = [
            np.array(variable).tobytes() for variable in [*model.variables, *model.optimizer.variables]
        ]
        return variables, losses, model.predict(rows, batch_size=8, verbose=0)

    (variables, losses, answers), (variables_too, losses_too, answers_too) = (
        after(checked=False),
        after(checked=True),
    )
    assert losses == losses_too
    assert np.array_equal(answers, answers_too)
    assert variables == variables_too


def test_the_users_random_numbers_and_names_are_not_affected(healthy: tuple[Any, Report]) -> None:
    def draws() -> list[Any]:
        return [
            random.random(),
            np.random.random(),
            keras.random.normal((2,)).numpy().tolist(),
            int(layers.Dense(1).name.rpartition("_")[2]),
        ]

    keras.utils.set_random_seed(5)
    first = draws()
    keras.utils.set_random_seed(5)
    check(healthy[0], ROWS, select=["KC801", "KC203"])
    again = draws()
    assert again[:3] == first[:3]
    assert again[3] == first[3] + 1
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


# --- arguments


def two_inputs() -> Any:
    keras.utils.set_random_seed(2)
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right])))


@pytest.mark.parametrize("form", [list, tuple, dict])
def test_rows_of_several_inputs(form: type) -> None:
    values = {"left": ROWS[:, :2], "right": ROWS[:, 2:5]}
    report = check(two_inputs(), values if form is dict else form(values.values()), select=["KC101"])
    assert report.passed
    assert report.data.summary == "left (64, 2) float32, right (64, 3) float32"


def test_rows_are_never_changed(healthy: tuple[Any, Report]) -> None:
    frozen = ROWS.copy()
    frozen.flags.writeable = False
    assert check(healthy[0], frozen, select=["KC101"]).passed


def test_a_private_mapping_keeps_what_was_written_to_it(healthy: tuple[Any, Report], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    mapped[0] = 7.0
    check(healthy[0], mapped, select=["KC101"])
    assert np.array_equal(mapped[0], np.full(6, 7.0, np.float32))


def test_rows_are_generated_if_none_are_given(healthy: tuple[Any, Report]) -> None:
    report = check(healthy[0], select=["KC101"], rows=40)
    assert (report.generated, report.rows) == (True, 40)


def test_a_live_scaler_or_function_comes_before_the_model(healthy: tuple[Any, Report]) -> None:
    raw = ROWS * 4 + 10
    scaler = StandardScaler().fit(raw)
    remembered = scaler.mean_.copy()
    report = check(healthy[0], raw, scaler=scaler, reference=raw, select=["KC301", "KC303", "KC304"])
    assert statuses(report)["KC303"] is Status.PASS
    assert (
        (report.scaler.path, report.scaler.summary) == ("scaler", "StandardScaler")
        if report.scaler
        else False
    )
    assert np.array_equal(scaler.mean_, remembered)
    report = check(healthy[0], raw, preprocess=lambda rows: rows - rows.mean(axis=0), select=["KC302"])
    assert statuses(report) == {"KC302": Status.FAIL}


def test_recorded_outputs_and_facts_are_arguments(healthy: tuple[Any, Report]) -> None:
    answers = healthy[0].predict(ROWS, verbose=0)
    assert check(healthy[0], ROWS, expected=answers, select=["KC802"]).passed
    assert not check(healthy[0], ROWS, expected=answers + 1, select=["KC802"]).passed
    leaking = dense(Mean())
    alone = np.concatenate([leaking(row[None]) for row in ROWS])
    wide = {"rtol": 0.0, "atol": 1.01 * float(np.abs(alone - leaking.predict(ROWS, verbose=0)).max())}
    assert check(
        leaking, ROWS, tolerance=wide, facts={"stateful_rows": "independent"}, select=["KC101"]
    ).passed


@pytest.mark.usefixtures("forks_are_shared")
def test_files_are_checked_in_separate_processes(healthy: tuple[Any, Report], tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", ROWS)
    report = check(tmp_path / "m.keras", str(tmp_path / "x.npy"), select=["KC203"])
    assert {judged.comparison.candidate for judged in report.verdicts[0].judged} >= {"fresh-process"}
    assert report.passed
    report = check(str(tmp_path / "m.keras"), ROWS, select=["KC801"])
    assert {judged.comparison.candidate for judged in report.verdicts[0].judged} >= {
        "reloaded",
        "loaded-again",
    }


WRONG: dict[str, tuple[Callable[[Any], Any], type[KcheckError], str]] = {
    "an unknown setting": (lambda model: check(model, ROWS, selct=["KC101"]), UsageError, "'selct'"),
    "a bad value": (lambda model: check(model, ROWS, rows=-1), UsageError, "rows"),
    "an unknown check": (lambda model: check(model, ROWS, select="KC1O1"), UsageError, "KC1O1"),
    "a setting of the command": (lambda model: check(model, ROWS, format="junit"), UsageError, "format"),
    "a limit of processes": (lambda model: check(model, ROWS, memory_limit=1.0), UsageError, "memory_limit"),
    "another backend": (lambda model: check(model, ROWS, backend="jax"), UsageError, "backend is jax"),
    "no model": (lambda _: check([1, 2], ROWS), UsageError, "builtins.list"),
    "a model without weights": (
        lambda _: check(keras.Sequential([layers.Dense(1)], name="net"), ROWS),
        UsageError,
        "'net'",
    ),
    "rows of another width": (
        lambda model: check(model, ROWS[:, :4], select=["KC101"]),
        DataError,
        "(64, 4)",
    ),
    "rows of objects": (lambda model: check(model, [object()] * 3), UsageError, "object"),
    "a scaler without transform": (lambda model: check(model, ROWS, scaler=3), UsageError, "int"),
    "a preprocess that is not a function": (
        lambda model: check(model, ROWS, preprocess=3),
        UsageError,
        "int",
    ),
    "served rows of another length": (lambda model: check(model, ROWS, served=ROWS[:3]), DataError, "3 rows"),
    "a file that is not a model": (lambda _: check(__file__, ROWS), RefusedError, "test_check.py"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_reported(
    name: str, healthy: tuple[Any, Report], wording: SnapshotAssertion
) -> None:
    call, kind, fact = WRONG[name]
    with pytest.raises(kind) as caught:
        call(healthy[0])
    assert fact in str(caught.value)
    assert str(caught.value).replace(str(Path(__file__).parent), "FOLDER") == wording


@pytest.mark.parametrize("key", ["select", "ignore", "require"])
@pytest.mark.parametrize("form", ["KC101, KC1O1", ["KC101, KC1O1"], ("KC101", "KC1O1")], ids=repr)
def test_checks_are_named_in_the_forms_of_the_command_line(key: str, form: object) -> None:
    with pytest.raises(UsageError, match="no check is called 'KC1O1'"):
        check("unread.keras", **{key: form})


@pytest.mark.parametrize("form", [None, 101, [101]], ids=repr)
def test_anything_but_texts_names_no_check(form: object) -> None:
    with pytest.raises(UsageError, match=r"check: require is .*, expected a list"):
        check("unread.keras", require=form)


def test_importing_the_package_imports_no_library() -> None:
    use = "import sys, keras_consistency_cli as k; k.__version__; dir(k)"
    script = f"{use}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "keras", "tensorflow", "pydantic", "rich", "sklearn", "typer"} & set(loaded)
    assert set(keras_consistency_cli.__all__) <= set(dir(keras_consistency_cli))
    with pytest.raises(AttributeError) as caught:
        keras_consistency_cli.chekc  # noqa: B018
    assert "'chekc'" in str(caught.value)


def test_files_of_a_live_model_are_read_as_stated(healthy: tuple[Any, Report], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=list("abcdef"))
    frame.insert(0, "id", range(len(frame)))
    frame.to_csv(tmp_path / "x.csv", index=False)
    report = check(healthy[0], tmp_path / "x.csv", drop=["id"], select=["KC101"])
    assert (report.passed, report.rows) == (True, len(ROWS))
    with pytest.raises(DataError):
        check(healthy[0], tmp_path / "x.csv", select=["KC101"])
    with pytest.raises(UsageError, match="drop is for rows in a file"):
        check(healthy[0], frame, drop=["id"], select=["KC101"])


def test_a_frame_with_texts_goes_through_its_transformer() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": np.arange(40.0), "town": ["Rome", "Paris", None, "Bonn"] * 10})
    encode = ColumnTransformer([("n", StandardScaler(), ["age"]), ("t", OneHotEncoder(), ["town"])]).fit(
        frame
    )
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    turned = frame[["town", "age"]]
    report = check(model, turned, scaler=encode, reference=turned, select="KC302,KC304,KC702")
    assert [verdict.status for verdict in report.verdicts] == [Status.PASS] * 3
    with pytest.raises(DataError, match="column 'town' holds texts"):
        check(model, frame, select="KC302")


def test_a_live_model_takes_the_first_rows_of_a_data_set(healthy: tuple[Any, Report]) -> None:
    rows = tf.data.Dataset.from_tensor_slices((ROWS, ROWS[:, 0])).batch(8).repeat()
    report = check(healthy[0], rows, reference=rows, select="KC104", rows=20)
    assert report.exit_code == 0
    assert report.data.summary == "data (20, 6) float32"
    assert [note.partition(": ")[0] for note in report.notes if note.startswith("read")] == [
        "read x",
        "read reference",
    ]


@pytest.mark.parametrize("as_object", [True, False], ids=["object", "file"])
def test_a_table_for_a_live_model_is_read_as_the_encoder_was_fitted(as_object: bool, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"zip": [f"{number % 3}00" for number in range(12)]})
    encoder = OneHotEncoder(sparse_output=False).fit(frame)
    joblib.dump(encoder, tmp_path / "e.joblib")
    frame.to_csv(tmp_path / "x.csv", index=False)
    rows = keras.Input((3,))
    model = keras.Model(rows, keras.layers.Dense(1)(rows))
    scaler = encoder if as_object else tmp_path / "e.joblib"
    assert check(model, tmp_path / "x.csv", scaler=scaler, select=["KC101"], trust={"scaler": True}).passed


def test_a_recording_for_a_live_model_gives_its_raw_rows(healthy: tuple[Any, Report], tmp_path: Path) -> None:
    numbers = np.arange(len(ROWS))
    part = {"kcheck-request": numbers, "kcheck-request-rows": np.ones_like(numbers), "raw/data": ROWS}
    np.savez(tmp_path / "x.npz", **part)
    assert check(healthy[0], tmp_path / "x.npz", select=["KC101"]).rows == len(ROWS)


def test_a_live_model_takes_a_folder_of_images(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    for level in range(4):
        keras.utils.save_img(tmp_path / f"{level}.png", np.full((4, 5, 3), 20.0 * level), scale=False)
    model = keras.Sequential([keras.Input((4, 5, 3)), layers.Flatten(), layers.Dense(1)])
    report = check(model, tmp_path, select=["KC101"])
    assert (report.passed, report.rows) == (True, 4)


def test_exports_of_a_live_model_are_compared(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(1)])
    model.export(str(tmp_path / "m"), format="tf_saved_model", verbose=False)
    rows = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    report = check(model, rows, select=["KC90"], exports=[tmp_path / "m"])
    assert set(statuses(report).values()) == {Status.PASS}
    model.layers[-1].bias.assign_add([1.0])
    stale = check(model, rows, select=["KC901"], exports=[tmp_path / "m"])
    assert statuses(stale) == {"KC901": Status.FAIL}


def test_services_of_a_live_model_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)
    model = keras.Sequential([keras.Input((COLUMNS,)), layers.Dense(8, "tanh"), layers.Dense(2)])
    model.set_weights(WEIGHTS)
    right, unscaled = (
        Stub(refuse_wrong_rows(SERVICES[name](predict), COLUMNS)) for name in ("healthy", "no scaling")
    )
    with running(right), running(unscaled):
        report = check(model, RAW, scaler=SCALER, select=["KC91"], endpoints=[right.url])
        assert set(statuses(report).values()) == {Status.PASS}
        report = check(model, RAW, scaler=SCALER, select=["KC911"], endpoints=[right.url, unscaled.url])
    assert statuses(report) == {"KC911": Status.WARN}
    (cause,) = report.diagnoses
    assert (cause.cause, len(cause.targets)) == ("endpoint-does-not-scale", 1)
