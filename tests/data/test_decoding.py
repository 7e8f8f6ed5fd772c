"""Single image files: colour modes, EXIF, sizes, antialiasing, transparency, damage."""

import io

import numpy as np
import pytest
from PIL import Image

from saddlepoint.data.decoding import (
    Rendering,
    UndecodableError,
    plain_mode,
    read_header,
    render,
    render_with_facts,
)


def rendering(height=16, width=16, channels=3, resize="crop", background=(255, 255, 255)):
    return Rendering(height, width, channels, resize, background)


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def grey_of(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


def test_plain_grey_and_colour_are_exact():
    grey, colour = noise(16, 16), noise(16, 16, 3)
    assert np.array_equal(render(saved(Image.fromarray(grey)), rendering(channels=1))[..., 0], grey)
    assert np.array_equal(render(saved(Image.fromarray(colour)), rendering()), colour)
    assert np.array_equal(
        render(saved(Image.fromarray(grey)), rendering()), np.stack([grey] * 3, axis=-1)
    )
    assert np.array_equal(
        render(saved(Image.fromarray(colour)), rendering(channels=1))[..., 0], grey_of(colour)
    )


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
def test_every_format(form):
    flat = np.full((16, 16, 3), (200, 40, 90), dtype=np.uint8)
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = render(saved(Image.fromarray(flat), form, **options), rendering())
    assert np.abs(pixels.astype(int) - flat).max() <= (3 if form == "JPEG" else 0)


def test_one_bit_images_are_black_and_white():
    bits = noise(16, 16) > 127
    pixels = render(saved(Image.fromarray(bits)), rendering(channels=1))
    assert np.array_equal(pixels[..., 0], bits * 255)


def test_sixteen_bits_are_scaled_not_cut():
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    deep[3:9] += noise(6, 16)
    data = saved(Image.fromarray(deep))
    pixels = render(data, rendering(channels=1))[..., 0]
    assert np.array_equal(pixels, np.rint(deep / 257))
    assert pixels.max() == 255
    # Older versions of Pillow open the same file in this mode.
    image = Image.fromarray(deep.astype(np.int32))
    assert image.mode == "I"
    assert np.array_equal(np.asarray(plain_mode(image)), pixels)
    data = saved(Image.fromarray(deep), transparency=int(deep[2, 2]))
    alpha = render(data, rendering(channels=2))[..., 1]
    assert np.array_equal(alpha == 0, deep == deep[2, 2])


def test_palettes_with_and_without_transparency():
    image = Image.fromarray((np.arange(256).reshape(16, 16) % 2).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    pixels = render(saved(image), rendering())
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 1].tolist() == [0, 0, 255]
    for transparency in (1, bytes([255, 0])):
        data = saved(image, transparency=transparency)
        pixels = render(data, rendering(background=(1, 2, 3)))
        assert pixels[0, 0].tolist() == [255, 0, 0]
        assert pixels[0, 1].tolist() == [1, 2, 3]
    assert render(data, rendering(channels=4))[0, :2, 3].tolist() == [255, 0]


def test_a_colour_declared_transparent_is_transparent():
    flat = np.full((16, 16, 3), 10, dtype=np.uint8)
    flat[0, 0] = 20
    data = saved(Image.fromarray(flat), transparency=(10, 10, 10))
    pixels = render(data, rendering(background=(7, 8, 9)))
    assert pixels[0, 0].tolist() == [20, 20, 20]
    assert pixels[5, 5].tolist() == [7, 8, 9]
    data = saved(Image.fromarray(flat[..., 0]), transparency=10)
    assert render(data, rendering(channels=2))[0, :2].tolist() == [[20, 255], [10, 0]]


def test_cmyk_is_converted():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = render(saved(image, "JPEG", quality=95), rendering())
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() < 6


def test_transparency_shows_the_background():
    values = np.zeros((16, 16, 4), dtype=np.uint8)
    values[..., 0] = 200
    values[:, :8, 3] = 255
    values[8:, :8, 3] = 51  # one fifth
    pixels = render(saved(Image.fromarray(values)), rendering(background=(0, 100, 0)))
    assert pixels[0, 0].tolist() == [200, 0, 0]
    assert pixels[0, 12].tolist() == [0, 100, 0]
    assert pixels[12, 0].tolist() == [40, 80, 0]
    grey = render(saved(Image.fromarray(values)), rendering(channels=1, background=(90, 90, 90)))
    assert grey[0, 12, 0] == 90


@pytest.mark.parametrize("channels", [3, 4])
def test_hidden_colours_do_not_bleed_when_resizing(channels):
    # Red where it is seen, green where it is not.
    values = np.zeros((64, 64, 4), dtype=np.uint8)
    values[:, :31] = (255, 0, 0, 255)
    values[:, 31:] = (0, 255, 0, 0)
    pixels = render(
        saved(Image.fromarray(values)), rendering(channels=channels, background=(0, 0, 0))
    )
    if channels == 4:
        visible = pixels[pixels[..., 3] > 8]
        assert visible[:, 1].max() == 0
        assert visible[:, 0].min() > 240
    assert channels == 4 or pixels[..., 1].max() == 0


def test_alpha_can_be_kept():
    grey_alpha, colour_alpha = noise(16, 16, 2), noise(16, 16, 4)
    data = saved(Image.fromarray(grey_alpha, "LA"))
    assert np.array_equal(render(data, rendering(channels=2)), grey_alpha)
    assert np.array_equal(
        render(saved(Image.fromarray(colour_alpha)), rendering(channels=4)), colour_alpha
    )
    opaque = render(saved(Image.fromarray(noise(16, 16, 3))), rendering(channels=4))
    assert (opaque[..., 3] == 255).all()
    assert np.array_equal(
        render(saved(Image.fromarray(grey_alpha[..., 0])), rendering(channels=2))[..., 0],
        grey_alpha[..., 0],
    )


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_exif_rotation(tmp_path, orientation, upright):
    values = noise(10, 20, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = upright(values)
    data = saved(Image.fromarray(values), exif=exif)
    height, width = expected.shape[:2]
    assert np.array_equal(render(data, rendering(height, width)), expected)
    for form in ("PNG", "JPEG", "WEBP"):
        path = tmp_path / "image"
        path.write_bytes(saved(Image.fromarray(values), form, exif=exif))
        header = read_header(path)
        assert (header.height, header.width) == (height, width)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_spoil_the_pixels(tmp_path):
    values = noise(16, 16, 3)
    data = saved(Image.fromarray(values), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\0garbage")
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(render(data, rendering()), values)
    assert read_header(tmp_path / "a.png").width == 16


def checkerboard(side, period=1):
    rows, columns = np.indices((side, side)) // period
    return ((rows + columns) % 2 * 255).astype(np.uint8)


@pytest.mark.parametrize("factor", [2, 3, 4, 10])
@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_reduction_is_antialiased(factor, resize):
    data = saved(Image.fromarray(checkerboard(16 * factor)))
    pixels = render(data, rendering(channels=1, resize=resize)).astype(int)
    # Without antialiasing every pixel would be 0 or 255; the border sees a cut-off filter.
    assert np.abs(pixels[1:-1, 1:-1] - 127.5).max() < 26
    assert abs(pixels.mean() - 127.5) < 2


def test_large_jpegs_are_antialiased_too():
    data = saved(Image.fromarray(checkerboard(512)), "JPEG", quality=95)
    pixels = render(data, rendering(channels=1)).astype(int)
    assert np.abs(pixels - 127.5).max() < 10
    ramp = np.tile(np.linspace(0, 255, 512).astype(np.uint8), (512, 1))
    pixels = render(saved(Image.fromarray(ramp), "JPEG", quality=95), rendering(channels=1))
    assert np.abs(pixels[8, :, 0] - np.linspace(0, 255, 16) * 15 / 16 - 8).max() < 3


def test_jpegs_are_not_decoded_below_the_wanted_detail():
    data = saved(Image.fromarray(noise(128, 128, 3)), "JPEG", quality=95)
    decoded = saved(Image.open(io.BytesIO(data)))
    assert np.array_equal(render(data, rendering(64, 64)), render(decoded, rendering(64, 64)))


def test_crop_takes_the_middle_and_pad_shows_all():
    values = np.zeros((20, 60, 3), dtype=np.uint8)
    values[:, :20], values[:, 20:40], values[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    data = saved(Image.fromarray(values))
    crop = render(data, rendering(20, 20))
    assert (crop == (0, 255, 0)).all()
    pad = render(data, rendering(60, 60, resize="pad", background=(9, 8, 7)))
    assert np.array_equal(pad[20:40], values)
    assert (pad[:20] == (9, 8, 7)).all()
    assert (pad[40:] == (9, 8, 7)).all()
    stretch = render(data, rendering(60, 60, resize="stretch"))
    assert (stretch[:, 5] == (255, 0, 0)).all()
    assert (stretch[:, 55] == (0, 0, 255)).all()
    kept = render(data, rendering(60, 60, channels=4, resize="pad"))
    assert (kept[:20, :, 3] == 0).all()
    assert (kept[20:40, :, 3] == 255).all()
    grey = render(data, rendering(60, 60, channels=1, resize="pad", background=(50, 50, 50)))
    assert (grey[:20] == 50).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 999), (997, 3), (17, 23), (16, 31), (333, 16)])
@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("target", [(16, 16), (9, 33)])
def test_odd_sizes_all_arrive(size, resize, target):
    data = saved(Image.new("RGB", size, (10, 200, 30)))
    pixels = render(data, rendering(*target, resize=resize, background=(10, 200, 30)))
    assert pixels.shape == (*target, 3)
    assert (pixels == (10, 200, 30)).all()


def test_headers_tell_grey_and_deep(tmp_path):
    def header(image, form="PNG", **options):
        (tmp_path / "image").write_bytes(saved(image, form, **options))
        read = read_header(tmp_path / "image")
        return read.grey, read.sixteen_bit

    grey = Image.fromarray(noise(9, 9))
    assert header(grey) == (True, False)
    assert header(grey, transparency=3) == (True, False)
    assert header(grey.convert("1")) == (True, False)
    assert header(grey.convert("LA")) == (True, False)
    assert header(grey.convert("RGB")) == (False, False)
    assert header(grey.convert("RGBA")) == (False, False)
    assert header(grey.convert("CMYK"), "JPEG") == (False, False)
    assert header(Image.fromarray(noise(9, 9).astype(np.uint16))) == (True, True)
    palette = Image.fromarray(noise(9, 9) % 2, "P")
    palette.putpalette([5, 5, 5, 80, 80, 80])
    assert header(palette) == (True, False)
    palette.putpalette([5, 5, 5, 80, 80, 81])
    for form in ("PNG", "GIF", "BMP"):
        assert header(palette, form) == (False, False)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_pixels_tell_whether_any_is_transparent(mode):
    def transparent(image, **options):
        return render_with_facts(saved(image, **options), rendering())[1].transparent

    image = Image.fromarray(noise(9, 9)).convert(mode)
    assert not transparent(image)
    image.putpixel((8, 0), (*image.getpixel((8, 0))[:-1], 254))
    assert transparent(image)
    grey = Image.fromarray(np.full((9, 9), 7, np.uint8))
    assert not transparent(grey)
    assert transparent(grey, transparency=7)
    assert not transparent(grey, transparency=8)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_damaged_files_are_told_from_good_ones(form):
    data = saved(Image.fromarray(noise(64, 64, 3)), form)
    render(data, rendering())
    for bad in (data[: len(data) // 2], data[:40], b"", b"no image at all" * 20):
        with pytest.raises(UndecodableError):
            render(bad, rendering())


def test_other_formats_and_bombs_are_refused(monkeypatch):
    with pytest.raises(UndecodableError, match="not an image that can be read"):
        render(saved(Image.fromarray(noise(16, 16)), "PPM"), rendering())
    data = saved(Image.fromarray(noise(64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UndecodableError, match="too many pixels"):
        render(data, rendering())
