"""Broken input: a share of `benchmarks/fuzz.py`, and each of its findings once more."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint import cli
from saddlepoint.data import bounds
from saddlepoint.description import validated
from saddlepoint.errors import one_line
from saddlepoint.run.description import Run
from saddlepoint.training import checkpoint

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
Change = Callable[[dict[str, Any]], object]


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *words],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


def test_altered_descriptions_are_never_circular(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alterations went on inside the program's own list of values, which then held itself."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    cases = importlib.import_module("fuzz_cases")
    text = tiny("dcgan").model_dump_json()
    values = json.dumps(cases._JSON_MODEST)
    for seed in range(300):
        rng, whole = Random(seed), json.loads(text)
        for _ in range(8):
            cases._altered(rng, whole)
        json.dumps(whole)
    assert json.dumps(cases._JSON_MODEST) == values


@pytest.mark.slow
def test_a_share_of_the_cases_has_no_findings() -> None:
    done = fuzz("--cases", "1", "--seed", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-6:]]
    assert [row[0] for row in rows] == [
        *("words", "run-json", "images", "arrays", "archives", "checkpoints")
    ]
    assert all(row[1] == "1" and row[4] == "0" for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["words", "run-json", "images", "arrays", "archives"])
def test_a_larger_share(kind: str) -> None:
    done = fuzz("--kinds", kind, "--cases", "150", "--seed", "100")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("code", "said", "finding"),
    [
        (0, "", None),
        (2, "step 1\nsaddlepoint: no.\n", None),
        (1, "", "exit code 1"),
        (99, "Traceback (most recent call last):\n", "an exception escaped"),
        (2, "", "not one sentence"),
        (2, "saddlepoint: no.\nmore\n", "not one sentence"),
        (3, "saddlepoint: no.\nsaddlepoint: no.\n", "not one sentence"),
        (2, "saddlepoint: [Errno 2] no.\n", "only a programmer"),
        (0, "x.py:3: UserWarning: hm\n", "a warning"),
        (2, "saddlepoint: \x1b[31m.\n", "control characters"),
        (2, f"saddlepoint: {'a' * 2000}\n", "a sentence of"),
        (None, "", "took too long"),
    ],
)
def test_what_counts_as_a_finding(
    program: ModuleType, tmp_path: Path, code: int | None, said: str, finding: str | None
) -> None:
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "stderr").write_text(said)
    case = program.Case(["train"])
    outcome = program.judge(case, tmp_path, code, "it took too long")
    assert bool(outcome.findings) == (finding is not None)
    assert finding is None or any(finding in each for each in outcome.findings)
    (tmp_path / "tmp" / "left").write_text("x")
    (tmp_path / "work" / "x.part").write_text("x")
    more = program.judge(case, tmp_path, 0, "").findings
    assert any("temporary folder" in each for each in more)
    assert any("x.part" in each for each in more)


def test_cases_depend_on_seed_and_number_alone(program: ModuleType, tmp_path: Path) -> None:
    import random

    (tmp_path / "user").mkdir()
    cases = sys.modules["fuzz_cases"]
    words = [cases._words(random.Random("0:words:7"), tmp_path).words for _ in range(2)]
    others = [cases._words(random.Random(f"0:words:{n}"), tmp_path).words for n in range(9)]
    assert words[0] == words[1]
    assert len({tuple(each) for each in others}) > 5


# --- what was found ---


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("saddlepoint: ")
    return said[-1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    sp.train(tiny("gan", 8, data="ring"), folder, quiet=True)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "run"))


CHANGES: list[Change] = [
    lambda r: r.pop("device"),
    lambda r: r.pop("versions"),
    lambda r: r.pop("data"),
    lambda r: r.update(batch_size=-1),
    lambda r: r.update(batch_size="16"),
    lambda r: r.update(steps=None),
    lambda r: r.update(horizon=0),
    lambda r: r.update(threads=[1]),
    lambda r: r["data"].update(shape=[2, 2]),
    lambda r: r["data"].update(shape=[10**30]),
    lambda r: r["data"].update(shape=[]),
    lambda r: r["data"].update(counts={}),
    lambda r: r["data"].update(centre=[0.0]),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_damaged_record_of_what_a_run_came_to(
    run: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    whole = json.loads((run / "run.json").read_text())
    CHANGES[number](whole["resolved"])
    (run / "run.json").write_text(json.dumps(whole))
    for words in (["sample", str(run), "--out", str(run.parent / "x.npy")], ["resume", str(run)]):
        assert "run.json is damaged: " in refusal(capsys, *words)


@pytest.mark.parametrize("resolved", [None, [], "x", 3])
def test_a_record_of_another_type(
    run: Path, capsys: pytest.CaptureFixture[str], resolved: object
) -> None:
    whole = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(whole | {"resolved": resolved}))
    assert "run.json is damaged: " in refusal(capsys, "resume", str(run))


def test_files_that_are_nested_too_deep(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = "[" * 100_000
    with (run / "record.jsonl").open("a") as file:
        file.write(f"{deep}\n")
    newest = checkpoint.path_of(run, checkpoint.steps_of(run)[-1])
    (newest / "state.json").write_text(deep)
    (run / "checkpoints" / "best.json").write_text(deep)
    cli.main(["report", str(run)])
    cli.main(["resume", str(run), "--steps", "9"])
    assert newest.name in capsys.readouterr().err
    (run / "run.json").write_text(deep)
    assert "nested too deep" in refusal(capsys, "train", str(run / "run.json"))
    assert "nested too deep" in refusal(capsys, "sample", str(run))
    assert "cannot be read" in refusal(capsys, "report", str(run))


def test_sample_names_a_newer_checkpoint_that_is_damaged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, newest = checkpoint.steps_of(run)[-2:]
    path = checkpoint.path_of(run, newest) / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    cli.main(["sample", str(run), "--n", "3", "--out", str(run.parent / "x.npy")])
    said = capsys.readouterr().out
    assert f"step-{newest:08d} is truncated or was altered" in said
    assert f"Using the checkpoint of step {before}." in said
    assert sp.load(run).notes
    (checkpoint.path_of(run, newest) / "state.json").unlink()
    with pytest.raises(sp.BadInput, match=r"state\.json: No such file or directory\.$"):
        checkpoint.load(run, newest)


def test_a_checkpoint_that_the_description_does_not_fit(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = json.loads((run / "run.json").read_text())
    whole["given"]["learner"]["latent"] = 3
    (run / "run.json").write_text(json.dumps(whole))
    said = refusal(capsys, "sample", str(run), "--out", str(run.parent / "x.npy"))
    assert "does not belong to this description (size mismatch" in said


@pytest.mark.parametrize(
    "text", ["{}", '{"step": 4}', '{"step": true, "scalar": "x", "value": 1, "mode": "min"}', "[4]"]
)
def test_a_damaged_note_of_the_best_is_none(run: Path, text: str) -> None:
    (run / "checkpoints" / "best.json").write_text(text)
    assert checkpoint.read_best(run) is None
    assert sp.load(run).step == 8


def test_networks_that_cannot_be_held_are_refused_before_they_are_made() -> None:
    wide = tiny("gan", data="ring", generator={"hidden": (10**4, 10**9)})
    with pytest.raises(sp.BadInput, match=r"weights of the networks need at least .* TiB"):
        _built(wide)
    with pytest.raises(sp.BadInput, match=r"weights of the networks need"):
        _built(tiny("gan", data="ring", generator={"hidden": (10**30,)}))


def test_members_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "physical_memory", lambda: 2**20)
    run = tiny("gan", data="ring", generator={"hidden": (100, 100)})
    _built(run)
    with pytest.raises(sp.BadInput, match=r"or fewer seeds"):
        _built(run, tuple(range(10)))


def _built(run: Run, seed: int | tuple[int, ...] = 0) -> None:

    run.learner.learner(run.data.open().info, batch_size=16, seed=seed)


def test_what_training_needs_beside_the_weights_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny("gan", 1, data="ring", generator={"hidden": (300, 300)})
    monkeypatch.setattr(bounds, "physical_memory", lambda: 2**20)
    _built(run)
    with pytest.raises(sp.BadInput, match="the moments of their optimisers need"):
        sp.train(run, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


ALLOCATOR = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(ALLOCATOR)])
def test_memory_that_runs_out_is_one_sentence(
    error: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from saddlepoint.training.step import Stepper

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", fail)
        with pytest.raises(sp.RunStopped, match="use a smaller --batch-size"):
            sp.train(tiny("gan", data="ring"), tmp_path / "run", quiet=True)
    monkeypatch.setattr(cli, "dispatch", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main(["train"])
    assert caught.value.code == 3
    assert capsys.readouterr().err.startswith("saddlepoint: the memory of this machine")


def test_other_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(cli, "dispatch", fail)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        cli.main(["train"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("report", "a" * 5000), "a file could not be used (aaa"),
        (("compare", "a" * 5000, "b"), "File name too long"),
        (("evaluate", "~nosuchuser/x"), "a path begins with ~ and names no user here."),
        (("sample", "x", "--checkpoint", "²"), "use auto, latest, best or a step"),
        (("resume", "x", "--steps", "ü"), "--steps 'ü': it should be INT. See"),
        (("sample", "x", "--n", "x"), "--n: 'x' is no whole number. See"),
        (("lab", "mode-collapse", "--seeds", "0"), "--seeds 0: use 1 to 256."),
        (("lab", "mode-collapse", "--minutes", "nan"), "--minutes nan: use a number above 0."),
        (("\x1b[31m\nred",), r"'\x1b[31m\nred' is not a command"),
        (
            ("train", "gan", "--data", ".", "--data.size", "5000000"),
            "saddlepoint: data.size: an example of 5,000,000×5,000,000 has",
        ),
        (
            ("train", "gan", "--data", "ring", "--data.examples", "1000000000000"),
            "saddlepoint: data.examples: it should be less than or equal to 100000000.",
        ),
    ],
)
def test_mistakes_on_the_command_line(
    words: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(capsys, *words)
    assert sentence in said
    assert len(said) < 1300
    assert not list(tmp_path.iterdir())


def test_a_header_that_is_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((50, 3)))
    path.write_bytes(path.read_bytes().replace(b"False", b"Fblse", 1))
    said = refusal(capsys, "train", "gan", "--data", str(path), "--out", str(tmp_path / "run"))
    assert said == (f"saddlepoint: {path} cannot be read as .npz or .npy (its header is damaged).")


def test_long_values_are_shown_in_part() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    given = {"seed": deep, "seeds": "a" * 1000, **{f"k{n}": 1 for n in range(50)}}
    with pytest.raises(sp.BadInput) as caught:
        validated(Run, given)
    assert len(str(caught.value)) < 900
    assert str(caught.value).endswith("; and 47 more.")
    assert one_line("a\nb\x00é\u202e") == r"a\nb\x00é\u202e"


def test_names_and_texts_of_any_bytes(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    whole = json.loads((run / "run.json").read_text())
    whole["resolved"]["data"]["notes"] = ["\ud800"]
    (run / "run.json").write_text(json.dumps(whole))
    cli.main(["report", str(run)])
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", stdout)
    (run.parent / "a\udc80").mkdir()
    cli.main(["report", str(run), "--out", str(run.parent / "a\udc80" / "x.html")])
    stdout.flush()
    assert b"a\\udc80/x.html" in stdout.buffer.getvalue()  # type: ignore[attr-defined]
