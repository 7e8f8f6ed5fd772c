"""Folders of images held in memory."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
ALL = Split(validation=0, test=0)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(folder, name, values, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def flat(folder, name, value, side=16):
    return save(folder, name, np.full((side, side), value, dtype=np.uint8))


def levels(data, n=1000):
    batch = data.take("train", n, CPU)
    return ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_files_are_found_below_sorted_by_extension_and_hidden_ones_passed_over(tmp_path):
    for value, name in enumerate(
        ["b.PNG", "a.bmp", "deep/er/c.png", "deep/d.gif", ".hidden.png", ".git/e.png"]
    ):
        flat(tmp_path, name, 10 * value)
    (tmp_path / "notes.txt").write_text("no image")
    os.symlink(tmp_path, tmp_path / "deep" / "loop", target_is_directory=True)
    data = Folder(path=tmp_path, split=ALL).open()
    assert sorted(levels(data)) == [0, 10, 20, 30]
    assert data.info.shape == (1, 16, 16)
    assert data.info.name == tmp_path.name
    assert data.info.notes == (
        "4 images of 16×16 were used at their own size.",
        "1 other file was passed over: 1 .txt.",
    )


def test_size_and_channels_are_chosen_from_the_images(tmp_path):
    for number in range(3):
        save(tmp_path, f"{number}.png", noise(20, 30))
    assert Folder(path=tmp_path).open().info.shape == (1, 20, 30)
    save(tmp_path, "colour.png", noise(20, 30, 3))
    assert Folder(path=tmp_path).open().info.shape == (3, 20, 30)
    assert Folder(path=tmp_path, channels=2).open().info.shape == (2, 20, 30)
    save(tmp_path, "other.png", noise(200, 90, 3))
    data = Folder(path=tmp_path).open()
    assert data.info.shape == (3, 64, 64)
    assert data.info.notes[0] == (
        "5 images of 2 size(s) were scaled to cover 64×64 and cut in the middle (antialiased)."
    )
    assert "4 image(s) smaller than 64×64 were enlarged." in data.info.notes
    assert Folder(path=tmp_path, size=(8, 24)).open().info.shape == (3, 8, 24)
    big = tmp_path / "big"
    for number in range(2):
        save(big, f"{number}.png", noise(129, 129))
    assert Folder(path=big).open().info.shape == (1, 64, 64)


def test_what_was_done_is_said(tmp_path):
    save(tmp_path, "deep.png", noise(16, 16).astype(np.uint16) * 257)
    save(tmp_path, "clear.png", noise(16, 16, 4))
    save(tmp_path, "grey.png", noise(16, 16))
    notes = " ".join(Folder(path=tmp_path, background=(0, 9, 0)).open().info.notes)
    assert "1 image(s) of 16 bits were reduced to 8." in notes
    assert "1 image(s) with transparency were put on the background (0, 9, 0)." in notes
    notes = " ".join(Folder(path=tmp_path, channels=1, resize="pad", size=8).open().info.notes)
    assert "scaled to fit 8×8 and padded" in notes
    assert "1 image(s) stored in colour were turned grey" in notes
    notes = " ".join(Folder(path=tmp_path, resize="stretch", size=9).open().info.notes)
    assert "stretched to 9×9" in notes


@pytest.mark.parametrize("colour", [(300, 0, 0), (0, -1, 0)])
def test_a_background_that_is_no_colour_is_refused(colour):
    with pytest.raises(ValidationError, match="red, green and blue are levels from 0 to 255"):
        Folder(path=Path("images"), background=colour)


def test_labels_are_the_top_sub_folders(tmp_path):
    for number, name in enumerate(["b/1.png", "b/x/2.png", "a/3.png", "4.png"]):
        flat(tmp_path, name, number)
    data = Folder(path=tmp_path, labels=True, split=ALL).open()
    assert data.info.classes == ("a", "b")
    batch = data.take("train", 4, CPU)
    assert dict(zip(levels(data), batch.label.tolist(), strict=True)) == {0: 1, 1: 1, 2: 0, 3: -1}
    assert torch.equal(batch.labelled, batch.label >= 0)
    assert "1 image(s) outside any sub-folder have no label." in data.info.notes
    assert Folder(path=tmp_path).open().take("train", 2, CPU).label is None
    with pytest.raises(BadInput, match="no sub-folders with images"):
        Folder(path=tmp_path / "a", labels=True).open()


def damage(path):
    path.write_bytes(path.read_bytes()[:-30])
    return path


def test_damaged_files_are_named_skipped_and_counted(tmp_path):
    for number in range(20):
        path = save(tmp_path, f"{number:02}.png", noise(16, 16, seed=number))
        if 3 <= number < 9:
            damage(path)
    (tmp_path / "99.jpg").write_bytes(b"")
    data = Folder(path=tmp_path, split=ALL).open()
    assert data.info.counts["train"] == 14
    note = data.info.notes[-1]
    assert note.startswith("7 of 21 files could not be decoded and were left out: 03.png (")
    assert "07.png" in note
    assert "08.png" not in note
    with pytest.raises(BadInput, match=r"03\.png.*leave strict off"):
        Folder(path=tmp_path, strict=True).open()


def test_a_damaged_file_does_not_decide_for_the_others(tmp_path):
    for number in range(3):
        save(tmp_path, f"{number}.png", noise(16, 16, seed=number))
    damage(save(tmp_path, "3.png", noise(40, 40, 3)))
    data = Folder(path=tmp_path, split=ALL).open()
    assert data.info.shape == (1, 16, 16)
    assert data.info.counts["train"] == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_folder_of_damaged_files_is_refused(tmp_path, stream):
    for number in range(3):
        damage(save(tmp_path, f"{number}.png", noise(16, 16)))
    memory = 0.0 if stream else 2.0
    with pytest.raises(BadInput, match=r"none of the 3 image file\(s\).*0\.png"):
        Folder(path=tmp_path, memory_gib=memory).open()
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"none of the 3 .*not an image that can be read"):
        Folder(path=tmp_path, memory_gib=memory).open()


def test_unsuitable_folders_are_refused(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        Folder(path=tmp_path / "none").open()
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(BadInput, match="is a file"):
        Folder(path=tmp_path / "a.txt").open()
    with pytest.raises(BadInput, match=r"no PNG, JPEG.*1 other file\(s\) were passed over"):
        Folder(path=tmp_path).open()
    flat(tmp_path, "1.png", 3, side=4)
    with pytest.raises(BadInput, match=r"4×4 pixels are too small.*size=64"):
        Folder(path=tmp_path).open()
    with pytest.raises(BadInput, match=r"7×7 pixels are too small"):
        Folder(path=tmp_path, size=7).open()
    with pytest.raises(BadInput, match=rf"1 example\(s\) of {tmp_path.name} .*at least 2"):
        Folder(path=tmp_path, size=16).open()


def test_a_changed_file_changes_the_fingerprint(tmp_path):
    for number in range(4):
        save(tmp_path, f"{number}.png", noise(16, 16, seed=number))
    before = Folder(path=tmp_path).open().info.fingerprint
    assert Folder(path=tmp_path).open().info.fingerprint == before
    save(tmp_path, "2.png", noise(16, 16, seed=9))
    assert Folder(path=tmp_path).open().info.fingerprint != before


def test_flips_of_a_folder(tmp_path):
    for number in range(8):
        save(tmp_path, f"{number}.png", np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1)))
    data = Folder(path=tmp_path, flip=True, split=ALL).open()
    loader = data.loader("train", 8, seed=0, device=CPU)
    left = torch.cat([loader.batch(cursor).x[:, 0, 0, 0] for cursor in range(20)])
    assert 0.35 < (left > 0).float().mean() < 0.65


def test_file_names_that_are_not_utf8_can_be_told(tmp_path):
    for number in range(3):
        save(tmp_path, f"{number}.png", noise(16, 16))
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    data = Folder(path=tmp_path).open()
    assert "caf" in data.info.notes[-1]
    assert data.info.model_dump_json()
