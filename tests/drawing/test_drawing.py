import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from saddlepoint import drawing
from saddlepoint.errors import BadInput


def constant(values, height, width):
    """Images of one colour each: (n, channels) -> (n, channels, height, width)."""
    values = np.asarray(values, dtype=np.uint8)
    return np.broadcast_to(values[:, :, None, None], (*values.shape, height, width))


def test_to_uint8_is_the_inverse_of_the_usual_scaling():
    byte = np.arange(256, dtype=np.uint8)
    for kind in (np.float32, np.float64):
        scaled = byte.astype(kind) / kind(127.5) - kind(1)
        assert (drawing.to_uint8(scaled) == byte).all()


def test_to_uint8_clips_rounds_and_passes_bytes():
    values = np.array([-np.inf, -2, -1, -0.999, 0, 0.5, 1, 2, np.inf, np.nan])
    assert drawing.to_uint8(values).tolist() == [0, 0, 0, 0, 128, 191, 255, 255, 255, 0]
    byte = np.array([3, 250], dtype=np.uint8)
    assert drawing.to_uint8(byte) is byte
    with pytest.raises(BadInput, match="uint8 or floats"):
        drawing.to_uint8(np.array([0, 255]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (7, 11), (8, 8)])
@pytest.mark.parametrize(
    ("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")], ids=str
)
def test_grid_places_every_pixel_exactly(channels, mode, height, width):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5, channels, height, width), dtype=np.uint8)
    if channels in (2, 4):
        images[:, -1] = 255
    padding, scale, columns = 3, 2, 2
    picture = drawing.grid(images, columns, padding=padding, scale=scale)
    assert picture.mode == mode
    across, down = padding + width * scale, padding + height * scale
    assert picture.size == (2 * across + padding, 3 * down + padding)
    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
    expected = np.full_like(pixels, drawing.GAP)
    colours = pixels.shape[-1]
    for index in range(5):
        for y in range(height * scale):
            for x in range(width * scale):
                place = padding + index // 2 * down + y, padding + index % 2 * across + x
                expected[place] = images[index, :colours, y // scale, x // scale]
    assert (pixels == expected).all()


@pytest.mark.parametrize("width", [60, 234, 400])
def test_a_caption_is_never_cut(width):
    """It has as many lines as it needs: no ink at the sides, and none is lost."""
    picture = Image.new("RGB", (width, 50), "white")
    text = "dcgan-two-core from other weights, lower layers frozen, seed 0"
    whole = drawing.captioned(picture, text)
    sides = np.asarray(whole.convert("L"))[:, [0, -1]]
    assert (sides == 255).all()
    alone = drawing.captioned(Image.new("RGB", (1000, 50), "white"), text)
    assert alone.height < whole.height or width == 400
    dark = [(255 - np.asarray(each.convert("L"), dtype=float)).sum() for each in (whole, alone)]
    assert dark[0] == pytest.approx(dark[1], rel=0.05)
    assert drawing.captioned(picture, "").height == drawing.captioned(picture, "one").height


def test_a_mosaic_has_room_for_the_largest_picture():
    pictures = [Image.new("RGB", size, "red") for size in ((4, 3), (5, 6), (1, 1))]
    red = np.asarray(drawing.mosaic(pictures, 2))[..., 1] == 0
    assert red.shape == (12, 10)
    assert red.sum() == 4 * 3 + 5 * 6 + 1


def test_grid_shows_a_checkerboard_behind_transparent_pixels():
    clear, half = [200, 10, 30, 0], [200, 10, 30, 128]
    picture = drawing.grid(constant([clear, half], 16, 16), 2, padding=0, scale=1)
    light, dark = drawing.CHECKS
    assert picture.getpixel((0, 0)) == (light,) * 3
    assert picture.getpixel((8, 0)) == (dark,) * 3
    assert picture.getpixel((8, 8)) == (light,) * 3
    share = 128 / 255
    mixed = tuple(round(value * share + light * (1 - share)) for value in half[:3])
    assert picture.getpixel((16, 0)) == mixed
    grey = drawing.grid(constant([[90, 0]], 16, 16), padding=0, scale=1)
    assert (grey.getpixel((0, 0)), grey.getpixel((8, 0))) == (light, dark)


def test_grid_chooses_enlargement_and_columns():
    def size(n, height, width, **options):
        images = np.zeros((n, 1, height, width), np.float32)
        return drawing.grid(images, padding=0, **options).size

    assert size(64, 8, 8) == (8 * 48, 8 * 48)
    assert size(10, 28, 28) == (4 * 56, 3 * 56)
    assert size(4, 64, 64) == (128, 128)
    assert size(1, 1, 1) == (48, 48)
    assert size(9, 10, 40) == (80 * 2, 20 * 5)  # wide images: fewer columns
    assert size(3, 10, 10, columns=5) == (250, 50)
    assert size(2500, 8, 8)[0] <= 1600
    assert size(400, 128, 128)[0] <= 1600


def test_grid_maps_floats():
    images = np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    picture = drawing.grid(images, 3, padding=0, scale=1)
    assert [picture.getpixel((x, 0)) for x in range(3)] == [0, 128, 255]


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (2, 5, 4, 4), (2, 4, 4), (2, 1, 0, 4)])
def test_grid_refuses_other_shapes(shape):
    with pytest.raises(BadInput, match="shape"):
        drawing.grid(np.zeros(shape))


def test_grid_refuses_senseless_numbers():
    with pytest.raises(BadInput):
        drawing.grid(np.zeros((1, 1, 2, 2)), 0)


def orange(picture):
    """Where the points are: the one colour that is neither grey nor blue."""
    red, _, blue = (np.asarray(picture, dtype=int)[..., i] for i in range(3))
    return np.argwhere(red - blue > 60)


def box(picture):
    """Left, top, right and bottom of the axes' black frame in pixels."""
    dark = np.asarray(picture).max(axis=2) < 60
    columns, rows = np.flatnonzero(dark.sum(0) > 300), np.flatnonzero(dark.sum(1) > 300)
    return columns[0], rows[0], columns[-1], rows[-1]


def test_scatter_puts_points_where_the_limits_say():
    picture = drawing.scatter(np.array([[0.5, -0.5]]), limits=(-1, 1, -1, 1))
    left, top, right, bottom = box(picture)
    inner = orange(picture)
    inner = inner[(inner[:, 0] > top) & (inner[:, 0] < bottom)]
    y, x = inner.mean(axis=0)
    assert abs((x - left) / (right - left) - 0.75) < 0.01
    assert abs((y - top) / (bottom - top) - 0.75) < 0.01


def test_scatter_takes_its_limits_from_the_reference():
    reference = np.array([[-1.0, -1.0], [1.0, 1.0]])
    near = np.asarray(drawing.scatter(np.zeros((1, 2)), reference))
    far = np.asarray(drawing.scatter(np.array([[0.0, 0.0], [900.0, 0.0]]), reference))
    # All but the legend above the axes is the same: the far point moves nothing.
    top = box(Image.fromarray(near))[1]
    assert (near[top:] == far[top:]).all()
    assert (near[:top] != far[:top]).any()


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 2)),
        np.full((4, 2), np.nan),
        np.zeros((3, 2)),
        np.zeros((3, 1)),
        np.full((3, 1), np.nan),
        np.arange(4.0),
        np.arange(30.0).reshape(5, 6),
    ],
    ids=["none", "nan", "constant", "constant-1d", "nan-1d", "flat", "six"],
)
@pytest.mark.filterwarnings("error")
def test_scatter_draws_whatever_comes(points):
    picture = drawing.scatter(points, title="$\\broken{ <b>")
    assert picture.mode == "RGB"
    assert picture.size == drawing.scatter(np.ones((2, 2)), np.ones((2, 2))).size


def test_draw_chooses_by_kind():
    images = np.zeros((4, 1, 8, 8))
    assert drawing.draw(images, images=True) == drawing.grid(images)
    points = np.random.default_rng(0).normal(size=(50, 5))
    drawn = drawing.draw(points, images=False, reference=points, title="t")
    assert drawn == drawing.scatter(points, points, title="t")


def test_drawing_leaves_matplotlib_alone():
    code = """
import sys
from saddlepoint import drawing
import saddlepoint.report.page
assert "matplotlib" not in sys.modules and "torch" not in sys.modules
import matplotlib, numpy as np
matplotlib.rcParams |= {"backend": "agg", "axes.facecolor": "black"}
before = dict(matplotlib.rcParams)
drawing.scatter(np.ones((2, 2)))
assert dict(matplotlib.rcParams) == before
assert "matplotlib.pyplot" not in sys.modules and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_evenly_spaced_keeps_first_and_last():
    assert drawing.evenly_spaced(3, 5) == [0, 1, 2]
    assert drawing.evenly_spaced(101, 3) == [0, 50, 100]
    assert drawing.evenly_spaced(5, 1) == [4]
    assert drawing.evenly_spaced(0, 4) == []


def test_save_png_is_atomic_and_leaves_nothing_beside(tmp_path, monkeypatch):
    path = tmp_path / "new" / "a.png"
    drawing.save_png(Image.new("L", (3, 2), 7), path)
    assert Image.open(path).getpixel((2, 1)) == 7

    def full(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        drawing.save_png(Image.new("L", (3, 2), 9), path)
    assert Image.open(path).getpixel((0, 0)) == 7
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


def frames(folder, count, size=(40, 30)):
    paths = []
    for index in range(count):
        paths.append(folder / f"f{index:03}.png")
        Image.new("L", size, 255 * index // max(count - 1, 1)).save(paths[-1])
    return paths


def pauses(gif):
    durations = []
    for index in range(gif.n_frames):
        gif.seek(index)
        durations.append(gif.info["duration"])
    return durations


def test_animate_keeps_first_and_last_and_holds_the_last(tmp_path):
    out = tmp_path / "t.gif"
    captions = [f"step {index}" for index in range(20)]
    drawing.animate(frames(tmp_path, 20), out, captions, 0.25, limit=7)
    with Image.open(out) as gif:
        assert gif.n_frames == 7
        assert pauses(gif) == [250] * 6 + [1500]
        assert gif.info["loop"] == 0
        gif.seek(0)
        assert gif.convert("L").getpixel((gif.width // 2, 15)) <= 2
        gif.seek(6)
        assert gif.convert("L").getpixel((gif.width // 2, 15)) >= 250
        assert gif.height == 30 + 24
    drawing.animate(frames(tmp_path, 3), out, seconds_per_frame=1)
    with Image.open(out) as gif:
        assert (gif.size, pauses(gif)) == ((40, 30), [1000, 1000, 5000])


def test_animate_pads_sizes_and_skips_unreadable_frames(tmp_path):
    paths = frames(tmp_path, 2)
    wide = tmp_path / "wide.png"
    Image.new("RGBA", (80, 20), (0, 0, 255, 255)).save(wide)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG cut")
    out = tmp_path / "t.gif"
    drawing.animate([*paths, broken, wide, tmp_path / "gone.png"], out)
    with Image.open(out) as gif:
        assert (gif.n_frames, gif.size) == (3, (80, 30))
        assert min(gif.convert("RGB").getpixel((2, 15))) > 250  # white beside the narrow frame
    with pytest.raises(BadInput, match="readable"):
        drawing.animate([broken], out)
    with pytest.raises(BadInput, match="captions"):
        drawing.animate(paths, out, ["one"])


def test_animate_stays_small(tmp_path):
    random = np.random.default_rng(0)
    paths = []
    for index in range(12):  # noise is the worst case for a GIF
        paths.append(tmp_path / f"{index}.png")
        noise = random.integers(0, 256, (700, 1000, 3), dtype=np.uint8)
        Image.fromarray(noise).save(paths[-1], compress_level=1)
    out = tmp_path / "t.gif"
    drawing.animate(paths, out)
    assert out.stat().st_size < 800_000
    with Image.open(out) as gif:
        assert gif.width <= 640
        assert gif.n_frames == 12 or out.stat().st_size > 400_000
