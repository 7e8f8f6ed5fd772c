"""Runs that go on with data that grew, shrank or changed, because they were asked to."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.crash import Killed
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.data.folder import Folder
from saddlepoint.errors import BadInput
from saddlepoint.training import checkpoint, run_directory
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.record import read_record
from saddlepoint.training.step import Stepper
from saddlepoint.training.trained import load

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 255, (60, 8, 8, 3), dtype=np.uint8)


def folder(path: Path, pixels: np.ndarray) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(path / f"{index:02d}.png")


def archive(path: Path, pixels: np.ndarray) -> None:
    aside = path.with_name("aside")
    folder(aside, pixels)
    with zipfile.ZipFile(path, "w") as file:
        for each in sorted(aside.iterdir()):
            file.write(each, each.name)


def array(path: Path, pixels: np.ndarray) -> None:
    np.savez(path, x=pixels)


Source = tuple[str, Callable[[Path, np.ndarray], None], Callable[[Path], Any]]
SOURCES: dict[str, Source] = {
    "folder": ("photos", folder, lambda path: path),
    "streamed": ("photos", folder, lambda path: Folder(path=path, memory_gib=0)),
    "zip": ("photos.zip", archive, lambda path: path),
    "streamed zip": ("photos.zip", archive, lambda path: Folder(path=path, memory_gib=0)),
    "array": ("photos.npz", array, lambda path: path),
}


@pytest.fixture(params=SOURCES)
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, Any]:
    """A run of 12 steps on 40 images, where these are, and how they are stored."""
    name, store, describe = SOURCES[request.param]
    place = tmp_path / name
    store(place, PIXELS[:40])
    sp.train(tiny("gan", data=describe(place)), tmp_path / "run", quiet=True)
    return tmp_path / "run", place, store


@pytest.mark.parametrize("count", [60, 30])
def test_data_that_changed_are_refused_and_taken_on_if_asked(
    begun: tuple[Path, Path, Any], count: int
) -> None:
    run, place, store = begun
    store(place, PIXELS[:count])
    before = (run / "run.json").read_bytes()
    with pytest.raises(BadInput, match="--other-data") as error:
        sp.resume(run, steps=16, quiet=True)
    said = str(error.value)
    assert "40" in said, "the counts are named"
    assert str(count) in said
    assert (run / "run.json").read_bytes() == before
    assert sp.resume(run, steps=16, other_data=True, quiet=True).step == 16
    stored = run_directory.read(run)
    assert sum(stored.data.counts.values()) == count
    (earlier,) = stored.resolved["earlier_data"]
    assert earlier["until"] == 12
    assert earlier["data"] == json.loads(before)["resolved"]["data"]
    (event,) = [e for e in read_record(run).events if e["event"] == "data"]
    assert event["step"] == 12
    trains = {60: 48, 30: 24}[count]
    held = (count - trains) // 2
    assert event["detail"] == (
        f"from here on {count} ({trains} train, {held} validation, {held} test) examples instead "
        "of 40 (32 train, 4 validation, 4 test)"
    )
    # from now on these are its data, and those of before are refused
    assert sp.resume(run, steps=18, quiet=True).step == 18
    assert open_own_data(run).info == run_directory.read(run).data
    store(place, PIXELS[:40])
    with pytest.raises(BadInput, match="--other-data"):
        sp.resume(run, steps=20, quiet=True)


def test_a_changed_image_is_other_data_too(begun: tuple[Path, Path, Any]) -> None:
    run, place, store = begun
    other = PIXELS[:40].copy()
    other[7, 3, 3] ^= 1
    store(place, other)
    with pytest.raises(BadInput, match="--other-data"):
        sp.resume(run, steps=14, quiet=True)
    sp.resume(run, steps=14, other_data=True, quiet=True)
    (event,) = [e for e in read_record(run).events if e["event"] == "data"]
    assert event["detail"].startswith("from here on other data of the same number, 40 (")


def killed_after(stop: int, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """``sp.resume`` that is killed after so many steps."""
    original = Stepper.step

    def step(self: Stepper, number: int, progress: float) -> None:
        if number == stop:
            raise Killed
        original(self, number, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", step)
        with pytest.raises(Killed):
            sp.resume(**options)


def by_frequencies(run: sp.Run) -> sp.Run:
    """M2 with p(y) from its data, of which all labels are known."""
    learner = run.learner.replace(class_prior="frequencies")
    return run.replace(learner=learner, data=run.data.replace(labelled_in_batch=None))


@pytest.mark.parametrize("killed", [13, 17])
@pytest.mark.parametrize("recipe", ["gan", "cgan", "vae-m2"])
def test_from_there_on_a_resume_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, killed: int
) -> None:
    """Killed before or after the first checkpoint with the other data: the same bits."""
    labels = np.arange(60) % 3
    labels[40:] = 2  # other frequencies
    place = tmp_path / "x.npz"
    np.savez(place, x=PIXELS[:40, ..., 0], y=labels[:40])
    run = (
        tiny("vae-m2", data=place, labels=None) if recipe == "vae-m2" else tiny(recipe, data=place)
    )
    if recipe == "vae-m2":
        run = by_frequencies(run)
    sp.train(run, tmp_path / "whole", quiet=True)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    np.savez(place, x=PIXELS[..., 0], y=labels)
    sp.resume(tmp_path / "whole", steps=20, other_data=True, quiet=True)
    killed_after(killed, monkeypatch, where=tmp_path / "cut", steps=20, other_data=True, quiet=True)
    sp.resume(tmp_path / "cut", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 20), tensors(tmp_path / "cut", 20))


def test_frequencies_of_classes_are_those_of_the_data_as_they_are(tmp_path: Path) -> None:
    labels = np.arange(60) % 3
    labels[40:] = 2
    place = tmp_path / "x.npz"
    np.savez(place, x=PIXELS[:40, ..., 0], y=labels[:40])
    run = by_frequencies(tiny("vae-m2", data=place, labels=None))
    sp.train(run, tmp_path / "run", quiet=True)
    np.savez(place, x=PIXELS[..., 0], y=labels)
    sp.resume(tmp_path / "run", steps=14, other_data=True, quiet=True)
    model = load(tmp_path / "run", "latest")
    prior = model.learner.players["model"].get_buffer("log_prior").exp()
    counts = torch.tensor(model.data.class_counts, dtype=torch.float32)
    assert counts[2] > counts[0]
    assert torch.allclose(prior, counts / counts.sum())


def test_vectors_keep_the_units_in_which_the_networks_compute(tmp_path: Path) -> None:
    place = tmp_path / "points.npy"
    points = RANDOM.normal(size=(80, 2)).astype(np.float32)
    np.save(place, points)
    sp.train(tiny("gan", data=place), tmp_path / "run", quiet=True)
    before = run_directory.read(tmp_path / "run").data
    np.save(place, np.concatenate([points, 5 + 3 * points]))
    sp.resume(tmp_path / "run", steps=14, other_data=True, quiet=True)
    for now in (run_directory.read(tmp_path / "run").data, open_own_data(tmp_path / "run").info):
        assert (now.centre, now.scale) == (before.centre, before.scale)
        assert now.counts["train"] == 2 * before.counts["train"]


def test_other_data_may_lie_elsewhere_or_be_an_array_in_memory(tmp_path: Path) -> None:
    sp.train(tiny("gan", data=PIXELS[:40]), tmp_path / "run", quiet=True)
    sp.resume(tmp_path / "run", steps=14, data=PIXELS[:50], other_data=True, quiet=True)
    assert open_own_data(tmp_path / "run").info.counts["train"] == 40
    np.savez(tmp_path / "more.npz", x=PIXELS)
    words = ["resume", str(tmp_path / "run"), "--steps", "16", "--quiet", "--other-data"]
    main([*words, "--data", str(tmp_path / "more.npz")])
    stored = run_directory.read(tmp_path / "run")
    assert [each["until"] for each in stored.resolved["earlier_data"]] == [12, 14]
    assert stored.run.data.place == str(tmp_path / "more.npz")
    assert stored.resolved["earlier_data"][1]["place"] == str(tmp_path / "run/data.npz")
    (note,) = [note for note in stored.data.notes if note.startswith("Other data than at first")]
    assert "up to step 12 the run had 40 (" in note
    assert "up to step 14 the run had 50 (" in note


def test_what_does_not_fit_is_refused_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    run, place = tmp_path / "run", tmp_path / "x.npz"
    labels = np.arange(40) % 2
    np.savez(place, x=PIXELS[:40], y=labels)
    sp.train(tiny("gan", data=place), run, quiet=True)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    wrong = {
        "the shape is 3×16×8 instead of 3×8×8": (np.repeat(PIXELS[:40], 2, axis=1), labels),
        "there are 3 classes instead of 2": (PIXELS[:40], np.arange(40) % 3),
        "batch_size = 16 .*more than the": (PIXELS[:12], labels[:12]),
    }
    for sentence, (pixels, classes) in wrong.items():
        np.savez(place, x=pixels, y=classes)
        with pytest.raises(BadInput, match=sentence):
            sp.resume(run, steps=14, other_data=True, quiet=True)
    place.unlink()
    with pytest.raises(BadInput, match="are not at"):
        sp.resume(run, steps=14, other_data=True, quiet=True)
    now = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert now == before


def test_the_same_data_are_gone_on_with_as_ever(
    begun: tuple[Path, Path, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _, _ = begun
    before = run_directory.read(run)
    sp.resume(run, steps=14, other_data=True)
    assert "--other-data changed nothing" in capsys.readouterr().err
    after = run_directory.read(run)
    assert after.data == before.data
    assert "earlier_data" not in after.resolved


def test_the_best_checkpoint_is_chosen_anew(tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    more = RANDOM.integers(0, 255, (600, 8, 8, 1), dtype=np.uint8)
    np.savez(place, x=more[:500])
    options = {"score": "kernel", "features": "pixels", "samples": 40}
    sp.train(
        tiny("gan", data=place, training={"validation": options}), tmp_path / "run", quiet=True
    )
    best = tmp_path / "run/checkpoints/best.json"
    best.write_text(json.dumps(json.loads(best.read_text()) | {"value": -1e9}))
    np.savez(place, x=np.maximum(more, 230))  # which the generator is far from
    sp.resume(tmp_path / "run", steps=16, other_data=True, quiet=True)
    known = checkpoint.load(tmp_path / "run", 16).facts["validation"]
    assert known["since"] == 0
    assert known["best"] == read_record(tmp_path / "run").scalars["validation/kernel"][-1]
    chosen = checkpoint.read_best(tmp_path / "run")
    assert chosen is not None
    assert chosen["step"] == 16


def test_every_reader_is_told(tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    more = RANDOM.integers(0, 255, (600, 8, 8, 1), dtype=np.uint8)
    np.savez(place, x=more[:500])
    run = tmp_path / "run"
    sp.train(tiny("gan", data=place), run, quiet=True)
    np.savez(place, x=more)
    sp.resume(run, steps=16, other_data=True, quiet=True)
    evaluation = sp.evaluate(run, n=50, features="pixels", scores="kernel")
    assert "examples that are held out now may have been learnt from before" in str(evaluation)
    page = sp.build_report(run).read_text()
    assert "from here on 600 (480 train, 60 validation, 60 test) examples instead of 500" in page
    assert "Other data than at first: up to step 12" in page


def test_seeds_in_one_program_go_on_together(tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    np.savez(place, x=PIXELS[:40, ..., 0])
    sp.train(tiny("gan", data=place).replace(seeds=2), tmp_path / "run", quiet=True)
    np.savez(place, x=PIXELS[..., 0])
    assert sp.resume(tmp_path / "run", steps=14, other_data=True, quiet=True).step == 14
    assert run_directory.read(tmp_path / "run").data.counts["train"] == 48


def test_a_group_is_told_to_go_on_one_by_one(tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    np.savez(place, x=PIXELS[:40, ..., 0])
    sp.train(tiny("dcgan", data=place, steps=2).replace(seeds=2), tmp_path / "run", quiet=True)
    np.savez(place, x=PIXELS[..., 0])
    with pytest.raises(BadInput, match=r"seed-0 --other-data`, and so on"):
        sp.resume(tmp_path / "run", steps=4, other_data=True, quiet=True)
    for seed in range(2):
        one = tmp_path / f"run/seed-{seed}"
        assert sp.resume(one, steps=4, other_data=True, quiet=True).step == 4
    assert sp.resume(tmp_path / "run", steps=6, quiet=True).step == 6


def test_a_folder_that_outgrows_the_memory_is_streamed_if_asked(tmp_path: Path) -> None:
    place, run = tmp_path / "photos", tmp_path / "run"
    folder(place, PIXELS[:40])
    enough_for_forty = 45 * 8 * 8 * 3 / 2**30
    sp.train(tiny("gan", data=Folder(path=place, memory_gib=enough_for_forty)), run, quiet=True)
    folder(place, PIXELS)
    with pytest.raises(BadInput, match=r"there are 60 .* instead of 40"):
        sp.resume(run, steps=14, quiet=True)
    folder(place, PIXELS[:40])
    sp.resume(run, steps=14, quiet=True)  # and nothing of the sixty is left
    folder(place, PIXELS)
    sp.resume(run, steps=16, other_data=True, quiet=True)
    assert (run / "manifest.json").exists()
    folder(place, PIXELS[:40])
    sp.resume(run, steps=18, other_data=True, quiet=True)
    assert not (run / "manifest.json").exists()
    assert sp.resume(run, steps=20, quiet=True).step == 20
