"""From images to the description of a run, in Python and by ``train FOLDER``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from saddlepoint.cli import main
from saddlepoint.commands.planned import planned
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.conditioning import Projection
from saddlepoint.options import described, start_of
from saddlepoint.planning import plan as planning
from saddlepoint.planning import speed
from saddlepoint.run.description import NAME, read_run

A_STEP, A_VALIDATION = 0.05, 0.0  # seconds


@pytest.fixture(autouse=True)
def _a_known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "seconds_a_step", lambda *_: A_STEP)
    monkeypatch.setattr(planning, "seconds_a_validation", lambda *_: A_VALIDATION)
    monkeypatch.setattr(speed, "seconds_a_step", lambda *_: A_STEP)


def folder(at: Path, n: int = 60, size: tuple[int, int] = (20, 16), mode: str = "RGB") -> Path:
    """Pictures of noise in two sub-folders."""
    rng = np.random.default_rng(0)
    bands = len(Image.new(mode, (1, 1)).getbands())
    for number in range(n):
        kind = at / ("cats" if number % 3 else "dogs")
        kind.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (*size, bands), np.uint8).squeeze()
        Image.fromarray(pixels).save(kind / f"{number}.png")
    return at


def test_a_plan_is_a_run_that_its_own_words_repeat(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", size=(90, 70))
    chosen = sp.plan(photos, minutes=2)
    assert [each.subject for each in chosen.decisions] == [
        "size",
        "network",
        "augmentation",
        "reconstruction",
        "validation",
        "length",
    ]
    run = chosen.run
    assert run.recipe == "image"
    assert isinstance(run.data, Folder)
    assert run.data.size == 32  # at 64 samples are not usable in two minutes
    assert run.training.steps == round(120 / A_STEP)
    assert run.training.batch_size == 24  # of 48
    again, _ = described(start_of(str(photos)), chosen.words, "test")
    assert again == run
    assert sp.Run.model_validate_json(str(run)) == run


def test_what_is_given_is_not_chosen(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos")
    run = sp.plan(photos, steps=7, width=8, augment="none", reconstruct=True).run
    assert (run.training.steps, run.learner.generator.width) == (7, 8)
    assert run.learner.lenses == ()
    assert [each.word() for each in run.learner.auxiliaries] == ["self_reconstruction"]
    sized = sp.plan(sp.describe_data(photos, size=24))
    assert sized.run.data.size == 24
    assert "as asked" in sized.decisions[0].line


def test_reasons_name_the_threads_that_were_asked_for(tmp_path: Path) -> None:
    chosen = sp.plan(folder(tmp_path / "photos"), threads=3, device="cpu")
    network = next(each for each in chosen.decisions if each.subject == "network")
    assert "cpu, 3 threads" in network.line


@pytest.mark.parametrize(("n", "training"), [(200, 116), (303, 219)])
def test_of_few_images_enough_are_held_out_for_scores(
    tmp_path: Path, n: int, training: int
) -> None:
    chosen = sp.plan(folder(tmp_path / "photos", n=n, size=(12, 12)))
    counts = chosen.run.data.open().info.counts
    assert counts == {"train": training, "validation": 42, "test": 42}
    assert chosen.glance.counts == counts
    again, _ = described(start_of(str(tmp_path / "photos")), chosen.words, "test")
    assert again == chosen.run
    asked = sp.plan(sp.describe_data(tmp_path / "photos", split=Split(test=0.3)))
    assert asked.run.data.split == Split(test=0.3)


def test_sub_folders_are_classes_where_that_is_asked(tmp_path: Path) -> None:
    run = sp.plan(folder(tmp_path / "photos"), conditional=True).run
    assert run.data.labels
    assert isinstance(run.learner.classes, Projection)


def test_transparency_of_most_pictures_becomes_a_channel(tmp_path: Path) -> None:
    chosen = sp.plan(folder(tmp_path / "photos", mode="RGBA"))
    assert chosen.run.data.channels == 4
    assert "--data.channels 3" in str(chosen)
    assert chosen.glance.shape[0] == 4
    assert "put behind them" not in str(chosen)
    opaque = sp.plan(sp.describe_data(tmp_path / "photos", channels=3))
    assert opaque.run.data.channels == 3


def test_alpha_that_hides_nothing_is_no_transparency(tmp_path: Path) -> None:
    for number in range(40):
        image = Image.new("RGBA", (20, 16), (number, 0, 0, 255))
        image.putpixel((3, 3), (9, 200, number, 255))
        image.save(tmp_path / f"{number}.png")
    chosen = sp.plan(tmp_path)
    assert chosen.run.data.channels == "auto"
    assert "transparent" not in str(chosen)
    assert not any("transparency" in note for note in chosen.run.data.open().info.notes)


def test_a_test_set_of_the_data_is_counted_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "weights_file", lambda: Path("weights"))
    pixels = np.random.default_rng(0).integers(0, 256, (500, 8, 8), np.uint8)
    for train, counts in ((300, (258, 42, 200)), (100, (90, 10, 200))):
        file = tmp_path / f"{train}.npz"
        np.savez(file, x_train=pixels[:train], x_test=pixels[300:])
        chosen = sp.plan(file)
        there = chosen.run.data.open().info.counts
        assert tuple(there[split] for split in ("train", "validation", "test")) == counts
        assert chosen.glance.counts == there
        assert (chosen.run.training.validation.score == "kernel") == (counts[1] >= 40)
        assert "--data.split.test" not in str(chosen)
        assert "held out for the test" not in str(chosen)
        again, _ = described(start_of(str(file)), chosen.words, "test")
        assert again == chosen.run


def test_classes_are_refused_where_some_images_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(_: object) -> float:
        raise AssertionError("measured before it was refused")

    photos = folder(tmp_path / "photos", n=120)
    even = sp.plan(photos, conditional=True)
    assert "--conditional learns" not in str(even)
    Image.new("RGB", (20, 16)).save(photos / "loose.png")
    assert "once every image lies in one" in str(sp.plan(photos))
    monkeypatch.setattr(planning, "seconds_a_step", measured)
    with pytest.raises(BadInput, match=r"1 of 121 .* lie in no sub-folder"):
        sp.plan(photos, conditional=True)
    with pytest.raises(BadInput, match=r"121 of 121 .* lie in none of level 2"):
        sp.plan(sp.describe_data(photos, labels=True, label_level=2), conditional=True)
    pixels = np.zeros((50, 8, 8), np.uint8)
    with pytest.raises(BadInput, match="has none for some or all: add labels"):
        sp.plan(pixels, conditional=True)


def test_arrays_and_built_in_names_have_a_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 12, 12), np.uint8)
    for data in ("digits", pixels):
        assert "size" not in {each.subject for each in sp.plan(data).decisions}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 3, "steps": 5}, "both say how long"),
        ({"minutes": 0}, "use more than 0"),
        ({"minutes": float("nan")}, "use more than 0"),
        ({"augment": "much"}, "augment"),
        ({"depth": 3}, "depth"),
    ],
)
def test_what_makes_no_plan_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        sp.plan("digits", **options)  # type: ignore[arg-type]


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a generator needs 10 at least"):
        sp.plan(folder(tmp_path / "photos", n=8))
    with pytest.raises(BadInput, match="vectors"):
        sp.plan(np.random.default_rng(0).normal(size=(100, 2)))


def test_train_takes_a_folder_of_images_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder(tmp_path / "photos")
    words = ["--minutes", "0.001", "--width", "4", "--conditional", "--out", str(tmp_path / "run")]
    main(["train", str(photos), *words])
    said = capsys.readouterr().err
    assert "network: dcgan, 4 channels: as asked" in said
    assert "length: 1 step of 24 images" in said
    run = read_run(tmp_path / "run" / NAME)
    assert (run.recipe, run.training.steps, run.data.labels) == ("image", 1, True)
    # a description without a second look
    main(["train", str(tmp_path / "run" / NAME), "--out", str(tmp_path / "again"), "--quiet"])
    assert read_run(tmp_path / "again" / NAME) == run


def test_options_by_their_place_count_before_and_after_the_look(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", size=(90, 70))
    words = ["--data.size", "16", "--training.steps", "9", "--learner.latent", "12", "--quiet"]
    run, _, _ = planned(start_of(str(photos)), words, "test")
    assert (run.data.size, run.training.steps, run.learner.latent) == (16, 9, 12)


def test_what_is_measured_and_said_is_what_will_be_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[sp.Run] = []

    def seconds(run: sp.Run, at_once: int) -> float:
        assert at_once == 1
        measured.append(run)
        return A_STEP

    monkeypatch.setattr(planning, "seconds_a_step", seconds)
    start = start_of(str(folder(tmp_path / "photos")))
    by_place = ["--learner.critic-steps", "5", "--learner.generator.width", "128"]
    words = ["--minutes", "1", *by_place, "--learner.lenses", "pack", "--seeds", "3"]
    run, _, chosen = planned(start, words, "test")
    for each in (measured[-1], run):
        assert (each.learner.critic_steps, each.learner.generator.width) == (5, 128)
        assert [lens.word() for lens in each.learner.lenses] == ["pack"]
        assert each.seeds == 3
    assert measured[-1].learner == run.learner
    assert measured[-1].training.batch_size == run.training.batch_size
    said = " ".join(capsys.readouterr().err.split())
    assert "network: generator dcgan of 128 channels: as asked" in said
    assert "augmentation: lenses pack: as asked" in said
    assert "50 ms a step of 3 seeds" in said
    assert chosen.run == run
    with pytest.raises(BadInput, match="both say how long"):
        planned(start, ["--minutes", "1", "--training.steps", "5000"], "test")


def test_validations_are_counted_in_the_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "weights_file", lambda: Path("weights"))
    monkeypatch.setattr(planning, "seconds_a_validation", lambda *_: 2.0)
    photos = folder(tmp_path / "photos", n=200)
    training = sp.plan(photos, minutes=10).run.training
    assert (training.steps, training.checkpoint_every) == (11_000, 440)  # and 25 times 2 s
    words = ["--minutes", "10", "--training.checkpoint-every", "100", "--quiet"]
    training = planned(start_of(str(photos)), words, "test")[0].training
    assert training.checkpoint_every == 100
    assert 599 < 0.05 * training.steps + 2 * -(-training.steps // 100) <= 600.05
    # what was asked for may be the default
    words[3] = str(sp.recipes.image().training.checkpoint_every)
    chosen = planned(start_of(str(photos)), words, "test")[2]
    assert chosen.run.training.checkpoint_every == int(words[3])
    assert f"each of {-(-chosen.run.training.steps // int(words[3]))} validations" in str(chosen)


def test_a_validation_that_takes_too_long_is_left_out_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "weights_file", lambda: Path("weights"))
    monkeypatch.setattr(planning, "seconds_a_validation", lambda *_: 6.0)
    photos = folder(tmp_path / "photos", n=200)
    chosen = sp.plan(photos, minutes=0.4)
    assert chosen.run.training.validation.score == "none"
    assert chosen.run.training.steps == round(24 / A_STEP)
    assert "validation: none: one would take 6 s, more than a fifth of the time" in str(chosen)
    assert sp.plan(photos, minutes=0.6).run.training.validation.score == "kernel"
    words = ["--minutes", "0.4", "--validate", "kernel", "--quiet"]
    training = planned(start_of(str(photos)), words, "test")[0].training
    assert training.validation.score == "kernel"
    assert training.steps == round(0.8 * 24 / A_STEP)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--learner", "variational"], "network: the learner variational: as asked"),
        (["--training.averaging-half-life", "None"], "length: "),
        (["--training.validation.score", "none"], "network: dcgan, 32 channels"),
        (["--learner.lenses", "none"], "augmentation: lenses none: as asked"),
        (
            [
                "--learner.generator",
                "r3",
                "--learner.generator.widths",
                *["64", "64", "32", "16", "8"],
            ],
            "size: 64×64: half of the pictures have 90 pixels",
        ),
        (["--seeds", "2", "--at-once", "2"], "2 ms a step of 2 seeds"),
        (["--stop-when", "plateau"], "length: "),
        (["--dynamics", "simultaneous"], "length: "),
    ],
)
def test_options_of_any_kind_make_a_plan(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    from saddlepoint.training.stepwise import steps

    def seconds(run: sp.Run, _: int) -> float:
        for _ in steps(run.replace(seeds=1), every=1):
            return 0.001 * run.seeds
        raise AssertionError

    monkeypatch.setattr(planning, "seconds_a_step", seconds)
    photos = folder(tmp_path / "photos", n=200, size=(90, 100))
    start = start_of(str(photos))
    run, _, chosen = planned(start, [*words, "--batch-size", "4"], "test")
    assert said in " ".join(capsys.readouterr().err.split())
    assert described(start, [*chosen.words, *words, "--batch-size", "4"], "test")[0] == run


def test_a_validation_that_was_chosen_otherwise_is_not_announced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "weights_file", lambda: Path("weights"))
    photos = folder(tmp_path / "photos", n=200)
    run, _, _ = planned(start_of(str(photos)), ["--validate", "none"], "test")
    assert run.training.validation.score == "none"
    assert "validation: " not in capsys.readouterr().err
    run, _, _ = planned(start_of(str(photos)), ["--validate", "frechet"], "test")
    assert run.training.validation.score == "frechet"
    run, _, _ = planned(start_of(str(photos)), [], "test")
    assert run.training.validation.features == "efficientnet-lite0"
    assert "validation: kernel distance" in capsys.readouterr().err


def test_names_of_recipes_come_before_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "dcgan", n=3)
    start = start_of("dcgan")
    assert (start.recipe.__name__, start.images) == ("dcgan", False)  # type: ignore[union-attr]
    assert start_of("./dcgan").images


def test_a_folder_and_data_are_too_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = folder(tmp_path / "photos")
    with pytest.raises(SystemExit) as stop:
        main(["train", str(photos), "--data", "digits"])
    assert stop.value.code == 2
    assert "both name data" in capsys.readouterr().err


def test_a_place_that_is_taken_is_refused_before_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(_: object) -> float:
        raise AssertionError("measured before the place was looked at")

    monkeypatch.setattr(planning, "seconds_a_step", measured)
    monkeypatch.setattr(speed, "seconds_a_step", measured)
    photos = folder(tmp_path / "photos")
    for words in (["train", str(photos)], ["train", "gan", "--minutes", "1"]):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--out", str(photos)])
        assert stop.value.code == 2
        assert "is not an empty folder: choose another --out" in capsys.readouterr().err


def test_minutes_are_for_every_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    main(["train", "gan", "--minutes", "0.01", "--batch-size", "32", "--out", out])
    said = capsys.readouterr().err
    assert "--steps 12 repeats this" in said
    assert read_run(tmp_path / "run" / NAME).training.steps == 12
    with pytest.raises(SystemExit):
        main(["train", "gan", "--minutes", "1", "--steps", "3"])
    assert "both say how long" in capsys.readouterr().err
