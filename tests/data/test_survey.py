"""What headers tell: sizes, colour and damage of a folder, without decoding a picture."""

import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from saddlepoint.data import decoding
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.survey import survey
from saddlepoint.errors import BadInput


def fill(root, sizes, channels=3):
    root.mkdir()
    rng = np.random.default_rng(0)
    for number, (height, width) in enumerate(sizes):
        values = rng.integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()
        Image.fromarray(values).save(root / f"{number:02}.png")
    return root


def test_sizes_are_counted_and_nothing_is_decoded(tmp_path, monkeypatch):
    root = fill(tmp_path / "a", [(16, 20)] * 3 + [(30, 9)])
    (root / "broken.png").write_bytes(b"no picture")
    monkeypatch.setattr(decoding, "pixels_of", None)
    summary = survey(Folder(path=root))
    assert summary.readable == 4
    assert summary.unreadable == 1
    assert summary.sizes == Counter({(16, 20): 3, (30, 9): 1})
    assert (summary.grey, summary.channels) == (False, 3)


def test_grey_pictures_have_one_channel(tmp_path):
    summary = survey(Folder(path=fill(tmp_path / "a", [(16, 16)] * 2, channels=1)))
    assert (summary.grey, summary.channels) == (True, 1)


def test_a_zip_is_surveyed_like_its_folder(tmp_path):
    root = fill(tmp_path / "a", [(16, 20)] * 3 + [(30, 9)])
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in root.iterdir():
            archive.write(path, f"a/{path.name}")
    assert survey(Folder(path=tmp_path / "a.zip")) == survey(Folder(path=root))


def test_the_limit_is_surveyed_and_what_cannot_be_is_refused(tmp_path):
    root = fill(tmp_path / "a", [(16, 16)] * 9)
    assert survey(Folder(path=root, limit=4)).readable == 4
    for path in root.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(BadInput, match="none of the 9"):
        survey(Folder(path=root))
    with pytest.raises(BadInput, match="does not exist"):
        survey(Folder(path=tmp_path / "nowhere"))


def test_a_survey_needs_no_torch():
    program = "import sys, saddlepoint.data.survey; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["digits", "ring", "grid", "swiss-roll", "spirals", "two-lines"])
def test_natural_shapes_of_built_in_data(name):
    described = describe_data(name)
    assert described.natural_shape() == described.open().info.shape


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mnist", (1, 28, 28)),
        ("fashion-mnist", (1, 28, 28)),
        ("cifar10", (3, 32, 32)),
        ("stacked-fashion-mnist", (3, 28, 28)),
    ],
)
def test_natural_shapes_need_no_files(name, shape, tmp_path):
    assert describe_data(name, root=tmp_path, download=False).natural_shape() == shape


def test_natural_shapes_of_folders_and_arrays(tmp_path):
    root = fill(tmp_path / "a", [(16, 20)] * 4)
    mixed = fill(tmp_path / "b", [(16, 20), (9, 30), (30, 30)], channels=1)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.random((5, 3, 9, 12)))
    np.savez(tmp_path / "b.npz", x_train=rng.random((5, 9, 12)), x_test=rng.random((5, 9, 12)))
    np.savez(tmp_path / "c.npz", x=rng.random((5, 4)), y=np.arange(5))
    for source, settings in (
        (root, {}),
        (root, {"size": (8, 9), "channels": 4}),
        (mixed, {}),
        (tmp_path / "a.npy", {}),
        (tmp_path / "b.npz", {}),
        (tmp_path / "c.npz", {}),
        (rng.random((5, 9, 12, 2)), {}),
        ([Image.new("RGB", (20 + i, 20)) for i in range(4)], {"size": 16}),
    ):
        described = describe_data(source, **settings)
        assert described.natural_shape() == described.open().info.shape
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-9])
    with pytest.raises(BadInput, match="are there"):
        describe_data(tmp_path / "a.npy").natural_shape()
