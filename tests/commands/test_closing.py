"""What ``train FOLDER`` says at its end: how good, what next, which commands."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from kit.pictures import smooth_pictures
from saddlepoint.cli import main
from saddlepoint.commands.closing import close
from saddlepoint.run.description import NAME, read_run
from saddlepoint.training.record import read_record

WORDS = ["--width", "4", "--batch-size", "8", "--validate", "none"]


def folder(at: Path, n: int) -> Path:
    at.mkdir()
    for number, image in enumerate(smooth_pictures(n, side=16)):
        Image.fromarray(np.moveaxis(image, 0, -1).squeeze()).save(at / f"{number}.png")
    return at


def said_in_order(text: str, *parts: str) -> None:
    at = [text.index(part) for part in parts]
    assert at == sorted(at)


def test_a_run_too_small_to_be_scored_ends_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    main(["train", str(folder(tmp_path / "few", 30)), "--steps", "3", *WORDS, "--out", str(out)])
    said = capsys.readouterr().out
    said_in_order(
        said, "3 steps are done", "step-00000003.png", "No scores", "Next:", "sample ", "go on"
    )
    assert "Traceback" not in said
    assert not list((out / "evaluations").glob("*.json"))
    main(["resume", str(out), "--steps", "4", "--quiet"])
    said_in_order(capsys.readouterr().out, "4 steps are done", "No scores", "Next:")


@pytest.mark.slow
def test_a_run_is_scored_and_its_evaluation_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    main(["train", str(folder(tmp_path / "some", 200)), "--steps", "8", *WORDS, "--out", str(out)])
    said = capsys.readouterr().out
    said_in_order(said, "Realistic?", "Diverse?", "Copies?", "Next:", "--other-data", "--init")
    wrapped = [line for line in said.splitlines() if str(tmp_path) not in line]
    assert max(map(len, wrapped)) <= 80
    (kept,) = (out / "evaluations").glob("*.json")
    assert kept.stat().st_size


@pytest.mark.parametrize(
    "words",
    [
        ["--network", "r3", "--width", "16"],
        ["--conditional", "--data.label-level", "2", "--width", "6"],
        # what the recipe's options cannot say
        ["--width", "4", "--learner.latent", "12", "--learner.critic.width", "6"],
        ["--width", "4", "--conditional", "--learner.latent", "12", "--data.label-level", "2"],
    ],
)
def test_the_commands_for_more_images_train_the_networks_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A larger folder: resumed by further steps, and anew with all weights that were learnt."""
    few, more = tmp_path / "few", tmp_path / "more"
    for place, n in ((few, 30), (more, 36)):
        place.mkdir()
        for kind in ("a", "b"):
            (place / "all").mkdir(exist_ok=True)
            folder(place / "all" / kind, n // 2)
    out = tmp_path / "run"
    given = [*words, "--batch-size", "8", "--data.size", "16"]
    main(["train", str(few), "--steps", "2", *given, "--out", str(out), "--quiet"])
    commands = [line for line in capsys.readouterr().out.splitlines() if "LARGER" in line]
    resumed, anew = (
        shlex.split(line.partition("saddlepoint ")[2].replace("LARGER", str(more)))
        for line in commands
    )
    main([*resumed, "--quiet"])
    assert "4 steps are done" in capsys.readouterr().out
    main([*anew, "--steps", "1", "--batch-size", "8", "--out", str(tmp_path / "anew"), "--quiet"])
    first, second = (read_run(each / NAME) for each in (out, tmp_path / "anew"))
    assert second.learner.generator == first.learner.generator
    assert second.learner.classes == first.learner.classes
    for name in ("size", "channels", "labels", "label_level"):
        assert getattr(second.data, name) == getattr(first.data, name)
    (begun,) = [each for each in read_record(tmp_path / "anew").events if each["event"] == "start"]
    assert "started from" in begun["detail"]
    assert "not taken" not in begun["detail"]


def test_a_learner_of_another_kind_ends_with_a_verdict_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--steps", "2", "--learner", "variational", "--batch-size", "8", "--quiet"]
    main(["train", str(folder(tmp_path / "few", 30)), *words, "--out", str(tmp_path / "run")])
    said = capsys.readouterr().out
    said_in_order(said, "2 steps are done", "No scores", "Next:", "run.json --data LARGER")
    assert "--augment" not in said


def test_other_recipes_end_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "gan", "--steps", "2", "--batch-size", "8", "--out", str(tmp_path / "run")])
    assert "Next:" not in capsys.readouterr().out


def test_a_plan_names_the_options_that_advice_may_give(tmp_path: Path) -> None:
    run = sp.recipes.image(folder(tmp_path / "few", 30), width=4, batch_size=8, steps=2)
    sp.train(run, tmp_path / "run", quiet=True)
    from saddlepoint.commands.closing import _options

    assert _options(run, None) == {"wider": "--width 8", "augment": "--augment adaptive"}
    sized = run.replace(data=run.data.replace(size=16))
    assert _options(sized, None)["larger"] == "--data.size 32"
    close(tmp_path / "run", 2, quiet=True)
