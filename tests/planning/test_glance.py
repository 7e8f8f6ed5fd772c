"""A look at data: what is counted, which pictures are decoded, and what is refused."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kit.pictures import smooth_pictures
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import Digits
from saddlepoint.data.source import Split
from saddlepoint.data.toys import Ring
from saddlepoint.errors import BadInput
from saddlepoint.planning import glance as module
from saddlepoint.planning.glance import Glance, glance


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty pictures, each of one level that is its number; of two sizes, in two sub-folders."""
    root = tmp_path / "pictures"
    for number in range(60):
        place = root / ("even" if number % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        side = (20, 30) if number < 40 else (16, 16)
        values = np.full((*side, 4 if number < 5 else 3), 4 * number, np.uint8)
        values[..., 3:] = 255
        values[3:5, 3:5, 3:] = 255 - (number < 3)  # of five with alpha three are transparent
        Image.fromarray(values).save(place / f"{number:02}.png")
    Image.fromarray(np.full((16, 16, 3), 240, np.uint8)).save(root / "loose.png")
    (root / "broken.png").write_bytes(b"no picture")
    return root


def levels_fit(found: Glance) -> bool:
    """Whether each picture is that of its file."""
    numbers = [int(name.split("/")[-1][:2]) for name in found.names if "loose" not in name]
    rows = [row for row, name in enumerate(found.names) if "loose" not in name]
    return bool((found.images[rows, 0, 4, 4] == 4 * np.array(numbers)).all())


def test_what_a_folder_holds_is_counted(folder: Path) -> None:
    found = glance(Folder(path=folder), size=16)
    assert (found.total, found.surveyed, found.unreadable) == (61, 62, 1)
    assert found.shape == (3, 16, 16)
    assert found.sizes == Counter({(20, 30): 40, (16, 16): 21})
    assert found.transparent == 3
    assert found.classes == {"even": 30, "odd": 30}
    assert (found.loose, found.deeper, found.labels) == (1, {}, None)
    assert not found.grey
    assert found.seconds_a_decode is not None
    assert 0 < found.seconds_a_decode < 1
    assert len(found.images) == 61
    assert levels_fit(found)
    assert any("could not be decoded" in note for note in found.notes)
    assert found.whole
    assert found.looked == "Looked at all of 61 images at 16×16."


def test_pictures_are_those_that_training_would_see(folder: Path) -> None:
    source = Folder(path=folder, size=16, split=Split(validation=0, test=0))
    opened = source.open().take("train", 100, torch.device("cpu"))
    pixels = ((opened.x + 1) * 127.5).round().to(torch.uint8).numpy()
    assert opened.index is not None
    assert np.array_equal(pixels[np.argsort(opened.index.numpy())], glance(source).images)


def test_the_size_can_depend_on_those_of_the_files(folder: Path) -> None:
    seen = []

    def largest(sizes: Counter[tuple[int, int]]) -> int:
        seen.append(sizes)
        return max(min(size) for size in sizes)

    found = glance(Folder(path=folder), size=largest)
    assert found.shape[1:] == (20, 20)
    assert seen == [found.sizes]
    assert found.folder is not None
    assert found.folder.size == 20


def test_labels_are_those_of_the_sub_folders(folder: Path) -> None:
    found = glance(Folder(path=folder, labels=True))
    assert found.labels is not None
    expected = [{"even": 0, "odd": 1}.get(name.split("/")[0], -1) for name in found.names]
    assert found.labels.tolist() == expected


def test_of_many_a_random_choice_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_HEADERS", 40)
    monkeypatch.setattr(module, "MOST_DECODED", 12)
    found = glance(Folder(path=folder))
    assert found.surveyed == 40
    assert found.sizes is not None
    assert found.sizes.total() == 40 - found.unreadable
    assert 11 <= len(found.images) <= 12
    assert levels_fit(found)
    assert found.total == 62 - found.unreadable
    assert found.classes == {"even": 30, "odd": 30}, "names cost nothing: all count"
    assert found.sample.endswith("images looked at")
    assert "images at 64×64, and the headers of 40." in found.looked
    again = glance(Folder(path=folder))
    assert np.array_equal(again.images, found.images)


def test_fewer_large_pictures_are_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_DECODED", 5)
    monkeypatch.setattr(module, "_PIXELS", 500 * 20)
    assert 18 <= len(glance(Folder(path=folder)).images) <= 20
    monkeypatch.setattr(module, "_BYTES", 7 * 3 * 64 * 64)
    assert 6 <= len(glance(Folder(path=folder)).images) <= 7


def test_the_limit_counts(folder: Path) -> None:
    found = glance(Folder(path=folder, limit=10))
    kept = Folder(path=folder, limit=10, split=Split(validation=0, test=0)).open().info.counts
    assert found.total == len(found.images) == kept["train"]


def test_an_archive_is_looked_at_like_its_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder).as_posix())
    zipped, plain = glance(Folder(path=tmp_path / "a.zip")), glance(Folder(path=folder))
    assert zipped.names == plain.names
    assert np.array_equal(zipped.images, plain.images)


def test_arrays_and_built_in_data_have_no_headers() -> None:
    found = glance(Digits())
    assert found.total == 1797
    assert found.shape == (1, 8, 8)
    assert found.grey
    assert (found.sizes, found.surveyed, found.seconds_a_decode) == (None, 0, None)
    assert list(found.classes) == [str(digit) for digit in range(10)]
    assert found.labels is not None
    assert len(found.labels) == len(found.images)
    images = smooth_pictures(50)
    described = describe_data(images.transpose(0, 2, 3, 1))
    seen = {each.tobytes() for each in glance(described).images}
    assert seen <= {each.tobytes() for each in images}, "values come back as they were"


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a size of its own"):
        glance(Digits(), size=16)
    with pytest.raises(BadInput, match="holds no images but vectors"):
        glance(Ring())
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="none of the 1 image file"):
        glance(Folder(path=tmp_path))


def test_a_picture_that_breaks_off_is_left_out(folder: Path) -> None:
    whole = (folder / "odd" / "07.png").read_bytes()
    (folder / "odd" / "07.png").write_bytes(whole[: len(whole) // 2])
    found = glance(Folder(path=folder))
    assert (found.total, found.unreadable, len(found.images)) == (60, 2, 60)
    assert levels_fit(found)
