"""fleet: many models in one call; every format, a stored run that is not repeated, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
from keras import layers

from tests.helpers.commands import Surroundings
from tests.helpers.in_process import NoWorkers, SharedForkServer, in_folder, run_in_process

CHECKS = ("--select", "KC101,KC103")
FILES = {"json": "f.json", "junit": "f.xml", "sarif": "f.sarif", "markdown": "f.md", "github": "f.txt"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a healthy model, one that subtracts the mean of the batch, and one that is cut short."""
    folder = tmp_path_factory.mktemp("fleet")
    for name in ("good", "leak", "cut"):
        (folder / name).mkdir()
    keras.utils.set_random_seed(0)
    rows = keras.Input((4,), name="x")
    good = keras.Model(rows, layers.Dense(2, activation="softmax", name="out")(rows))
    good.save(folder / "good" / "model.keras")
    normalized = rows - keras.ops.mean(rows, axis=0, keepdims=True)
    keras.Model(rows, layers.Dense(1, name="out")(normalized)).save(folder / "leak" / "model.keras")
    content = (folder / "good" / "model.keras").read_bytes()
    (folder / "cut" / "model.keras").write_bytes(content[: len(content) // 2])
    return folder


@pytest.fixture(scope="module")
def finished(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Check the models and write all formats; return the folder with the reports."""
    target = tmp_path_factory.mktemp("reports")
    forms = [word for form, name in FILES.items() for word in ("--format", f"{form}={target / name}")]
    forms += ["--format", f"html={target / 'pages'}", "--format", "concise"]
    words = ("fleet", ".", *CHECKS, "--jobs", "2", "--resume", str(target / "done"), *forms)
    with in_folder(models):
        # Workers read relative paths, so their fork server must start in this folder.
        server = SharedForkServer()
        done = run_in_process(*words, fork_server=server)
        server.end()
    (target / "stdout").write_text(done.out)
    assert done.err == ""
    assert done.code == 1
    return target


def test_the_json_report_has_a_report_for_each_model(finished: Path) -> None:
    document = json.loads((finished / "f.json").read_text())
    assert document["schema"] == "kcheck.fleet/1"
    assert {each["name"]: each["exit_code"] for each in document["models"]} == {
        "cut/model.keras": 1,
        "good/model.keras": 0,
        "leak/model.keras": 1,
    }
    leak = next(each["report"] for each in document["models"] if each["name"].startswith("leak"))
    assert leak["schema"] == "kcheck.report/1"
    assert {result["code"]: result["status"] for result in leak["results"]} == {
        "KC101": "fail",
        "KC103": "fail",
    }
    assert leak["reproduce"] == "kcheck run leak/model.keras --select KC101,KC103"
    assert document["summary"]["inconsistent"] == 2
    assert document["summary"]["causes"]["file-damaged"] == 1
    assert document["exit_code"] == 1


def test_junit_has_a_suite_for_each_model(finished: Path) -> None:
    root = ElementTree.parse(finished / "f.xml").getroot()
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == [f"kcheck {name}/model.keras" for name in ("cut", "good", "leak")]
    assert int(root.attrib["failures"]) == 2
    assert int(root.attrib["errors"]) == 1
    assert int(root.attrib["tests"]) == sum(int(suite.attrib["tests"]) for suite in root)


def test_sarif_has_one_run_and_rules_that_fit_its_results(finished: Path) -> None:
    (run,) = json.loads((finished / "f.sarif").read_text())["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {each["ruleId"] for each in run["results"]} == {"KC101", "KC103", "refused"}
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert len(run["invocations"]) == 4


def test_html_is_an_index_and_a_page_for_each_model(finished: Path) -> None:
    pages = sorted(path.name for path in (finished / "pages").iterdir())
    assert pages == ["0001-cut-model.html", "0002-good-model.html", "0003-leak-model.html", "index.html"]
    index = (finished / "pages" / "index.html").read_text()
    assert all(f'href="{page}"' in index for page in pages[:3])


def test_texts_name_every_model(finished: Path) -> None:
    concise = (finished / "stdout").read_text().splitlines()
    assert [line for line in concise if line.startswith("good/model.keras: consistent")]
    assert [line for line in concise if line.startswith("leak/model.keras: FAIL KC101")]
    markdown = (finished / "f.md").read_text()
    assert all(f"{name}/model.keras" in markdown for name in ("cut", "good", "leak"))
    errors = [line for line in (finished / "f.txt").read_text().splitlines() if line.startswith("::error")]
    assert len(errors) >= 3


def test_a_second_run_repeats_nothing(finished: Path, models: Path) -> None:
    with in_folder(models):
        done = run_in_process(
            "fleet",
            ".",
            *CHECKS,
            "--resume",
            str(finished / "done"),
            "--format",
            "json",
            fork_server=NoWorkers(),
        )
    document, before = json.loads(done.out), json.loads((finished / "f.json").read_text())
    assert done.code == 1
    assert all(each["stored"] for each in document["models"])
    assert [each["report"] for each in document["models"]] == [each["report"] for each in before["models"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere/*.keras",),
        ("good", "--jobs", "0"),
        ("good", "--retries", "-1"),
        ("good", "--format", "html"),
        ("good", "--resume", "good/model.keras/done"),
        ("good", "--format", "json=good/model.keras"),
        ("good", "--rows", "none"),
        ("good", "--select", "KC1099"),
    ],
)
def test_bad_input_is_refused_in_few_lines(arguments: tuple[str, ...], models: Path) -> None:
    with in_folder(models):
        done = run_in_process("fleet", *arguments, fork_server=NoWorkers())
    assert done.code == 2
    assert 1 <= len(done.err.splitlines()) <= 3
    assert done.out == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")
def test_after_ctrl_c_the_next_run_does_the_rest(models: Path, tmp_path: Path) -> None:
    around, store = Surroundings(tmp_path), tmp_path / "done"
    words = ("fleet", str(models), *CHECKS, "--jobs", "1", "--resume", str(store), "--format", "json")
    process = around.start(*words)
    until = time.monotonic() + 90
    # The largest model comes first, so one is still open when the first result is there.
    while not list(store.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    first = json.loads(out)
    assert first["exit_code"] == 130
    assert first["not_run"]
    assert around.processes() == []
    second = around.run(*words)
    document = json.loads(second.stdout)
    assert second.returncode == 1
    assert {each["name"] for each in document["models"] if each["stored"]} >= {
        each["name"] for each in first["models"]
    }
    assert len(document["models"]) == 3
