"""Two sources: one size, colour, range and number for both, and everything said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from kit.refusal import fails
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.data.describing import describe_data
from saddlepoint.evaluation.sources import Preparation, two_sides

QUICK = {"features": "pixels", "scores": ["kernel", "precision"]}


def blobs(n: int, height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def folder(path: Path, images: np.ndarray) -> Path:
    path.mkdir(parents=True)
    for index, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(path / f"{index:04d}.png")
    return path


def notes(evaluation: sp.Evaluation) -> str:
    said = [*evaluation.notes, *(n for side in evaluation.preparation.values() for n in side)]
    return " ".join(said)


def test_folders_of_one_size_are_compared_at_that_size(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", blobs(80, 150, 140))
    fake = folder(tmp_path / "fake", blobs(40, 150, 140, seed=1))
    reference, side = two_sides(real, fake, None, None, 0, Preparation())
    assert reference.data.shape == (3, 150, 140)
    assert side.x.shape == (40, 3, 150, 140)
    assert "own size" in " ".join(reference.real.notes)
    assert "own size" in " ".join(side.notes)
    assert reference.notes == ()


def test_folders_of_other_sizes_meet_at_the_smaller_and_it_is_said(tmp_path: Path) -> None:
    wide = folder(tmp_path / "wide", blobs(80, 16, 48))
    square = folder(tmp_path / "square", blobs(80, 16, 16, seed=1))
    evaluation = sp.evaluate(real=wide, fake=square, **QUICK)
    said = notes(evaluation)
    assert "wide 16×48; square 16×16" in said
    assert "both at 16×16 (--size)" in said
    assert "cut in the middle" in " ".join(evaluation.preparation["real"])
    assert "own size" in " ".join(evaluation.preparation["candidate"])
    # the same in the table, the page and the file
    assert "cut in the middle" in " ".join(str(evaluation).split())
    assert "cut in the middle" in evaluation._repr_html_()
    assert "cut in the middle" in json.dumps(evaluation.as_json(), ensure_ascii=False)
    stretched = sp.evaluate(real=wide, fake=square, size=(12, 20), resize="stretch", **QUICK)
    assert "stretched to 12×20" in notes(stretched)
    assert "Both sides at 12×20, as asked." in notes(stretched)


def test_colour_is_kept_where_a_side_has_it_and_it_is_said(tmp_path: Path) -> None:
    grey = folder(tmp_path / "grey", blobs(80, 16, 16, 1))
    colour = folder(tmp_path / "colour", blobs(80, 16, 16, seed=1))
    both = sp.evaluate(real=grey, fake=colour, **QUICK)
    assert "grey is grey and was repeated in three channels" in notes(both)
    asked = sp.evaluate(real=grey, fake=colour, channels=1, **QUICK)
    assert "colour has colour and was turned grey" in notes(asked)
    fixed = sp.evaluate(real=blobs(80, 16, 16, 1)[..., 0], fake=colour, **QUICK)
    assert "colour has colour and was turned grey" in notes(fixed)


def test_options_that_no_side_can_follow_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", blobs(90, 16, 16))
    images = folder(tmp_path / "images", blobs(90, 16, 16))
    run = tmp_path / "run"
    sp.train(tiny("gan", steps=2), run, quiet=True)
    array, pictures = str(tmp_path / "a.npy"), str(images)
    both = ("--real", array, "--fake")
    for words, expected in (
        ((*both, array, "--size", "16"), "neither side is one"),
        ((*both, pictures, "--size", "8"), "--size 8×8 cannot be had"),
        ((*both, pictures, "--channels", "1"), "--channels 1 cannot be had"),
        ((*both, pictures, "--size", "1", "2", "3"), "--size 1 2 3"),
        (("--real", pictures, "--fake", pictures, "--value-range", "0..1"), "for arrays"),
        ((str(run), "--size", "16"), "is for two sources"),
        (("--real", array, "--fake", array, "--data", array), "--data says where a run"),
        ((str(run), "--overwrite"), "--overwrite replaces what lies at --out"),
    ):
        assert expected in fails(capsys, "evaluate", *words), words


def test_two_guessed_ranges_in_one_comparison_are_refused() -> None:
    floats = blobs(200, 8, 8).astype(np.float32) / 255
    other = floats[100:].copy()
    other[0, 0, 0, 0] = -0.01
    with pytest.raises(sp.BadInput, match=r"both guessed.*--value-range"):
        sp.evaluate(real=floats[:100], fake=other, **QUICK)
    stated = sp.evaluate(
        real=describe_data(floats[:100], value_range="0..1"),
        fake=describe_data(other, value_range="-1..1"),
        **QUICK,
    )
    assert stated.row("kernel").judgement.kind == "worse than real"
    same = sp.evaluate(real=floats[:100], fake=floats[100:], **QUICK)
    assert "0..1" in notes(same)
    both = sp.evaluate(real=floats[:100], fake=floats[100:], value_range="-1..1", **QUICK)
    assert "as asked" in notes(both)
    # bytes have no guessed range: they may meet floats
    sp.evaluate(real=blobs(100, 8, 8), fake=floats[100:], **QUICK)


def test_the_number_is_what_both_sides_allow() -> None:
    few = sp.evaluate(real=blobs(400, 8, 8), fake=blobs(60, 8, 8, seed=1), **QUICK)
    assert few.n == {"real": 60, "control": 60, "candidate": 60}
    half = sp.evaluate(real=blobs(100, 8, 8), fake=blobs(600, 8, 8, seed=1), **QUICK)
    assert half.n == {"real": 50, "control": 50, "candidate": 50}
    none = sp.evaluate(real=blobs(60, 8, 8), fake=blobs(600, 8, 8, seed=1), **QUICK)
    assert none.n == {"real": 60, "control": 0, "candidate": 60}
    assert none.row("kernel").judgement.reason == "there is no control."
    assert "no control" in str(none)


def test_a_control_of_another_size_gives_no_verdict_where_the_number_matters() -> None:
    real, fake = blobs(150, 8, 8), blobs(100, 8, 8, seed=1)
    evaluation = sp.evaluate(real=real, fake=fake, n=100, **QUICK)
    assert evaluation.n["control"] == 50
    assert evaluation.row("kernel").judgement.kind == "as real"
    biased = evaluation.row("precision").judgement
    assert biased.kind == ""
    assert "another size" in biased.reason
    assert "no verdict for precision" in str(evaluation)


def test_exact_copies_are_counted_and_said() -> None:
    real = blobs(200, 8, 8)
    fake = blobs(100, 8, 8, seed=1)
    fake[:7] = real[:7]
    fake[50:53] = fake[49]
    evaluation = sp.evaluate(real=real, fake=fake, **QUICK)
    counts = evaluation.facts["duplicates"]
    assert counts["real"] + counts["control"] == 7
    assert counts["repeated"] == 3
    assert counts["between"] == 0
    assert "7 of 100 samples equal one of the real examples" in evaluation.summary[2]
    assert "repeat an earlier one" in notes(evaluation)
    collapsed = sp.evaluate(real=real, fake=np.repeat(fake[:10], 10, 0), **QUICK)
    assert collapsed.summary[1].startswith("Diverse? No: 90 of 100")
    doubled = sp.evaluate(real=np.repeat(real, 2, 0), fake=fake, **QUICK)
    assert "the data hold duplicates" in notes(doubled)


def test_an_evaluation_of_two_sources_is_never_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", blobs(100, 8, 8))
    np.save("b.npy", blobs(100, 8, 8, seed=1))
    words = ["evaluate", "--real", "a.npy", "--fake", "b.npy", "--features", "pixels"]
    words += ["--scores", "kernel"]
    main(words)
    main(words)
    assert (tmp_path / "evaluation" / "evaluation.json").exists()
    assert (tmp_path / "evaluation-2" / "evaluation.json").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "evaluation.json").write_text("my own")
    for extra in ((), ("--overwrite",)):
        assert "mine" in fails(capsys, *words, "--out", "mine", *extra)
        assert (mine / "evaluation.json").read_text() == "my own"
        assert len(list(mine.iterdir())) == 1
    main([*words, "--out", "evaluation", "--overwrite"])
