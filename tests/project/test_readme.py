"""README, CONTRIBUTING and docs/ are correct.

Tests compare checks, options, exit codes, JSON keys, make targets, links and examples with kcheck.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import typer

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.cli.main import COMMANDS, app, main
from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact
from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.model_file.summary import ModelSummary
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.report import SCHEMA, Report, Source
from tests.helpers.script_modules import script

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
EXIT_CODES = {"0", "1", "2", "3", "130", "143"}


def table(page: Path, first_header: str) -> list[list[str]]:
    """Return the rows of all tables in the page whose first column has this header, as lists of cells."""
    rows, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_header:
            inside = True
        elif inside and not set(line) <= set("|-"):
            rows.append(cells)
    return rows


def keys(page: Path, heading: str) -> set[str]:
    """Return the texts in backticks in the first column of the table under a heading."""
    section = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {
        key
        for line in section.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`(\w+)`", line.split("|")[1])
    }


@cache
def options_of(command: str) -> set[str]:
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    return {name for parameter in parameters for name in parameter.opts if name.startswith("--")}


def test_the_table_of_checks_equals_the_output_of_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()]
    assert [row for row in table(README, "code") if row[0].startswith("KC")] == listed
    assert [row[0] for row in listed] == [check.code for check in CHECKS]


def test_the_table_of_checks_equals_the_output_of_the_script() -> None:
    assert f"<!-- checks -->\n{script('demo').checks_table()}\n<!-- /checks -->" in README.read_text(
        encoding="utf-8"
    )


def test_every_command_is_documented() -> None:
    documented = set(
        re.findall(
            r"^## kcheck ([a-z]+)", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    assert documented == set(COMMANDS)
    named = set(
        re.findall(r"(?:^    |`)kcheck ([a-z]+)(?=[ `]|$)", README.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named >= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_named_for_kcheck_exists(page: Path) -> None:
    known = {"--version", "--help", "--install-completion", "--show-completion"}.union(
        *map(options_of, COMMANDS)
    )
    of_other_tools = {
        *("--editable", "--constraint", "--lowest", "--write", "--count", "--spec", "--from", "--rm"),
        *("--onnxrt", "--trt", "--data-loader-script", "--save-outputs", "--load-outputs", "--validate"),
        *("--nworkers", "--nthreads"),
    }
    named = set(
        re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8")))
    )
    assert named - of_other_tools <= known


def test_the_options_of_the_readme_have_these_defaults() -> None:
    settings = load_settings({"model": "model.keras"}, {})
    rows = {row[0]: row[1] for row in table(README, "option")}
    stated = {
        option: rows[cell]
        for option, cell in (("rows", "`--rows N` or `--rows all`"), ("fail_on", "`--fail-on warn`"))
    }
    assert stated == {"rows": str(settings.rows), "fail_on": settings.fail_on}
    assert settings.tolerance == rows["`--rtol X --atol X`, `--exact`"]


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "exit-codes.md"], ids=lambda page: page.name)
def test_every_exit_code_is_documented(page: Path) -> None:
    documented = {code for row in table(page, "code") if row[0][0].isdigit() for code in row[0].split(", ")}
    assert documented == EXIT_CODES


def test_exit_codes_are_as_documented() -> None:
    passed, failed, broken = (
        Verdict(status=status, message="") for status in (Status.PASS, Status.FAIL, Status.ERROR)
    )
    skipped, warned = (
        Verdict(status=status, message="", reason="no GPU") for status in (Status.SKIP, Status.WARN)
    )
    source = Source(path="x")
    runs = [
        ([passed], 0),
        ([warned], 0),
        ([passed, skipped], 0),
        ([skipped], 3),
        ([], 3),
        ([passed, broken], 3),
        ([failed, broken, passed], 1),
    ]
    codes = [
        Report(version="1", verdicts=verdicts, model=source, data=source).exit_code for verdicts, _ in runs
    ]
    assert codes == [code for _, code in runs]
    assert Report(version="1", verdicts=(warned,), model=source, data=source, fail_on="warn").exit_code == 1
    errors: tuple[type[KcheckError], ...] = (RefusedError, UsageError, DataError, NoVerdictError)
    assert [error.exit_code for error in errors] == [1, 2, 2, 3]


def test_the_help_lists_the_same_exit_codes() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "keras_consistency_cli", "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "COLUMNS": (
            "300"
        )}, timeout=60,
    )  # fmt: skip
    epilog = completed.stdout.partition("Exit codes:")[2]
    assert set(re.findall(r"\d+", epilog)) == EXIT_CODES


def test_the_yaml_of_the_readme_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    (tmp_path / "kcheck.yaml").write_text(example[1], encoding="utf-8")
    settings = load_settings({"config": str(tmp_path / "kcheck.yaml")}, {})
    assert (settings.model, settings.rows, settings.select, settings.fail_on) == (
        tmp_path / "model.keras",
        "all",
        ("KC1", "KC2"),
        "warn",
    )


def report_with_every_part() -> Report:
    answers = RowOutputs(outputs={"score": np.array([[0.5], [0.25]], np.float32)})
    comparison = compare(("one-by-one", "predict"), answers, answers)[0]
    judged = Judged(
        comparison=comparison,
        limit=Limit(value=1e-7, origin="calibrated"),
        within=True,
        float64_pair=comparison,
    )
    facts = Facts(name="m", kind="Sequential", parameters=1, layers=(), inputs=(), outputs=())
    damage = Impact(
        rows_hit=1, rows=2, share=0.5, worst=(AffectedRow(row=1, output="score", index=(0,), distance=0.5),)
    )
    layer = LayerDeviation(layer="a", kind="Dense", depth=1, inputs=0.0, outputs=0.5, culprit=True)
    return Report(
        version="1",
        verdicts=(
            Verdict(
                code="KC101", name="batch-vs-single", status=Status.PASS, message="agrees", judged=(judged,)
            ),
        ),
        diagnoses=(
            Diagnosis(
                cause="hidden-state", severity="fail", sentence="it counts", damage=damage, depth=(layer,)
            ),
        ),
        facts=facts,
        model=Source(path="m.keras"),
        data=Source(path="x.npy"),
    )


def test_the_keys_of_the_json_report_are_as_documented() -> None:
    page, document = ROOT / "docs" / "json-report.md", as_document(report_with_every_part())
    result, diagnosis = document["results"][0], document["diagnoses"][0]
    assert document["schema"] == SCHEMA
    assert SCHEMA in page.read_text(encoding="utf-8")
    written = {
        "The report": document,
        "A result": result,
        "A comparison": result["comparisons"][0],
        "A diagnosis": diagnosis,
    }
    written |= {"Damage": diagnosis["damage"], "Depth": diagnosis["depth"][0]}
    documented = {heading: keys(page, heading) for heading in written}
    assert {heading: set(part) for heading, part in written.items()} == documented
    row = next(
        line
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `worst` | up to five rows: `row`, `output`")
    )
    assert set(diagnosis["damage"]["worst"][0]) <= set(re.findall(r"`(\w+)`", row))


def test_the_keys_of_an_inspected_model_are_as_documented() -> None:
    documented = keys(ROOT / "docs" / "json-report.md", "A model")
    assert documented == {field.name for field in fields(ModelSummary)} | {"schema", "exit_code", "error"}


def test_every_schema_that_is_written_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "keras_consistency_cli").rglob("*.py"))
    written = {name for source in sources for name in re.findall(r'"(kcheck\.[a-z]+/\d+)"', source)}
    documented = {
        name
        for row in table(ROOT / "docs" / "json-report.md", "schema")
        for name in re.findall(r"`(kcheck\.[a-z]+/\d+)`", row[0])
    }
    assert (documented, len(documented)) == (written, 7)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_refer_to_existing_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    calls = re.findall(
        r"(?:^    |`)make ((?:[a-z-]+ ?|[A-Z]+=(?:'[^']*'|\S*) ?)+)",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    named = {word for call in calls for word in re.sub(r"[A-Z]+=('[^']*'|\S*)", "", call).split()}
    assert named <= known


def test_ci_runs_the_command_of_the_readme() -> None:
    command = re.search(
        r"^    (make .+)\n\nis what CI runs", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert command
    assert f"exec {command[1]} <" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_lowest_versions_are_those_of_pyproject() -> None:
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == script("constraints").lowest()


def test_the_exact_versions_cover_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {
        re.sub(r"[-_.]+", "-", re.split(r"[<>=!~; \[]", requirement)[0]).lower() for requirement in needed
    }
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines)
    assert names <= {line.partition("==")[0] for line in lines}


def test_blocks_are_filled_between_their_markers() -> None:
    demo = script("demo")
    assert (
        demo.fill_blocks("a\n<!-- x -->\nold\n<!-- /x -->\nb", {"x": r"new \1"})
        == "a\n<!-- x -->\nnew \\1\n<!-- /x -->\nb"
    )
    with pytest.raises(ValueError, match="<!-- y -->"):
        demo.fill_blocks("a", {"y": "new"})


def texts(name: str) -> list[str]:
    """Return the lines of text in one of the pictures."""
    lines: list[str] = script("pictures").read_lines(
        (script("demo").IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    )
    return lines


@pytest.mark.parametrize("name", ["passing", "failing"])
def test_a_picture_is_self_contained(name: str) -> None:
    drawing = (script("demo").IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    assert re.findall(r"\w+://[^\s\"<]+", drawing) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@|<script|<image|href", drawing)
    assert len(drawing) < 60_000


PLAIN = Settings.model_validate({"model": "m.keras"})


def test_the_pictures_show_every_check_of_the_default_selection() -> None:
    shown = " ".join(texts("passing"))
    assert set(re.findall(r"KC\d{3}", shown)) == {
        check.code for check in CHECKS if not check.on_request and check.is_offered(PLAIN)
    }


def test_the_readme_shows_the_pictures_with_correct_descriptions() -> None:
    descriptions = dict(
        re.findall(r"!\[([^\]]*)\]\(docs/images/(\w+)\.svg\)", README.read_text(encoding="utf-8"))
    )
    demo = script("demo")
    assert (
        set(descriptions.values())
        == set(demo.README_REPORTS)
        == {path.stem for path in demo.IMAGES.glob("*.svg")}
    )
    endings = {name: texts(name)[-3:] for name in demo.README_REPORTS}
    for description, name in descriptions.items():
        outcome, _, ending = description.rpartition("The last line: ")[2].partition(", ")
        assert endings[name][0].startswith(f"{outcome}: ")
        assert endings[name][0].endswith(ending.rpartition(", ")[2].removesuffix("."))
        assert endings[name][1:] == ["$ echo $?", endings[name][0][-1]]
    assert len(descriptions) == 2


def test_a_picture_has_the_text_and_colours_of_the_terminal() -> None:
    drawing = script("pictures").draw_terminal("\x1b[1;31m✗ FAIL\x1b[0m  <&> a\n\n  b", name="p", title="t")
    assert script("pictures").read_lines(drawing) == ["✗ FAIL  <&> a", "  b"]
    style = re.search(r'class="(p-r\d+)"[^>]*>✗', drawing)
    assert style
    style = re.search(rf"\.{style[1]} {{ (.*) }}", drawing)
    assert style
    assert style[1] == "fill: #ff7b72;font-weight: bold"
