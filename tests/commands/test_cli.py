"""The command line as a user meets it: what it makes, what it says, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from kit.refusal import fails
from kit.tiny import command, tiny
from saddlepoint.cli import main
from saddlepoint.data.folder import Folder
from saddlepoint.options import described, start_of
from saddlepoint.recipes import RECIPES


@pytest.fixture(scope="module")
def images_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "digits"
    sp.train(tiny("dcgan"), out, quiet=True)
    return out


@pytest.fixture(scope="module")
def points_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "ring"
    sp.train(tiny("gan", data="ring"), out, quiet=True)
    return out


def test_train_resume_sample_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    done = command("train", "gan", "--steps", "60", "--batch-size", "32", "--out", run)
    assert done.returncode == 0, done.stderr
    assert f"saddlepoint resume {run}" in done.stdout
    assert "step 50/60" in done.stderr
    assert "critic/score_fake" in done.stderr
    # the others in this process, which need not start anew
    main(["resume", run, "--steps", "100"])
    said = capsys.readouterr()
    assert "100 steps are done" in said.out
    assert "step 100/100" in said.err, "progress reaches the terminal from `resume` too"
    main(["sample", run, "--n", "4", "--out", str(tmp_path / "grid.png")])
    assert Image.open(tmp_path / "grid.png").size[0] > 50
    main(["report", run])
    page = (tmp_path / "run/report.html").read_text()
    assert "gan on digits" in page
    assert "<!doctype html>" in page.lower()


def test_the_same_description_in_python_and_on_the_command_line() -> None:
    words = ["--data", "fashion-mnist", "--seed", "1", "--learner.critic-steps", "3"]
    run, _ = described(start_of("dcgan"), words, "test")
    expected = sp.recipes.dcgan(data="fashion-mnist", seed=1)
    assert run == expected.replace(learner=expected.learner.replace(critic_steps=3))
    assert sp.Run.model_validate_json(str(run)) == run


def test_every_option_is_reachable_by_its_dotted_name(tmp_path: Path) -> None:
    words = ["--training.log-every", "7", "--learner.generator.width", "8"]
    words += ["--learner.critic-optimiser.learning-rate", "cosine:1e-3:0", "--data.flip"]
    words += ["--training.best.scalar", "critic/loss", "--data.split.test", "0.2"]
    run, common = described(start_of("dcgan"), [*words, "--out", str(tmp_path)], "test")
    assert run.training.log_every == 7
    assert run.learner.generator.width == 8
    assert run.learner.critic.width == 128
    assert run.learner.critic_optimiser.learning_rate.end == 0
    assert run.data.flip
    assert run.data.split.test == 0.2
    assert run.training.best.scalar == "critic/loss"
    assert common.out == tmp_path


def test_dynamics_are_a_short_option(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--dynamics", "consensus", "--training.dynamics.strength", "0.3"]
    run, _ = described(start_of("gan"), words, "test")
    assert run.training.dynamics.kind == "consensus"
    assert run.training.dynamics.strength == 0.3
    assert "invalid choice: 'extra'" in fails(capsys, "train", "gan", "--dynamics", "extra")


def test_folder_options(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "--data.size", "24", "32", "--strict"]
    run, _ = described(start_of("dcgan"), words, "test")
    assert isinstance(run.data, Folder)
    assert run.data.size == (24, 32)
    assert run.data.strict


def test_a_run_file_is_a_description(images_run: Path, tmp_path: Path) -> None:
    for target in (images_run / "run.json", images_run):
        run, _ = described(start_of(str(target)), ["--seed", "4", "--steps", "9"], "test")
        assert run.seed == 4
        assert run.training.steps == 9
        assert run.learner == tiny("dcgan").learner
    bare = tmp_path / "mine.json"
    bare.write_text(str(tiny("vae")))
    assert described(start_of(str(bare)), [], "test")[0] == tiny("vae")


def test_recipes_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["recipes"])
    first = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    listed = [word for word in first if word]
    assert listed[0] == "recipe"
    assert sorted(listed[1:]) == sorted(RECIPES)
    years = [RECIPES[name].facts.year or 9999 for name in listed[1:]]
    assert years == sorted(years)
    main(["recipes", "dcgan"])
    printed = capsys.readouterr().out
    assert sp.Run.model_validate_json(printed) == sp.recipes.dcgan()


@pytest.mark.parametrize("name", RECIPES)
def test_help_shows_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", name, "--help", "--all"])
    said = capsys.readouterr().out
    for option in ("--data", "--out", "--seed", "--steps", "--batch-size", "--device"):
        assert option in said
    assert "--training.checkpoint-every" in said
    assert "--learner." in said


def test_samples_as_grid_array_and_folder(images_run: Path, tmp_path: Path) -> None:
    for out in ("grid.png", "a.npz", "a.npy", "pictures"):
        main(["sample", str(images_run), "--n", "5", "--seed", "7", "--out", str(tmp_path / out)])
    expected = sp.load(images_run).sample(5, seed=7).numpy()
    expected = np.rint(expected * 127.5 + 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    assert np.array_equal(np.load(tmp_path / "a.npz")["x"], expected)
    assert np.array_equal(np.load(tmp_path / "a.npy"), expected)
    names = sorted(path.name for path in (tmp_path / "pictures").glob("*.png"))
    assert names == [f"{i:05d}.png" for i in range(5)]
    for index, name in enumerate(names):
        single = np.asarray(Image.open(tmp_path / "pictures" / name).convert("L"))
        assert np.array_equal(single, expected[index, :, :, 0])
    # what was sampled can be trained on
    sp.train(tiny("gan", data=tmp_path / "a.npz", batch_size=2), tmp_path / "again", quiet=True)


def test_points_are_drawn_and_stored(points_run: Path, tmp_path: Path) -> None:
    main(["sample", str(points_run), "--n", "50", "--out", str(tmp_path / "points.npz")])
    assert np.load(tmp_path / "points.npz")["x"].shape == (50, 2)
    main(["sample", str(points_run), "--n", "50", "--out", str(tmp_path / "points.png")])
    assert Image.open(tmp_path / "points.png").size[0] > 100


def test_mistakes_get_one_sentence_and_code_2(
    images_run: Path, points_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file.txt").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "odd.json").write_text('{"learner": {"kind": "adverserial"}}')
    (tmp_path / "key.json").write_text('{"sede": 3}')
    run, points = str(images_run), str(points_run)
    for words, expected in [
        (["trian"], "Did you mean 'train'?"),
        (["train", "dcgn"], "Did you mean 'dcgan'?"),
        (["train", "--steps", "3"], "name a recipe or a run.json before the options"),
        (["train", "dcgan", "--stpes", "3"], "Did you mean '--steps'?"),
        (["train", "dcgan", "--training.log-evry", "3"], "Did you mean '--training.log-every'?"),
        (["train", "dcgan", "--steps", "many"], "invalid int value: 'many'"),
        (["train", "dcgan", "--steps", "0"], "greater than or equal to 1"),
        (["train", "dcgan", "--learner.latent", "-1"], "greater than or equal to 0"),
        (["train", "dcgan", "--learner.latent", "x"], "'x' is no whole number"),
        (["train", "gan", "--objective", "minmax"], "Did you mean 'minimax'?"),
        (["train", "dcgan", "--data", "fashion"], "Did you mean 'fashion-mnist'?"),
        (["train", "dcgan", "--data", "/nowhere/at/all"], "neither an existing path"),
        (["train", "dcgan", "--data", str(tmp_path / "notes.txt")], "neither .npz nor .npy"),
        (["train", "dcgan", "--device", "cuda:7"], "no device 'cuda:7' here"),
        (["train", "dcgan", "--device", "gpu"], "'gpu' is not a device"),
        (["train", "dcgan", "--batch-size", "5000"], "larger than the 1437 training examples"),
        (["train", "dcgan", "--batch-size", "1"], "greater than or equal to 2"),
        (["train", "dcgan", "--data", "ring"], "needs images"),
        (["train", "vae", "--likelihood", "bernoulli", "--data", "ring"], "needs images"),
        (["train", "vae", "--likelihood", "poisson"], "choose from"),
        (["train", "dcgan", "--strict"], "--strict is for image folders"),
        (["train", "dcgan", "--out", run], "holds a run already"),
        (["train", "dcgan", "--out", str(tmp_path / "other")], "not an empty folder"),
        (["train", str(tmp_path / "none.json")], "does not exist"),
        (["train", str(tmp_path / "photos")], "does not exist: name a folder or .zip of images"),
        (["train", "dcgam"], "Did you mean 'dcgan'?"),
        (["train", str(tmp_path / "bad.json")], "no valid JSON"),
        (["train", str(tmp_path / "odd.json")], "adversarial"),
        (["train", str(tmp_path / "key.json")], "Did you mean 'seed'?"),
        (["resume", str(tmp_path / "nowhere")], "is no run: it does not exist"),
        (["resume", str(tmp_path / "other")], "is no run: it holds no run.json"),
        (["resume"], "required"),
        (["resume", run, "--stepps", "3"], "--steps"),
        (["report", str(tmp_path / "other")], "is no run"),
        (["sample", run, "--n", "0"], "at least 1"),
        (["sample", run, "--seed", "-1"], "out of range"),
        (["sample", run, "--checkpoint", "lastest"], "Did you mean 'latest'?"),
        (["sample", run, "--checkpoint", "5"], "no checkpoint of step 5"),
        (["sample", run, "--out", "grid.jpg"], "end it in .png, .npz or .npy"),
        (["sample", points, "--out", str(tmp_path / "folder")], "samples are vectors"),
        (["completion", "fish"], "bash|zsh|tcsh"),
    ]:
        said = fails(capsys, *words)
        assert expected in said, f"{' '.join(words)}: {said}"


def test_bad_data_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.zeros((20, 8, 8, 1), dtype=np.float32)
    values[3, 2, 1, 0] = np.nan
    np.save(tmp_path / "nan.npy", values)
    said = fails(
        capsys, "train", "gan", "--data", str(tmp_path / "nan.npy"), "--out", str(tmp_path / "run")
    )
    assert "NaN" in said or "nan" in said
    assert not (tmp_path / "run").exists()


def test_an_unwritable_place_is_code_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("train", "gan", "--steps", "2", "--out", str(tmp_path / "file/run"))
    assert done.returncode == 3, done.stderr
    assert "cannot make the folder" in done.stderr


def test_run_json_holds_given_and_resolved(images_run: Path) -> None:
    stored = json.loads((images_run / "run.json").read_text())
    assert sp.Run.model_validate(stored["given"]) == tiny("dcgan")
    resolved = stored["resolved"]
    assert resolved["batch_size"] == 16
    assert resolved["device"] == "cpu"
    assert resolved["precision"] in ("float32", "bfloat16")
    assert set(resolved["versions"]) == {"saddlepoint", "torch", "numpy", "python"}
    assert len(resolved["data"]["fingerprint"]) == 64
    counts = resolved["parameters"]
    learner = sp.load(images_run).learner
    assert counts == {
        name: sum(p.numel() for p in player.parameters())
        for name, player in learner.players.items()
    }


def test_the_default_place_is_the_next_free_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        result = sp.train(tiny("gan", 3), quiet=True)
        assert result.folder == Path(f"runs/gan-digits-{number}")
        assert (tmp_path / result.folder / "run.json").exists()
