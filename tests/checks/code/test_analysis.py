"""`kcheck code` follows data through functions and files, and judges with the model and the scaler."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from keras_consistency_cli.checks.code.analysis import CodeReport, analyse
from keras_consistency_cli.checks.code.files import ModelFacts, ScalerFacts
from keras_consistency_cli.checks.code.syntax import is_single

SERVE = """
import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")


@app.post("/predict")
def predict():
    {body}
"""


LOAD = "from tensorflow.keras.models import load_model\nmodel = load_model('m.keras')\n"
VIEW = "import model\n\n\ndef view(request):\n    return model(request.data, training=True)\n"
TRAIN = (
    "from keras.preprocessing.image import ImageDataGenerator\n"
    "images = ImageDataGenerator(rescale=1.0 / 255).flow_from_directory('train')\n"
)


def report(folder: Path, text: str, **facts: object) -> CodeReport:
    path = folder / "serve.py"
    path.write_text(text, encoding="utf-8")
    return analyse([path], **facts)  # type: ignore[arg-type]


def served(folder: Path, body: str, **facts: object) -> CodeReport:
    """The report on a service whose function has this body."""
    lines = "\n    ".join(body.strip().splitlines())
    return report(folder, SERVE.format(body=lines), **facts)


def codes(folder: Path, body: str, **facts: object) -> list[str]:
    return [finding.code for finding in served(folder, body, **facts).findings]


# --- flow


def test_a_fit_is_followed_into_another_file(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text(
        "from sklearn.preprocessing import MinMaxScaler\n\n\n"
        "def scaled(rows):\n    scaler = MinMaxScaler()\n    return scaler.fit_transform(rows)\n",
        encoding="utf-8",
    )
    body = "from prepare import scaled\nreturn str(model.predict(scaled(np.array(request.json['rows']))))"
    found = served(tmp_path, body).findings
    assert [(Path(each.path).name, each.line, each.code) for each in found] == [("prepare.py", 6, "KS101")]


REFITTING = (
    "from sklearn.preprocessing import MinMaxScaler\n\n\n"
    "def scaled(rows):\n    scaler = MinMaxScaler()\n    return scaler.fit_transform(rows)\n"
)
USING = (
    "from {module} import scaled\nrows = scaled(np.array(request.json['rows']))\n"
    "return model.predict(rows).tolist()"
)


def test_an_installed_package_is_followed_only_if_one_of_its_files_is_named(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    for package in ("ours", "theirs"):
        (installed / package).mkdir(parents=True)
        (installed / package / "__init__.py").touch()
        (installed / package / "prepare.py").write_text(REFITTING, encoding="utf-8")
    assert codes(installed / "ours", USING.format(module="theirs.prepare")) == []
    assert codes(installed / "ours", USING.format(module="ours.prepare")) == ["KS101"]


def test_more_imports_than_a_limit_are_not_followed_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_consistency_cli.checks.code.reader._MOST_IMPORTED", 2)
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text("VALUE = 1\n", encoding="utf-8")
    (tmp_path / "prepare.py").write_text(REFITTING, encoding="utf-8")
    assert codes(tmp_path, USING.format(module="prepare")) == ["KS101"]
    found = served(tmp_path, f"import first, second\n{USING.format(module='prepare')}")
    assert [finding.code for finding in found.findings] == []
    assert [notice.is_partial for notice in found.notices] == [True]


def test_names_of_other_files_are_resolved_in_packages(tmp_path: Path) -> None:
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "artifacts.py").write_text(LOAD, encoding="utf-8")
    (package / "views.py").write_text("from .artifacts " + VIEW, encoding="utf-8")
    found = analyse([package / "views.py", package / "artifacts.py"]).findings
    assert [(each.code, each.line) for each in found] == [("KS404", 5)]


def test_the_other_branch_of_a_constant_condition_is_followed(tmp_path: Path) -> None:
    body = "rows = np.array(request.json['rows'])\nif 0:\n    pass\nelse:\n"
    body += "    rows = model(rows, training=True)\nreturn str(rows)"
    assert codes(tmp_path, body) == ["KS404"]


def test_the_result_of_a_method_of_the_parent_is_followed(tmp_path: Path) -> None:
    text = """
import numpy as np
from flask import Flask, request
from keras.models import load_model
from sklearn.preprocessing import StandardScaler

app = Flask(__name__)
model = load_model("model.keras")


class Base:
    def prepare(self, rows):
        return StandardScaler().fit_transform(rows)


class Prices(Base):
    def prepare(self, rows):
        return super().prepare(np.array(rows))


@app.post("/price")
def price():
    return str(model.predict(Prices().prepare(request.json["rows"])))
"""
    assert [(each.code, each.line) for each in report(tmp_path, text).findings] == [("KS101", 13)]


def test_map_follows_its_function(tmp_path: Path) -> None:
    body = (
        "from sklearn.preprocessing import MinMaxScaler\n"
        "def scaled(series):\n    return MinMaxScaler().fit_transform(series)\n"
        "return str(model.predict(np.array(list(map(scaled, request.json['series'])))))"
    )
    assert codes(tmp_path, body) == ["KS101"]


@pytest.mark.parametrize(
    ("slice_", "is_one"),
    [
        ("k:k + 1", True),
        ("k - 1:k", True),
        ("k + n:k + n + 1", True),
        ("4:5", True),
        (":1", True),
        ("-1:", True),
        ("k:k + 2", False),
        ("k:n + 1", False),
        ("k + n:k + 1", False),
        ("1:", False),
        (":-1", False),
        (":", False),
    ],
)
def test_a_slice_of_width_one_is_one_row(slice_: str, is_one: bool) -> None:
    expression = ast.parse(f"x[{slice_}]", mode="eval").body
    assert isinstance(expression, ast.Subscript)
    assert is_single(expression.slice) == is_one


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ("StandardScaler()", ["KS101"]),
        ("SimpleImputer(), Normalizer()", ["KS101"]),
        ("Normalizer()", []),
        ("StandardScaler(), Ridge()", []),
        ("StandardScaler(), unknown", []),
    ],
)
def test_a_pipeline_learns_what_its_parts_learn(tmp_path: Path, steps: str, code: list[str]) -> None:
    body = "from sklearn.pipeline import make_pipeline\nfrom sklearn.impute import SimpleImputer\n"
    body += "from sklearn.preprocessing import Normalizer, StandardScaler\n"
    body += "from sklearn.linear_model import Ridge\n"
    body += f"p = make_pipeline({steps})\nx = np.array(request.json['rows'])\n"
    assert codes(tmp_path, body + "return str(model.predict(p.fit(x).transform(x)))") == code


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("door.acquire()", "door.release()", []),
        ("door.acquire()\ndoor.release()", "", ["KS502"]),
        ("door.acquire()\nother.acquire()\nother.release()", "", []),
        ("if request.args:\n    door.acquire()", "", []),
        ("try:\n    door.acquire()\nexcept OSError:\n    door.release()\n    raise", "", []),
    ],
)
def test_a_lock_is_held_until_it_is_released(
    tmp_path: Path, before: str, after: str, found: list[str]
) -> None:
    body = f"{before}\nmodel.reset_states()\ny = model.predict(np.array(request.json['rows']))\n{after}"
    assert codes(tmp_path, f"{body}\nreturn str(y)") == found


def test_decorators_of_the_program_are_followed(tmp_path: Path) -> None:
    text = """
import numpy as np
from functools import wraps
from flask import Flask, request
from keras.models import load_model
from sklearn.preprocessing import StandardScaler

app = Flask(__name__)
model = load_model("model.keras")


def of_rows(function):
    @wraps(function)
    def inner(*arguments, **options):
        return function(StandardScaler().fit_transform(np.array(request.json["rows"])), **options)
    return inner


class Routes:
    @of_rows
    def answer(self, rows=None):
        return str(model.predict(np.array(rows)))


@app.post("/price")
@of_rows
def price(rows):
    return str(model.predict(rows))
"""
    assert [(each.code, each.line) for each in report(tmp_path, text).findings] == [("KS101", 15)]


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("float", ["KS604"]),
        ("int | None", ["KS604"]),
        ("Annotated[float, Query()]", ["KS604"]),
        ("list[float]", []),
        ("str", []),
    ],
)
def test_annotations_say_how_many_axes_are_sent(tmp_path: Path, annotation: str, found: list[str]) -> None:
    head = "import numpy as np\nfrom fastapi import FastAPI, Query\nfrom keras.models import load_model\n"
    head += "from typing import Annotated\napp = FastAPI()\nmodel = load_model('model.keras')\n"
    body = f"@app.get('/x')\ndef x(a: {annotation}, b: {annotation}):\n"
    text = f"{head}{body}    return model.predict(np.array([a, b])).tolist()\n"
    assert [finding.code for finding in report(tmp_path, text).findings] == found


def test_relative_imports_are_followed_from_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "app" / "api"
    package.mkdir(parents=True)
    (tmp_path / "app" / "artifacts.py").write_text(LOAD, encoding="utf-8")
    (package / "views.py").write_text("from ..artifacts " + VIEW, encoding="utf-8")
    monkeypatch.chdir(package)
    found = analyse([Path("views.py")]).findings
    assert [(each.path, each.code, each.line) for each in found] == [("views.py", "KS404", 5)]


def test_two_files_that_import_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import b\nfrom keras.models import load_model\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("import a\nfrom keras.models import load_model\n", encoding="utf-8")
    assert analyse([tmp_path / "a.py", tmp_path / "b.py"]).findings == ()


def test_models_inside_each_other_end(tmp_path: Path) -> None:
    text = "import numpy as np\nfrom fastapi import FastAPI\nfrom keras.models import load_model\n"
    text += "app = FastAPI()\nmodel = load_model('m.keras')\n\n\nclass M0:\n    x: float\n"
    for number in range(1, 40):
        fields = "".join(f"    f{field}: M{number - 1}\n    s{field}: M{number}\n" for field in range(10))
        text += f"\n\nclass M{number}:\n{fields}"
    text += "\n\n@app.post('/x')\ndef x(a: M39, b: M38):\n    c = a if a.f1 else b\n"
    text += "    return model.predict(np.array([[c.f1.x, a.f2.f3.x]])).tolist()\n"
    assert report(tmp_path, text).findings == ()


def test_dictionaries_inside_each_other_end(tmp_path: Path) -> None:
    text = LOAD + "d0 = {'x': 1}\n"
    for number in range(1, 40):
        text += f"d{number} = {{'a': d{number - 1}, 'b': d{number - 1}, 'c': {number}}}\n"
    assert report(tmp_path, text + "model.predict(d39 if d0 else d38)\n").findings == ()


def test_tuples_inside_each_other_end(tmp_path: Path) -> None:
    text = LOAD + "t0 = (1,)\nu0 = (1,)\n"
    for number in range(1, 40):
        text += f"t{number} = (t{number - 1}, t{number - 1})\nu{number} = (u{number - 1}, u{number - 1})\n"
    assert report(tmp_path, text + "model.predict(t39 if t0 else u39)\n").findings == ()


def test_recursion_and_endless_loops_end(tmp_path: Path) -> None:
    text = "from keras.models import load_model\nm = load_model('m')\n" + "\n".join(
        f"def f{n}(x):\n    while True:\n"
        f"        x = f{(n + 1) % 40}(f{(n + 7) % 40}(x))\n    return m.predict(x)"
        for n in range(40)
    )
    assert report(tmp_path, text).notices == ()


SERVICE = """
import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


class Service:
    def __init__(self):
        self.network = keras.models.load_model("churn.keras")
        self.scaler = StandardScaler()

    def answer(self, rows):
        return self.network.predict(self.scaler.{method}(np.array(rows)))
"""
ROUTES = """
from typing import Annotated
from fastapi import APIRouter, Depends, Request
from .service import (
    Service,
)

router = APIRouter()


def get_service(request: Request) -> Service:
    return request.app.state.churn


@router.post("/churn")
def churn(rows: list[list[float]], service: {parameter}):
    return service.answer(rows)
"""
START = """
from fastapi import FastAPI
from . import routes
from .service import Service

app = FastAPI()


@app.on_event("startup")
def start():
    app.state.churn = Service()
"""


@pytest.mark.parametrize(
    "parameter",
    [
        "Annotated[Service, Depends(get_service)]",
        "Service = Depends(get_service)",
        "Service = Depends()",
        "Annotated[Service, Depends()]",
    ],
)
@pytest.mark.parametrize(("method", "expected"), [("fit_transform", ["KS101"]), ("transform", [])])
def test_an_application_in_layers_is_followed(
    tmp_path: Path, parameter: str, method: str, expected: list[str]
) -> None:
    """The routes mention no model, the start comes last in the alphabet, and the fault is in the service."""
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    texts = {
        "routes": ROUTES.format(parameter=parameter),
        "service": SERVICE.format(method=method),
        "start": START,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    found = analyse([tmp_path / f"{name}.py" for name in texts]).findings
    faults = [finding for finding in found if finding.code != "KS503"]
    assert [finding.code for finding in faults] == expected
    assert {Path(finding.path).name for finding in faults} <= {"service.py"}


@pytest.mark.parametrize(("imports", "notices"), [("import json", 0), ("from service import Service", 1)])
def test_only_files_that_import_a_model_are_read_without_mentioning_it(
    tmp_path: Path, imports: str, notices: int
) -> None:
    (tmp_path / "service.py").write_text(SERVICE.format(method="transform"), encoding="utf-8")
    (tmp_path / "views.py").write_text(f"{imports}\n\n\ndef (:\n", encoding="utf-8")
    found = analyse([tmp_path / "views.py", tmp_path / "service.py"])
    assert len(found.notices) == notices


def test_a_key_that_another_file_of_the_program_reads_is_used(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        f"import joblib\nfrom fastapi import FastAPI\nfrom routes import answer\n{LOAD}app = FastAPI()\n"
        "app.extra['scaler'] = joblib.load('scaler.pkl')\nmodel.predict([[0.0]])\n",
        encoding="utf-8",
    )
    other = tmp_path / "routes.py"
    other.write_text("def answer(app, model, x):\n    return model.predict(x)\n", encoding="utf-8")
    files = [tmp_path / "main.py", other]
    assert [finding.code for finding in analyse(files).findings] == ["KS201"]
    use = "def answer(app, model, x):\n    return model.predict(app.extra['scaler'].transform(x))\n"
    other.write_text(use, encoding="utf-8")
    assert analyse(files).findings == ()


def test_a_tokenizer_is_not_applied_with_transform(tmp_path: Path) -> None:
    text = SERVE.format(body="return str(model.predict(np.array([[1]])))")
    load = "import joblib\nparts = {}\nparts['tokenizer'] = joblib.load('tokenizer.pkl')\n"
    (finding,) = report(tmp_path, load + text).findings
    assert finding.code == "KS201"
    assert "transform" not in finding.fix
    assert "texts_to_sequences" in finding.fix


# --- frameworks

LIT = """
import litserve
from tensorflow.keras.models import load_model
from tensorflow.keras.utils import img_to_array, load_img


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = load_model("m.keras")

    def decode_request(self, request):
        return img_to_array(load_img(request["path"]))

    def predict(self, x):
        return self.model.predict(x)


SIZE = input()
{server}
"""


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("", []),
        ("litserve.LitServer(Api())", ["KS604"]),
        ("litserve.LitServer(Api(), max_batch_size=1)", ["KS604"]),
        ("litserve.LitServer(Api(), max_batch_size=8)", []),
        ("litserve.LitServer([Api()], max_batch_size=8)", []),
        ("litserve.LitServer(Api(max_batch_size=8))", []),
        ("litserve.LitServer(Api(), max_batch_size=SIZE)", []),
    ],
)
def test_litserve_collects_requests_if_the_server_says_so(
    tmp_path: Path, server: str, expected: list[str]
) -> None:
    assert [each.code for each in report(tmp_path, LIT.format(server=server)).findings] == expected


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("", ["KS604"]),
        ("@serve.batch", []),
        ("@serve.batch(max_batch_size=4)", []),
        ("@other.batch", ["KS604"]),
    ],
)
def test_ray_gives_a_function_a_list_of_the_arguments_of_its_callers(
    tmp_path: Path, decorator: str, expected: list[str]
) -> None:
    text = (
        "import numpy as np\nimport other\nfrom ray import serve\n"
        f"{LOAD}\n\n{decorator}\nasync def infer(rows):\n    return model.predict(np.array(rows))\n\n\n"
        "@app.post('/')\nasync def call(a: float, b: float):\n    return await infer([a, b])\n"
    )
    assert [each.code for each in report(tmp_path, text).findings] == expected


@pytest.mark.parametrize(
    ("imports", "decorator", "expected"),
    [
        ("from discord.ext import commands", "@bot.command()", ["KS503"]),
        ("import click", "@cli.command()", []),
        ("import click\nimport discord", "@click.command()", []),
        ("from slack_bolt import App", "@app.action('go')", ["KS503"]),
        ("import other", "@app.action('go')", []),
        ("from litestar import post", "@post('/')", ["KS503"]),
        ("from bottle import route as at", "@at('/')", ["KS503"]),
        ("from other import post", "@post('/')", []),
    ],
)
def test_a_decorator_means_what_its_library_says(
    tmp_path: Path, imports: str, decorator: str, expected: list[str]
) -> None:
    text = (
        f"{imports}\nfrom tensorflow.keras.models import load_model\n\n\n{decorator}\n"
        "def answer(row):\n    model = load_model('m.keras')\n    return model.predict([[row.x, row.y]])\n"
    )
    assert [each.code for each in report(tmp_path, text).findings] == expected


# --- the model and the scaler


def test_a_rescaling_layer_makes_a_division_wrong(tmp_path: Path) -> None:
    body = "from PIL import Image\nx = np.array(Image.open(request.files['f'])) / 255.0\n"
    body += "return str(model.predict(x[None]))"
    assert codes(tmp_path, body) == []
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", rescaling=("Rescaling",))) == ["KS301"]


def test_layers_decide_whether_the_mode_matters(tmp_path: Path) -> None:
    body = "return str(model(np.array(request.json['rows'])))"
    plain, custom = ModelFacts(path="m.keras"), ModelFacts(path="m.keras", custom=("Noise",))
    assert codes(tmp_path, body) == ["KS403"]
    assert codes(tmp_path, body, model=plain) == []
    found = report(tmp_path, SERVE.format(body=body), model=custom).findings
    assert [each.severity for each in found] == ["warn"]


def test_a_stateful_model_needs_a_reset(tmp_path: Path) -> None:
    body = "return str(model.predict(np.array(request.json['rows'])))"
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", is_stateful=True)) == ["KS501"]


def test_the_input_of_the_model_decides_the_axes(tmp_path: Path) -> None:
    body = "from PIL import Image\nx = np.array(Image.open(request.files['f']))\nreturn str(model.predict(x))"
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", input_ranks=(3,))) == []
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", input_ranks=(4,))) == ["KS604"]


def test_a_model_of_another_name_decides_nothing_about_this_one(tmp_path: Path) -> None:
    body = "from PIL import Image\nother = load_model('other.keras')\n"
    body += "x = np.array(Image.open(request.files['f'])) / 255.0\nreturn str(other.predict(x[None]))"
    given = ModelFacts(path="model.keras", rescaling=("Rescaling",))
    assert codes(tmp_path, body, model=given) == ["KS503"]


def test_preprocessing_that_changes_nothing_is_not_a_second_scaling(tmp_path: Path) -> None:
    body = "from PIL import Image\nfrom keras.applications.{0} import preprocess_input\n"
    body += (
        "x = preprocess_input(np.array(Image.open(request.files['f'])))\nreturn str(model.predict(x[None]))"
    )
    scaled = ModelFacts(path="model.keras", rescaling=("Rescaling",))
    assert codes(tmp_path, body.format("efficientnet"), model=scaled) == []
    assert codes(tmp_path, body.format("mobilenet_v2"), model=scaled) == ["KS301"]


def test_argmax_of_one_output_is_always_zero(tmp_path: Path) -> None:
    body = "y = model.predict(np.array([[float(request.form['a'])]]))\nreturn str(np.argmax(y[0]))"
    assert codes(tmp_path, body) == []
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", units=1)) == ["KS603"]


def test_time_steps_are_compared_with_the_model(tmp_path: Path) -> None:
    body = "x = np.array([[float(request.form['a']), 1.0]]).reshape(1, 1, 2)\nreturn str(model.predict(x))"
    recurrent = ModelFacts(path="m.keras", is_recurrent=True)
    assert codes(tmp_path, body, model=recurrent) == ["KS605"]
    assert codes(tmp_path, body, model=ModelFacts(path="m.keras", is_recurrent=True, time_steps=1)) == []


def test_columns_are_compared_with_those_of_the_scaler(tmp_path: Path) -> None:
    body = (
        "import joblib\nimport pandas as pd\nscaler = joblib.load('scaler.pkl')\n"
        "rows = pd.DataFrame([request.json], columns=['b', 'a'])\n"
        "return str(model.predict(scaler.transform(rows)))"
    )
    same = ScalerFacts(path="scaler.pkl", estimator="StandardScaler", columns=("b", "a"))
    other = ScalerFacts(path="scaler.pkl", estimator="StandardScaler", columns=("a", "b"))
    assert codes(tmp_path, body, scaler=same) == []
    assert codes(tmp_path, body, scaler=other) == ["KS205"]


def test_a_column_that_is_taken_twice_is_no_other_order(tmp_path: Path) -> None:
    body = (
        "import joblib\nimport pandas as pd\nscaler = joblib.load('scaler.pkl')\n"
        "rows = pd.DataFrame(request.json)[['a', 'b', 'a']]\n"
        "return str(model.predict(scaler.transform(rows)))"
    )
    scaler = ScalerFacts(path="scaler.pkl", estimator="StandardScaler", columns=("a", "b"))
    assert codes(tmp_path, body, scaler=scaler) == []


def test_columns_that_the_module_names_are_those_of_the_table(tmp_path: Path) -> None:
    text = SERVE.replace(
        "app = ", "import pandas as pd\nEMPTY = pd.DataFrame([], columns=['a', 'b'])\napp = "
    )
    body = "other = pd.DataFrame([], columns=['b', 'a'])\n    return str(model.predict(EMPTY.copy()))"
    scaler = ScalerFacts(path="scaler.pkl", estimator="StandardScaler", columns=("a", "b"))
    found = report(tmp_path, text.format(body=body), scaler=scaler).findings
    assert [each.code for each in found if each.code == "KS205"] == []


def test_a_scaler_next_to_the_model_is_missed(tmp_path: Path) -> None:
    body = "return str(model.predict(np.array([[float(request.form['a']), 2.0]])))"
    assert codes(tmp_path, body) == []
    (tmp_path / "scaler.joblib").write_bytes(b"")
    assert codes(tmp_path, body) == ["KS201"]


def test_training_decides_how_pixels_are_scaled(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    body = "from PIL import Image\nx = np.array(Image.open(request.files['f']))\n"
    body += "return str(model.predict(x[None]))"
    assert codes(tmp_path, body) == []
    found = analyse([tmp_path / "serve.py", tmp_path / "train.py"]).findings
    assert [each.code for each in found] == ["KS302"]


def test_the_other_place_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "pixels.py").write_text(
        "import numpy as np\nfrom PIL import Image\n\n\n"
        "def read(stream):\n    return np.array(Image.open(stream)) / 255.0\n",
        encoding="utf-8",
    )
    body = "from pixels import read\nx = read(request.files['f']) / 255.0\nreturn str(model.predict(x[None]))"
    (finding,) = served(tmp_path, body).findings
    assert finding.code == "KS301"
    assert str(tmp_path / "pixels.py:6") in finding.message


def test_training_is_named_where_it_reads_pictures(tmp_path: Path) -> None:
    (tmp_path / "images.py").write_text(
        "from keras.preprocessing.image import ImageDataGenerator\n\n\n"
        "def images():\n"
        "    return ImageDataGenerator(rescale=1.0 / 255).flow_from_directory('train')\n",
        encoding="utf-8",
    )
    (tmp_path / "train.py").write_text("# keras\nfrom images import images\nimages()\n", encoding="utf-8")
    body = "from PIL import Image\nx = np.array(Image.open(request.files['f']))\n"
    body += "return str(model.predict(x[None]))"
    assert codes(tmp_path, body) == []
    (finding,) = analyse([tmp_path / "serve.py", tmp_path / "train.py"]).findings
    assert "images.py:5" in finding.message


def test_a_helper_that_does_not_mention_models_is_followed(tmp_path: Path) -> None:
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("from .pixels import prepare\n", encoding="utf-8")
    (tmp_path / "helpers" / "pixels.py").write_text(
        "def prepare(pixels):\n    return pixels / 255.0\n", encoding="utf-8"
    )
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    body = "from PIL import Image\nfrom helpers import prepare\n"
    body += "x = np.array(Image.open(request.files['f']))\nreturn str(model.predict(prepare(x)[None]))"
    assert codes(tmp_path, body) == []
    helpers = sorted(tmp_path.glob("helpers/*.py"))
    found = analyse([*helpers, tmp_path / "serve.py", tmp_path / "train.py"])
    assert (found.findings, found.notices) == ((), ())


# --- comments


@pytest.mark.parametrize(
    ("comment", "left"), [("", 1), ("[KS404]", 0), ("[KS101, KS404]", 0), ("[KS101]", 1)]
)
def test_comments_switch_findings_off(tmp_path: Path, comment: str, left: int) -> None:
    line = f"return str(model(np.array(request.json['rows']), training=True))  # kcheck: ignore{comment}"
    line = line if comment else line.partition("  #")[0]
    found = report(tmp_path, SERVE.format(body=line))
    assert (len(found.findings), found.ignored) == (left, 1 - left)


def test_a_comment_without_codes_switches_all_off(tmp_path: Path) -> None:
    line = "return str(model(np.array(request.json['rows']), training=True))  # kcheck: ignore"
    assert report(tmp_path, SERVE.format(body=line)).findings == ()


def test_a_form_feed_does_not_move_lines(tmp_path: Path) -> None:
    line = "return str(model(np.array(request.json['rows']), training=True))"
    text = "# page 1 \f page 2" + SERVE
    (finding,) = report(tmp_path, text.format(body=line)).findings
    assert finding.source == line
    assert report(tmp_path, text.format(body=f"{line}  # kcheck: ignore")).ignored == 1


# --- files that cannot be read

_LOADS = b"from keras.models import load_model\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_LOADS + b"def f(:\n", "not valid in Python"),
        (_LOADS + b"print 'model'\n", "Python 2"),
        (_LOADS + b"x = '\xe9'\n", "encoding"),
        (_LOADS + b"x = '\0'\n", "text file"),
        (_LOADS + b"# x\n" * 600_000, "larger than"),
        (b"x = " + b"(" * 300 + b"predict" + b")" * 300 + b"\n", "nested|nesting|not valid"),
        (b"# coding: nothing\n" + _LOADS, "encoding"),
    ],
    ids=["syntax", "python-2", "latin-1", "nul", "huge", "parentheses", "unknown-encoding"],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "serve.py"
    path.write_bytes(content)
    (notice,) = analyse([path]).notices
    assert any(word in notice.message for word in reason.split("|"))
    assert "\n" not in notice.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf" + _LOADS + b"load_model('m').predict([[1.0]])\n",
        b"# -*- coding: latin-1 -*-\n" + _LOADS + b"x = '\xe9'\n",
        _LOADS + b"x = " + b"-" * 400 + b"1\n",
        _LOADS + b"x = " + b" + ".join([b"load_model"] * 3000) + b"\n",
        _LOADS + b"x = load_model" + b".a" * 3000 + b"\n",
        _LOADS + b"x = load_model" + b"[0]" * 3000 + b"\n",
        _LOADS + b"".join(b" " * n + b"if x:\n" for n in range(90)) + b" " * 90 + b"x = 1\n",
        _LOADS + b"x.fit_transform()\nx.predict()\nx.append()\nx.add()\nx.reshape()\nx.fit()\n",
        _LOADS + b"a, *b = load_model\n(lambda *a, **k: a)(*b, **k)\nprint(*[x])\nx[...] += 1\n",
        _LOADS + b"import " + b"longer" * 60 + b"\n",
        _LOADS + b"class A(A):\n    def f(self):\n        return super().f()\n\n\nA().f()\n",
        _LOADS
        + b"match x:\n    case {'a': [1, *r], **k}:\n        pass\n    case A(b=c) | c:\n        pass\n",
    ],
)
def test_unusual_code_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "serve.py"
    path.write_bytes(content)
    assert [notice.message for notice in analyse([path]).notices if "nested" not in notice.message] == []


def test_a_folder_instead_of_a_file_is_one_line(tmp_path: Path) -> None:
    assert len(analyse([tmp_path / "missing.py"]).notices) == 1


# --- functions, objects and requests that are followed


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("odds = tf.nn.softmax(model.predict(x))\nreturn np.argmax(odds, axis=0)", ["KS603"]),
        ("odds = tf.nn.softmax(model.predict(x))\nreturn np.argmax(odds, axis=-1)", []),
        (
            "rows = np.stack([np.array(each) for each in sent])\nreturn np.argmax(model.predict(rows))",
            ["KS603"],
        ),
        (
            "rows = np.stack([np.array(each) for each in sent])\nreturn sent[np.argmax(model.predict(rows))]",
            [],
        ),
        ("return model.predict(x + np.random.default_rng().normal(size=x.shape))", ["KS405"]),
        ("return model.predict(x + np.random.default_rng(0).normal(size=x.shape))", []),
        ("return model(x, **dict(training=1))", ["KS404"]),
        ("return model(x, **dict(training=0))", []),
        ("return model.predict(np.array([[float(sent[key]) for key in sent]]))", ["KS205"]),
        ("return model.predict(np.array([[float(sent[key]) for key in sorted(sent)]]))", []),
        ("return model.predict(np.divide(np.subtract(x, x.mean(axis=0)), x.std(axis=0)))", ["KS103"]),
        ("return model.predict(np.divide(np.subtract(x, MEAN), DEVIATION))", []),
    ],
)
def test_functions_are_followed_like_operators(tmp_path: Path, body: str, found: list[str]) -> None:
    start = "import tensorflow as tf\nsent = request.json['rows']\nx = np.array(sent)\n"
    assert codes(tmp_path, start + body) == found


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("scalers[key] = StandardScaler().fit(rows)\n    scaler = scalers[key]", True),
        ("scalers[key] = joblib.load(f'{key}.joblib')\n    scaler = scalers[key]", False),
        ("scaler = clone(joblib.load('scaler.joblib')).fit(rows)", True),
        ("scaler = clone(joblib.load('scaler.joblib')).fit(TRAINING)", False),
    ],
)
def test_scalers_of_keys_and_clones_are_followed(tmp_path: Path, text: str, is_found: bool) -> None:
    start = (
        "import joblib\nfrom sklearn.base import clone\nfrom sklearn.preprocessing import StandardScaler\n"
        "TRAINING = np.load('x.npy')\nscalers = {}\n"
    )
    service = SERVE.format(
        body=f"key, rows = request.json['key'], np.array(request.json['rows'])\n    {text}\n"
        "    return model.predict(scaler.transform(rows)).tolist()"
    )
    text = service.replace("app = Flask", start + "app = Flask")
    assert [each.code for each in report(tmp_path, text).findings] == ["KS101"] * is_found


@pytest.mark.parametrize(("training", "found"), [("True", ["KS404"]), ("False", [])])
def test_a_service_knows_what_it_gets_when_it_is_made(
    tmp_path: Path, training: str, found: list[str]
) -> None:
    text = (
        "from keras.models import load_model\n\n\n"
        "class Scores(scores_pb2_grpc.ScoresServicer):\n"
        "    def __init__(self, network):\n        self.network = network\n\n"
        "    def Score(self, request, context):\n"
        f"        return self.network(request.rows, training={training})\n\n\n"
        "def serve(server):\n    server.add(Scores(load_model('scores.keras')))\n"
    )
    assert [each.code for each in report(tmp_path, text).findings] == found


# --- places


def prepared_elsewhere(tmp_path: Path) -> list[Path]:
    """A script that trains, with a layer that another file adapts."""
    prepare = (
        "from keras import layers\n\n\ndef prepared(rows):\n    layer = layers.Normalization()\n"
        "    layer.adapt(rows)\n    return layer\n"
    )
    train = (
        "import keras\nimport numpy as np\nfrom prepare import prepared\n\nrows = np.load('rows.npy')\n"
        "norm = prepared(rows)\nmodel = keras.Sequential([keras.layers.Dense(1)])\n"
        "model.fit(norm(rows), np.load('y.npy'))\nmodel.save('model.keras')\n"
    )
    (tmp_path / "prepare.py").write_text(prepare, encoding="utf-8")
    (tmp_path / "train.py").write_text(train, encoding="utf-8")
    return [tmp_path / "train.py", tmp_path / "prepare.py"]


def test_an_unsaved_scaler_names_the_file_that_saves_the_model(tmp_path: Path) -> None:
    (finding,) = analyse(prepared_elsewhere(tmp_path)).findings
    assert finding.code == "KS206"
    assert "train.py:9" in finding.message


@pytest.mark.parametrize(
    ("layer", "expected"), [("prepared(np.load('rows.npy'))", []), ("prepared", ["KS206"])]
)
def test_a_service_that_fits_to_the_rows_of_training_needs_no_file(
    tmp_path: Path, layer: str, expected: list[str]
) -> None:
    files = prepared_elsewhere(tmp_path)
    serve = tmp_path / "serve.py"
    start = f"from prepare import prepared\nlayer = {layer}\n\n\n@app.post"
    body = "rows = np.array(request.json['rows'])\n    return model.predict(layer(rows))"
    serve.write_text(SERVE.format(body=body).replace("@app.post", start), encoding="utf-8")
    found = [each.code for each in analyse([*files, serve]).findings]
    assert [code for code in found if code == "KS206"] == expected


def test_the_learning_phase_names_the_call_of_a_request(tmp_path: Path) -> None:
    text = SERVE.format(body="return model(request.json['rows']).numpy()").replace(
        'model = load_model("model.keras")',
        "from keras import backend\nbackend.set_learning_phase(1)\nmodel = load_model('model.keras')\n"
        "model.predict(np.zeros((1, 4)))",
    )
    found = [each for each in report(tmp_path, text).findings if each.code == "KS404"]
    assert [("request.json" in each.message, "predict()" in each.fix) for each in found] == [(True, False)]
