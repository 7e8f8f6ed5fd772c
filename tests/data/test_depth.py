"""What pictures hold: 16 bits and fewer, pages, grey in colour; and whose messages are seen."""

import io
import logging
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.data.decoding import UndecodableError, read_header, render
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
ALL = Split(validation=0, test=0)


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(*shape, high=256, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


def rendering(channels=1, bits=16, side=16):
    return Rendering(side, side, channels, "crop", (255, 255, 255), bits)


def opened(root, **settings):
    return Folder(path=root, split=ALL, **settings).open()


def said(root, **settings):
    return " ".join(opened(root, **settings).info.notes)


def fill(root, images, form="png", **options):
    root.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        (root / f"{number:02}.{form}").write_bytes(
            saved(image, {"tif": "TIFF", "jfif": "JPEG", "jpe": "JPEG"}.get(form, form), **options)
        )
    return root


def deep(high, n=4, top=None):
    """Grey 16-bit images of levels below ``high``; the first holds ``top``."""
    values = noise(n, 16, 16, high=high).astype(np.uint16)
    if top is not None:
        values[0, 0, 0] = top
    return [Image.fromarray(each) for each in values]


@pytest.mark.parametrize("memory", [0, 1])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_fewer_bits_than_sixteen_are_told_with_the_option(tmp_path, form, memory):
    root = fill(tmp_path / "a", deep(4000, top=4079), form)
    notes = said(root, memory_gib=memory)
    assert "4 image(s) of 16 bits were reduced to 8." in notes
    assert (
        "4 image(s) of 16 bits hold levels up to 4,079, so 12 bits: pass --data.bits 12 (bits=12 "
        "in Python) to stretch them to full range."
    ) in notes
    # Told, not done: what is trained on stays as it was.
    x = opened(root, memory_gib=memory).take("train", 9, CPU).x
    assert x.max() < -0.85
    notes = said(root, memory_gib=memory, bits=12)
    assert "levels 0 to 4,095 were stretched" in notes
    assert "hold levels up to" not in notes


def test_stretching_is_exact(tmp_path):
    levels = noise(16, 16, high=4096).astype(np.uint16)
    levels[0, :2] = 0, 4095
    pixels = render(saved(Image.fromarray(levels)), rendering(bits=12))[..., 0]
    assert np.array_equal(pixels, np.rint(levels.astype(float) * 255 / 4095))
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize(
    ("top", "bits"), [(200, 8), (255, 8), (256, 9), (1023, 10), (16383, 14), (32767, 15)]
)
def test_the_number_of_bits_is_the_fewest_that_hold_all_levels(tmp_path, top, bits):
    assert f"so {bits} bits" in said(fill(tmp_path / "a", deep(100, top=top)))


def test_full_sixteen_bits_call_for_nothing(tmp_path):
    root = fill(tmp_path / "a", deep(100, top=32768))
    assert "hold levels" not in said(root)


def test_levels_above_the_bits_become_white_and_are_counted(tmp_path):
    root = fill(tmp_path / "a", deep(1000, top=5000))
    assert (
        "1 image(s) of 16 bits hold levels above 4,095, up to 5,000, which became white."
        in said(root, bits=12)
    )
    assert opened(root, bits=12).take("train", 9, CPU).x.max() == 1


def test_bits_without_sixteen_bit_images_are_said_to_do_nothing(tmp_path):
    root = fill(tmp_path / "a", [Image.fromarray(noise(16, 16).astype(np.uint8))] * 3)
    assert "bits = 12 changed nothing" in said(root, bits=12)
    assert "bits" not in said(root)


def test_bits_are_part_of_a_streamed_run(tmp_path):
    root = fill(tmp_path / "a", deep(4000))
    one = Folder(path=root, memory_gib=0).open(keep=tmp_path / "run")
    assert one.info.fingerprint != opened(root, memory_gib=0, bits=12).info.fingerprint
    with pytest.raises(BadInput, match="began with bits = 16"):
        Folder(path=root, memory_gib=0, bits=12).open(keep=tmp_path / "run")


def deep_png(values):
    """A PNG of 16 bits in each of three channels, which Pillow cannot write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_colour_of_sixteen_bits_is_read_by_its_upper_byte_and_said(tmp_path):
    values = noise(16, 16, 3, high=65536)
    assert np.array_equal(render(deep_png(values), rendering(3)), values >> 8)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(deep_png(values))
    notes = said(tmp_path)
    assert "3 image(s) with 16 bits in each channel were read by their upper 8 bits." in notes
    assert "use" not in notes.split("upper 8 bits.")[1]
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(deep_png(values % 4096))
    assert "3 image(s) with 16 bits in each channel use 12 of them at most" in said(tmp_path)


@pytest.mark.parametrize("form", ["jfif", "jpe"])
def test_more_suffixes_of_jpeg_are_read(tmp_path, form):
    root = fill(tmp_path / "a", [Image.fromarray(noise(16, 16).astype(np.uint8))] * 3, form)
    assert sum(opened(root).info.counts.values()) == 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
def test_tiff_is_read_like_png(mode, compression):
    if mode == "I;16":
        image = Image.fromarray(noise(16, 16, high=65536).astype(np.uint16))
    elif mode == "P":
        image = Image.fromarray(noise(16, 16, 3).astype(np.uint8)).quantize(16)
    else:
        image = Image.fromarray(noise(16, 16, 4).astype(np.uint8)).convert(mode)
    channels = 4 if mode in ("RGBA", "LA") else 3
    one = render(saved(image, "TIFF", compression=compression), rendering(channels))
    assert np.array_equal(one, render(saved(image, "PNG"), rendering(channels)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_stands_upright_and_its_header_knows(tmp_path, orientation):
    values = noise(16, 20, 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").write_bytes(
        saved(Image.fromarray(values), "TIFF", tiffinfo={0x0112: orientation})
    )
    (tmp_path / "b").write_bytes(saved(Image.fromarray(values), "PNG", exif=exif))
    one, other = read_header(tmp_path / "a"), read_header(tmp_path / "b")
    assert (one.height, one.width) == (other.height, other.width)
    same = Rendering(one.height, one.width, 3, "crop", (0, 0, 0))
    assert np.array_equal(render(tmp_path / "a", same), render(tmp_path / "b", same))


def test_sixteen_bit_tiff_with_white_at_zero_is_turned():
    levels = noise(16, 16, high=65536).astype(np.uint16)
    dark = saved(Image.fromarray(levels), "TIFF", tiffinfo={262: 0})
    assert Image.open(io.BytesIO(dark)).tag_v2[262] == 0
    pixels = render(dark, rendering())[..., 0]
    assert np.array_equal(pixels, np.rint((65535 - levels.astype(float)) / 257))


def test_only_the_first_page_is_read_and_it_is_said(tmp_path):
    pages = [Image.fromarray(noise(16, 16, seed=s).astype(np.uint8)) for s in range(3)]
    (tmp_path / "0.tif").write_bytes(
        saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    )
    (tmp_path / "1.tiff").write_bytes(saved(pages[1], "TIFF"))
    data = opened(tmp_path)
    assert "1 TIFF file(s) have more pages than the first, which alone is read." in data.info.notes
    shown = {x.numpy().tobytes() for x in ((data.take("train", 9, CPU).x + 1) * 127.5).round()}
    assert shown == {np.asarray(p, dtype=np.float32)[None].tobytes() for p in pages[:2]}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((16, 16), np.float32), "floating-point values, which have no fixed black"),
        (np.zeros((16, 16), np.int32), "signed or 32-bit values, which have no fixed black"),
    ],
)
def test_numbers_without_black_and_white_are_left_out_with_the_reason(tmp_path, values, reason):
    good = Image.fromarray(noise(16, 16).astype(np.uint8))
    fill(tmp_path / "a", [good, good, Image.fromarray(values)], "tif")
    notes = said(tmp_path / "a")
    assert "1 of 3 files could not be decoded and were left out: 02.tif" in notes
    assert reason in notes
    with pytest.raises(UndecodableError, match=reason):
        render(tmp_path / "a" / "02.tif", rendering())


@pytest.mark.parametrize("memory", [0, 1])
@pytest.mark.parametrize("form", ["png", "tif", "bmp"])
def test_grey_stored_in_colour_is_told_with_the_option(tmp_path, form, memory):
    grey = [Image.fromarray(noise(16, 16, seed=s).astype(np.uint8)) for s in range(4)]
    root = fill(tmp_path / "a", [*(each.convert("RGB") for each in grey[:3]), grey[3]], form)
    data = opened(root, memory_gib=memory)
    assert data.info.shape == (3, 16, 16)
    notes = " ".join(data.info.notes)
    assert "3 image(s) stored in colour are grey in every pixel" in notes
    assert "--data.channels 1 (channels=1 in Python)" in notes
    assert "grey in every pixel" not in said(root, channels=3, memory_gib=memory)
    assert opened(root, channels=1, memory_gib=memory).info.shape == (1, 16, 16)


def test_one_coloured_pixel_is_colour(tmp_path):
    values = np.repeat(noise(4, 40, 40, 1), 3, axis=-1).astype(np.uint8)
    values[2, 17, 5] = 1, 2, 3
    root = fill(tmp_path / "a", [Image.fromarray(each) for each in values])
    assert "grey in every pixel" not in said(root)
    grey = fill(tmp_path / "b", [Image.fromarray(each).convert("L") for each in values])
    assert "grey in every pixel" not in said(grey)


def test_pillows_warnings_stay_off_the_screen_and_the_users_own_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    picture = Image.fromarray(noise(16, 16, 3).astype(np.uint8))
    palette = picture.quantize(8)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(saved(picture))
    (tmp_path / "p.png").write_bytes(saved(palette, transparency=bytes([255, 0, 3])))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\0garbage"
    (tmp_path / "e.jpg").write_bytes(saved(picture, "JPEG", exif=exif))
    for memory in (0, 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            data = opened(tmp_path, memory_gib=memory)
            data.take("train", 9, CPU)
        assert [str(each.message) for each in caught] == []
        assert sum(data.info.counts.values()) == 5
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(tmp_path / "0.png")


def test_warnings_turned_into_errors_do_not_lose_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    root = fill(tmp_path / "a", [Image.fromarray(noise(16, 16).astype(np.uint8))] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(opened(root).info.counts.values()) == 3


def test_damaged_tiff_writes_nothing_to_the_screen(tmp_path):
    bits = Image.fromarray(noise(64, 64) > 127)
    good = saved(bits, "TIFF", compression="group4")
    # libtiff reads on behind a bad code, prints a line, and leaves the rest of the row empty.
    with Image.open(io.BytesIO(good)) as image:
        start = image.tag_v2[273][0] + 60
    (tmp_path / "0.tif").write_bytes(good[:start] + b"\0" * 20 + good[start + 20 :])
    colour = bytearray(saved(bits.convert("RGB"), "TIFF"))
    at = colour.find(struct.pack("<HHI", 277, 3, 1))
    struct.pack_into("<H", colour, at + 8, 65535)
    (tmp_path / "1.tif").write_bytes(bytes(colour))
    for number in (2, 3):
        (tmp_path / f"{number}.tif").write_bytes(good)
    program = (
        "import sys\nfrom saddlepoint.data.folder import Folder\n"
        "print(*Folder(path=sys.argv[1]).open().info.notes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "2 of 4 files could not be decoded" in done.stdout
    assert not logging.getLogger("PIL.TiffImagePlugin").disabled
