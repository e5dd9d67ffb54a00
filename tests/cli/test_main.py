"""cli: argv in, exit code and text out. The pipeline and the renderer are played by a few lines, the process
is a real one where it matters.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli import __version__
from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.cli.main import COMMANDS, main
from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.errors import DataError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.reporting.render import REFUSALS

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy",
    "pydantic",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "sklearn",
    "scipy",
    "rich",
    "yaml",
    "h5py",
)

FORMS = (
    "terminal, concise, json, junit, sarif, github, markdown or html, each with =FILE if it goes to a file"
)
PLAYED = """
import os, signal, sys
from types import ModuleType, SimpleNamespace

pipeline, reporting = ModuleType("pipeline"), ModuleType("reporting")
reporting.render = lambda report, format, **look: "report\\n" * settings_seen[0].rows
settings_seen = []
sys.modules["keras_consistency_cli.pipeline.run"] = pipeline
sys.modules["keras_consistency_cli.reporting.render"] = reporting

def inspect(settings, line, *, config, observe, **_):
    settings_seen.append(settings)
    %s
    return SimpleNamespace(exit_code=1)

pipeline.inspect = inspect
from keras_consistency_cli.cli.main import main
sys.exit(main())
"""


def command(
    *arguments: str, body: str | None = None, shell: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run kcheck in a process of its own; with `body`, on a pipeline that does just that. `shell` is put
    behind the command.
    """
    program = (
        ["-m", "keras_consistency_cli"]
        if body is None
        else ["-c", PLAYED % textwrap.indent(body, "    ").strip()]
    )
    line = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", sys.executable, *program, *arguments]
    # Unbuffered streams would hide what becomes of text that could not be written.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KCHECK_", "PYTHONUNBUFFERED"))
    }
    environment |= {"PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False, timeout=60)


@dataclass
class Stage:
    """The played pipeline and renderer: what they are to do, and what they were asked."""

    outcome: int | BaseException = 0
    settings: Settings | None = None
    line: str = ""
    config: Path | None = None
    look: tuple[object, ...] = ()

    def inspect(
        self, settings: Settings, line: str, *, config: Path | None, observe: object, **_: object
    ) -> SimpleNamespace:
        """Stand in for pipeline.inspect."""
        self.settings, self.line, self.config = settings, line, config
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return SimpleNamespace(exit_code=self.outcome)

    def render(self, report: SimpleNamespace, format: str, **look: Any) -> str:
        """Stand in for reporting.render."""
        self.look = (report.exit_code, format, look)
        return "the report ✓\n"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Put the played modules where the real ones are imported from."""
    played = Stage()
    rendering = {"render": played.render, "REFUSALS": REFUSALS}
    contents: dict[str, dict[str, object]] = {
        "pipeline.run": {"inspect": played.inspect},
        "reporting.render": rendering,
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"keras_consistency_cli.{name}", module)
    for name in [name for name in os.environ if name.startswith("KCHECK_")]:
        monkeypatch.delenv(name)
    return played


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two checks to list."""

    def check(code: str, name: str) -> Check:
        return Check(
            code=code,
            name=name,
            title=f"title of {name}",
            explanation=f"\nWhat {name} asks.\n",
            examine=lambda evidence: pytest.fail("ran"),
        )

    module = ModuleType("checks")
    vars(module).update({"CHECKS": (check("KC101", "batch-vs-single"), check("KC701", "finite"))})
    monkeypatch.setitem(sys.modules, "keras_consistency_cli.checks.registry", module)


# -- flags become settings
# ---


def test_every_flag_reaches_the_settings(stage: Stage, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    line = (
        "run m.keras --data x.npy --scaler s.pkl --custom-objects a.py --custom-objects b.py --select "
        "KC1,finite --select KC2"
        f" --ignore KC102 --rows all --batch-size 8 --seed 3 --format json --output {report} --backend jax "
        "--rtol 1e-5 --atol 0"
        " --trust-scaler --allow-unsafe --fail-on warn --timeout 9 --total-timeout 90 --memory-limit 1.5 "
        "--isolation off --color never --debug"
    )
    assert main(line.split()) == 0
    assert stage.settings == Settings.model_validate(
        {
            "model": "m.keras",
            "data": "x.npy",
            "scaler": "s.pkl",
            "custom_objects": ["a.py", "b.py"],
            "select": ["KC1", "finite", "KC2"],
            "ignore": ["KC102"],
            "rows": "all",
            "batch_size": 8,
            "seed": 3,
            "format": "json",
            "output": str(report),
            "backend": "jax",
            "tolerance": {"rtol": 1e-5, "atol": 0},
            "trust": {"scaler": True, "code": True},
            "fail_on": "warn",
            "timeout": 9,
            "total_timeout": 90,
            "memory_limit": 1.5,
            "isolation": "off",
            "color": "never",
            "debug": True,
        }
    )
    assert stage.line == f"kcheck {line}"


def test_the_model_may_come_from_the_file(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "kcheck.yaml").write_text("model: m.keras\ntolerance: exact\n", encoding="utf-8")
    assert main(["run", "--config", str(tmp_path / "kcheck.yaml")]) == 0
    assert stage.settings == load_settings({"model": str(tmp_path / "m.keras"), "exact": True}, {})


def test_the_environment_counts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCHECK_ROWS", "7")
    assert main(["run", "m.keras"]) == 0
    assert stage.settings is not None
    assert stage.settings.rows == 7


# -- the report goes out
# ---


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_is_the_reports_and_stdout_holds_it_alone(
    code: int, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.outcome = code
    assert main(["run", "m.keras", "--color", "always"]) == code
    assert capsys.readouterr() == ("the report ✓\n", "")
    assert stage.look[:2] == (code, "terminal")
    assert stage.look[2] == {
        "width": stage.look[2]["width"],
        "color": True,
        "ascii_only": False,
        "amount": "usual",
    }  # type: ignore[index]


def test_the_report_goes_to_a_file(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage.outcome = 1
    assert main(["run", "m.keras", "--output", str(tmp_path / "r.txt")]) == 1
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == "the report ✓\n"


@pytest.mark.parametrize(("outcome", "code"), [(0, 3), (1, 1), (3, 3)])
def test_a_bundle_that_cannot_be_written_never_hides_the_verdict(
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: int,
    code: int,
) -> None:
    def write_bundle(path: Path, report: SimpleNamespace, settings: Settings) -> None:
        raise NoVerdictError(f"cannot write the bundle to {path.name}: No space left on device")

    bundling = ModuleType("bundling")
    vars(bundling).update({"check_bundle": lambda path: None, "write_bundle": write_bundle})
    monkeypatch.setitem(sys.modules, "keras_consistency_cli.reporting.bundle", bundling)
    stage.outcome = outcome
    assert main(["run", "m.keras", "--bundle", str(tmp_path / "b")]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (
        "the report ✓\n",
        "kcheck: cannot write the bundle to b: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("flag", "variable", "named"),
    [("a.yaml", None, "a.yaml"), (None, "b.yaml", "b.yaml"), (None, None, None)],
)
def test_the_pipeline_is_told_which_yaml_file_was_read(
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flag: str | None,
    variable: str | None,
    named: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("rows: 5\n", encoding="utf-8")
    if variable:
        monkeypatch.setenv("KCHECK_CONFIG", variable)
    assert main(["run", "m.keras", *(["--config", flag] if flag else [])]) == 0
    assert stage.config == (Path(named) if named else None)


def test_an_output_that_cannot_be_is_refused_before_anything_runs(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.keras"
    model.write_bytes(b"precious")
    assert main(["run", str(model), "--output", str(model)]) == 2
    assert main(["run", str(model), "--output", str(tmp_path / "none" / "r.txt")]) == 2
    assert stage.settings is None
    assert model.read_bytes() == b"precious"
    assert [line[:18] for line in capsys.readouterr().err.splitlines() if line.startswith("kcheck")] == [
        "kcheck: --output /"
    ] * 2


def test_a_full_disk_is_no_verdict() -> None:
    done = command("run", "m.keras", "--output", "/dev/full", body="pass")
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "kcheck: cannot write the report to /dev/full: No space left on device\n",
    )
    done = command("run", "m.keras", body="pass", shell=">/dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "kcheck: cannot write to standard output: No space left on device\n",
    )


@pytest.mark.parametrize("shell", [">&-", "| true", "| head -1 >/dev/null", "<&- >&-"])
@pytest.mark.parametrize("lines", ["2", "20000"])
def test_a_reader_that_leaves_changes_no_verdict(shell: str, lines: str) -> None:
    done = command("run", "m.keras", "--rows", lines, body="import time; time.sleep(0.2)", shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_help_and_version_without_a_reader_end_quietly(arguments: tuple[str, ...]) -> None:
    assert command(*arguments, shell=">&-").stderr == ""
    assert command(*arguments, shell=">&- 2>&-").stderr == ""
    assert command(*arguments, shell=">/dev/full").returncode == 3


# -- failures
# ---


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("m.keras: not a zip", fix="save it again"), 1),
        (DataError("zero rows", expected="one"), 2),
        (NoVerdictError("the worker died"), 3),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a\x1b[31m"), 3),
        (MemoryError(), 3),
    ],
)
def test_a_failure_has_a_few_lines(
    error: BaseException,
    code: int,
    wording: SnapshotAssertion,
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage.outcome = error
    assert main(["run", "m.keras"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == wording


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_debug_shows_the_traceback(
    how: str,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage.outcome = ZeroDivisionError("secret")
    (tmp_path / "kcheck.yaml").write_text(f"debug: {str(how == 'file').lower()}\n", encoding="utf-8")
    monkeypatch.setenv("KCHECK_CONFIG", str(tmp_path / "kcheck.yaml"))
    if how == "variable":
        monkeypatch.setenv("KCHECK_DEBUG", "true")
    assert main(["run", "m.keras", *(["--debug"] if how == "flag" else [])]) == 3
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("kcheck: internal error: ZeroDivisionError: secret\n")


@pytest.mark.parametrize(
    ("number", "code"),
    [("SIGTERM", 143), ("SIGINT", 130)],
)
def test_signals_clean_up_and_have_their_codes(
    number: str, code: int, wording: SnapshotAssertion, tmp_path: Path
) -> None:
    trace = tmp_path / "cleaned"
    body = (
        f"try:\n    os.kill(os.getpid(), signal.{number}); signal.pause()\nfinally:\n    "
        f"open({str(trace)!r}, 'w').close()"
    )
    done = command("run", "m.keras", body=body)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == wording
    assert trace.exists()


def test_the_callers_own_handler_is_back_afterwards(stage: Stage) -> None:
    before = signal.getsignal(signal.SIGTERM)
    main(["run", "m.keras"])
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "m.keras", "--row", "3"),
        ("run", "m.keras", "--batchsize=3"),
        ("run", "m.keras", "--\x1b[1m"),
        ("run", "m.keras", "--rows"),
        ("run", "m.keras", "more"),
        ("rnu", "m.keras"),
        (),
        ("explain",),
    ],
)
def test_errors_of_the_parser_have_two_lines(arguments: tuple[str, ...], wording: SnapshotAssertion) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"\n        see 'kcheck[a-z ]* --help'\n$", done.stderr)
    assert done.stderr == wording


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (("run",), {}),
        (("run", "m.keras", "--rows", "0"), {}),
        (("run", "m.keras", "--rtol", "1"), {}),
        (("run", "m.keras", "--config", "none.yaml"), {}),
        (("run", "m.keras"), {"KCHECK_FORMAT": "xml"}),
        (("run", "m.keras"), {"KCHECK_ROW": "1"}),
    ],
)
def test_wrong_settings_end_before_anything_runs(
    arguments: tuple[str, ...], env: dict[str, str], wording: SnapshotAssertion
) -> None:
    done = command(*arguments, body="raise AssertionError('it ran')", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == wording


# -- the small commands
# ---


def test_list_shows_code_name_and_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert [line.split(maxsplit=2) for line in shown.out.splitlines()] == [
        [check.code, check.name, check.title] for check in CHECKS
    ]


@pytest.mark.parametrize(
    ("topic", "title"),
    [
        ("KC701", "KC701 finite: "),
        (" Finite", "KC701 finite: "),
        ("hidden-state", "hidden-state: a layer keeps"),
        ("Hidden-State", "hidden-state: "),
    ],
)
def test_explain_knows_codes_names_and_causes(
    topic: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", topic]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(title)
    assert shown.err == ""


@pytest.mark.parametrize(
    ("topic", "hint"), [("kc107", "KC10"), ("finit", "finite"), ("hidden-stat", "hidden-state")]
)
def test_explain_suggests(
    topic: str, hint: str, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    assert main(["explain", topic]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert hint in shown.err
    assert shown.err == wording


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"kcheck {__version__}\n", "")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_of_every_command_is_light(name: str) -> None:
    probe = (
        f"import sys\nfrom keras_consistency_cli.cli.main import main\ncode = main(['{name}', '--help'])\n"
    )
    probe += f"print([name for name in {HEAVY} if name in sys.modules], code)"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert f"Usage: kcheck {name}" in done.stdout


def test_help_is_light() -> None:
    probe = "import sys\nfrom keras_consistency_cli.cli.main import main\ncode = main(['--help'])\n"
    probe += f"print([name for name in {HEAVY} if name in sys.modules], code)"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert re.search(r"^  explain +Explain a check, a cause or a rule\.$", done.stdout, re.MULTILINE)
    assert "..." not in done.stdout.partition("Commands:")[2]


def test_a_refusal_is_json_where_json_is_asked_for(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.outcome = RefusedError("m.keras is damaged", expected="an archive", fix="save it again")
    assert main(["run", "m.keras", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "schema": "kcheck.report/1",
        "kcheck": __version__,
        "verdict": "inconsistent",
        "exit_code": 1,
        "model": "m.keras",
        "error": {"message": "m.keras is damaged", "expected": "an archive", "to_mend": "save it again"},
        "results": [],
        "diagnoses": [],
    }


def test_every_report_goes_to_its_place(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.outcome = 1
    files = [tmp_path / "r.xml", tmp_path / "r.html", tmp_path / "r.json"]
    line = [
        "run",
        "m.keras",
        "--format",
        f"junit={files[0]}",
        "--format",
        f"html={files[1]}",
        "--format",
        "terminal",
        "--output",
        str(files[2]),
    ]
    assert main(line) == 1
    assert capsys.readouterr() == ("", "")
    assert [path.read_text(encoding="utf-8") for path in files] == ["the report ✓\n"] * 3
    assert main(line[:-2]) == 1
    assert capsys.readouterr() == ("the report ✓\n", "")


def test_the_summary_of_a_step_is_added_to_and_every_other_file_replaced(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, other = tmp_path / "summary.md", tmp_path / "other.md"
    for path in (summary, other):
        path.write_text("# Build\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main(["run", "m.keras", "--format", f"markdown={summary}", "--format", f"html={other}"]) == 0
    assert (summary.read_text(encoding="utf-8"), other.read_text(encoding="utf-8")) == (
        "# Build\nthe report ✓\n",
        "the report ✓\n",
    )


def test_one_report_that_cannot_be_written_keeps_no_other_from_it(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "run",
        "m.keras",
        "--format",
        "junit=/dev/full",
        "--format",
        f"html={tmp_path / 'r.html'}",
        "--format",
        "json",
    ]
    assert main(line) == 3
    assert capsys.readouterr() == (
        "the report ✓\n",
        "kcheck: cannot write the report to /dev/full: No space left on device\n",
    )
    assert (tmp_path / "r.html").exists()


@pytest.mark.parametrize("taken", ["m.keras", "kcheck.yaml", "serve.py"])
def test_no_report_overwrites_what_the_run_reads(
    taken: str,
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wording: SnapshotAssertion,
) -> None:
    for name in ("m.keras", "serve.py"):
        (tmp_path / name).write_text("precious")
    (tmp_path / "kcheck.yaml").write_text("model: m.keras\npreprocess: serve.py:f\n")
    assert (
        main(["run", "--config", str(tmp_path / "kcheck.yaml"), "--format", f"html={tmp_path / taken}"]) == 2
    )
    assert stage.settings is None
    assert capsys.readouterr().err.replace(str(tmp_path), "FOLDER") == wording


def test_a_refusal_is_told_in_every_form_that_machines_read(stage: Stage, tmp_path: Path) -> None:
    stage.outcome = RefusedError("m.keras is damaged")
    forms = ("junit", "sarif", "github", "markdown", "html")
    assert (
        main(
            [
                "run",
                "m.keras",
                *(word for form in forms for word in ("--format", f"{form}={tmp_path / form}")),
            ]
        )
        == 1
    )
    assert ["m.keras is damaged" in (tmp_path / form).read_text(encoding="utf-8") for form in forms] == [
        True
    ] * 5


@pytest.mark.parametrize(
    ("form", "short"), [("terminal", True), ("concise", True), ("json", False), ("github", False)]
)
def test_a_refusal_is_told_once_in_a_terminal(
    form: str, short: bool, stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.outcome = RefusedError("m.keras: no zip", fix="save it again", cause="file-damaged")
    full = "kcheck: m.keras: no zip\n        fix: save it again\n"
    assert main(["run", "m.keras", "--format", form]) == 1
    shown = capsys.readouterr()
    assert "file-damaged" in shown.out
    assert (shown.err == full, shown.err.count("\n") == 1, "file-damaged" in shown.err) == (
        not short,
        short,
        short,
    )
    assert main(["run", "m.keras", "--format", form, "--output", str(tmp_path / "report")]) == 1
    assert capsys.readouterr() == ("", full)


def test_a_mistake_in_the_call_leaves_stdout_empty_even_for_json(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.outcome = UsageError("no such file")
    assert main(["run", "m.keras", "--format", "json"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kcheck rec", ["recheck"]),
        ("kcheck run --sel", ["--select"]),
        ("kcheck run --select KC20", ["KC201", "KC202", "KC203", "KC204", "KC205", "KC206"]),
        ("kcheck run --ignore KC101,fin", ["KC101,finite"]),
        ("kcheck run --format ju", ["junit"]),
        ("kcheck run --fail-on w", ["warn"]),
        ("kcheck compare one", ["one-by-one", "one-by-one-float64", "one-thread"]),
        ("kcheck baseline v", ["verify"]),
        ("kcheck schema c", ["config"]),
        ("kcheck explain scaler-re", ["scaler-reuse-vs-refit", "scaler-refit"]),
    ],
)
def test_a_shell_is_told_how_a_line_could_go_on(words: str, offered: list[str]) -> None:
    done = command(
        env={
            "_KCHECK_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, offered, "")


def test_completion_can_be_shown() -> None:
    # Which shell it is for is found out by looking at the parents of the process, and a test may have none
    # that is a shell.
    done = command("--show-completion", "bash", env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert done.returncode == 0
    assert "_KCHECK_COMPLETE=complete_bash" in done.stdout


@pytest.mark.parametrize("word", ["model.keras.bak", "runs/model"])
def test_a_path_that_does_not_exist_is_no_unknown_command(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word, "--data", "x.npy"]) == 2
    assert f"{word}: there is no such file" in capsys.readouterr().err
