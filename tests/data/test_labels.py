"""Labels from sub-folders: names and counts are said, and so are better ones a level below."""

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
ALL = Split(validation=0, test=0)


def fill(root, *places):
    """Two pictures in each place."""
    for number, place in enumerate(places):
        (root / place).mkdir(parents=True, exist_ok=True)
        for which in range(2):
            values = np.full((16, 16), 10 * number + which, dtype=np.uint8)
            Image.fromarray(values).save(root / place / f"{which}.png")
    return root


def opened(root, **settings):
    return Folder(path=root, split=ALL, **settings).open()


@pytest.mark.parametrize("memory", [0, 1])
def test_classes_and_their_counts_are_said(tmp_path, memory):
    root = fill(tmp_path / "a", "dog", "cat", "cat/kitten", "")
    data = opened(root, labels=True, memory_gib=memory)
    assert data.info.classes == ("cat", "dog")
    assert data.info.notes[1:] == (
        "Labels: 2 classes, cat (4) and dog (2).",
        "2 image(s) outside any sub-folder have no label.",
    )


def test_of_many_classes_the_first_ten_are_named(tmp_path):
    root = fill(tmp_path / "a", *(f"c{number:03}" for number in range(12)))
    note = opened(root, labels=True).info.notes[1]
    assert note.startswith("Labels: 12 classes, c000 (2), c001 (2), ")
    assert note.endswith("c009 (2) and 2 more.")


@pytest.mark.parametrize("memory", [0, 1])
def test_classes_a_level_too_high_are_warned_of(tmp_path, memory):
    root = fill(tmp_path / "a", "train/cat", "train/dog", "val/cat", "val/dog")
    data = opened(root, labels=True, memory_gib=memory)
    assert data.info.classes == ("train", "val")
    assert data.info.notes[1:] == (
        "Labels: 2 classes, train (4) and val (4).",
        "Warning: train and val hold folders named alike, cat and dog. Classes were taken from the "
        "top level; for cat and dog pass --data.label-level 2 (label_level=2 in Python), or give "
        ".../train as the data.",
    )
    data = opened(root, labels=True, label_level=2, memory_gib=memory)
    assert data.info.classes == ("cat", "dog")
    assert data.info.notes[1:] == ("Labels: 2 classes, cat (4) and dog (4).",)
    batch = data.take("train", 9, CPU)
    levels = ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().int()
    assert torch.equal(batch.label, levels // 10 % 2)


def test_one_class_that_holds_folders_is_warned_of(tmp_path):
    root = fill(tmp_path / "a", "photos/cat", "photos/dog")
    assert "every label is photos, which holds folders of its own, cat and dog" in str(
        opened(root, labels=True).info.notes
    )


@pytest.mark.parametrize(
    "places",
    [
        ("cat", "dog"),
        ("n01/images", "n02/images"),  # one folder in each class, as in some public data sets
        ("train/cat", "train/dog", "val/cat", "val/dog", "val"),
        ("a/x", "a/y", "b/z", "b/w"),
    ],
)
def test_classes_that_may_well_be_meant_are_not_warned_of(tmp_path, places):
    assert "Warning" not in str(opened(fill(tmp_path / "a", *places), labels=True).info.notes)


def test_deeper_levels_leave_shallow_images_without_a_label(tmp_path):
    root = fill(tmp_path / "a", "train/cat", "val/dog", "loose", "")
    data = opened(root, labels=True, label_level=2)
    assert data.info.classes == ("cat", "dog")
    assert "4 image(s) outside any sub-folder 2 levels deep have no label." in data.info.notes
    with pytest.raises(BadInput, match="has no sub-folders 3 levels deep with images"):
        opened(root, labels=True, label_level=3)


def test_sub_folders_are_mentioned_where_labels_are_not_taken(tmp_path):
    root = fill(tmp_path / "a", "cat", "dog")
    assert opened(root).info.notes[1:] == (
        "Without labels: the names of the 2 sub-folders (cat and dog) would be taken by "
        "--data.labels (labels=True in Python).",
    )
    assert len(opened(fill(tmp_path / "b", "cat")).info.notes) == 1
    assert len(opened(fill(tmp_path / "c", "")).info.notes) == 1


def test_another_level_is_another_run(tmp_path):
    root = fill(tmp_path / "a", "train/cat", "train/dog", "val/cat", "val/dog")
    settings = {"path": root, "memory_gib": 0, "labels": True}
    Folder(**settings).open(keep=tmp_path / "run")
    with pytest.raises(BadInput, match="began with label_level = 1"):
        Folder(**settings, label_level=2).open(keep=tmp_path / "run")


def test_what_is_passed_over_is_counted_and_refused_if_strict(tmp_path):
    root = fill(tmp_path / "a", "cat")
    for name in ("a.txt", "b.TXT", "cat/c.heic", "README", ".hidden", "Thumbs.db", "desktop.ini"):
        (root / name).write_text("no picture")
    assert opened(root).info.notes[1] == (
        "4 other files were passed over: 2 .txt, 1 .heic, 1 without suffix."
    )
    with pytest.raises(
        BadInput, match=r"4 file\(s\) in .* are no images by their suffix \(2 \.txt"
    ):
        opened(root, strict=True)
    for number in range(12):
        (root / f"x.s{number:02}").write_text("no picture")
    assert opened(root).info.notes[1].endswith("1 .s05 and 7 of other suffixes.")
    for path in root.iterdir():
        if path.is_file() and path.name not in (".hidden", "Thumbs.db", "desktop.ini"):
            path.unlink()
    (root / "cat" / "c.heic").unlink()
    assert opened(root, strict=True).info.notes[1:] == ()
