"""Every level of a pyramid's samples: from Python, on the command line and in the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint import drawing
from saddlepoint.cli import main
from saddlepoint.errors import BadInput
from saddlepoint.report.page import build_report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional pyramid of digits: 2×2, 4×4 and 8×8."""
    folder = tmp_path_factory.mktemp("levels") / "run"
    sp.train(tiny("lapgan", steps=6, levels=2, conditional=True), folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels") / "single"
    sp.train(tiny("dcgan", steps=2), folder, quiet=True)
    return folder


def refused(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def test_levels_stand_below_each_other_each_pixel_repeated() -> None:
    rng = np.random.default_rng(0)
    fine, coarse = (
        rng.integers(0, 256, (3, 1, *size), dtype=np.uint8) for size in ((5, 4), (3, 2))
    )
    sheet = np.asarray(drawing.levels([coarse, fine]).convert("L"))
    below = np.asarray(drawing.grid(fine).convert("L"))
    height = len(below)
    assert sheet.shape == (2 * height, below.shape[1])
    assert np.array_equal(sheet[height:], below)
    rows, columns = [0, 0, 1, 2, 2], [0, 0, 1, 1]  # the pixel that holds each finer one's centre
    repeated = coarse[:, :, rows][..., columns]
    assert np.array_equal(sheet[:height], np.asarray(drawing.grid(repeated).convert("L")))


def test_a_trained_pyramid_has_levels(run: Path) -> None:
    model = sp.load(run)
    shown = model.levels(5, seed=3)
    assert [tuple(each.shape) for each in shown] == [(5, 1, 2, 2), (5, 1, 4, 4), (5, 1, 8, 8)]
    assert torch.equal(shown[-1], model.sample(5, seed=3))
    label = torch.full((5,), 7)
    assert torch.equal(model.levels(5, 3, label)[-1], model.sample(5, 3, label))
    with pytest.raises(BadInput, match="ask for at least 1"):
        model.levels(0)


def test_the_command_draws_them_in_one_picture_or_a_grid_each(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [each.numpy() for each in sp.load(run).levels(6, seed=3)]
    words = ["sample", str(run), "--levels", "--n", "6", "--seed", "3", "--out"]
    main([*words, str(tmp_path / "all.png")])
    assert "6 samples" in (said := capsys.readouterr().out)
    assert "at 3 levels" in said
    with Image.open(tmp_path / "all.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(drawing.levels(shown)))
    folder = tmp_path / "each"
    main([*words, str(folder)])
    for number, images in enumerate(shown):
        with Image.open(folder / f"level-{number}.png") as picture:
            expected = drawing.grid(images).convert(picture.mode)
            assert np.array_equal(np.asarray(picture), np.asarray(expected))
    main([*words, str(folder), "--overwrite"])
    assert len(list(folder.glob("*.png"))) == 3
    main([*words, str(tmp_path / "seven.png"), "--class", "7"])
    label = torch.full((6,), 7)
    of_class = [each.numpy() for each in sp.load(run).levels(6, 3, label)]
    with Image.open(tmp_path / "seven.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(drawing.levels(of_class)))


def test_what_has_no_levels_is_told(
    run: Path, single: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for words, sentence in (
        ((single, "--out", out), "makes its samples at one size"),
        ((run, "--out", f"{out}.npy"), "levels have several sizes"),
        ((run, "--out", f"{out}.png", "--n", "1000000"), "images at each level, and 1,000,000"),
        ((run, "--out", out, "--n", "1000000"), "images at each level, and 1,000,000"),
        ((run, "--out", out, "--code", "class=1"), "--code and --levels cannot be asked for"),
    ):
        assert refused("sample", words[0], "--levels", *words[1:]) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_training_keeps_a_picture_of_them_which_the_report_shows(run: Path, single: Path) -> None:
    with Image.open(run / "samples" / "levels.png") as picture:
        shown = np.asarray(picture)
    assert 2 * shown.shape[0] < shown.shape[1]  # a row of eight a level
    assert not (single / "samples" / "levels.png").exists()
    caption = "the newest samples at each size of the pyramid"
    assert caption in build_report(run).read_text(encoding="utf-8")
    assert caption not in build_report(single).read_text(encoding="utf-8")
