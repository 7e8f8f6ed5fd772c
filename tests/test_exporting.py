"""Samples as files: streamed, whole, and never in the place of a user's."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint import drawing, exporting, outputs
from saddlepoint.cli import main
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput, Interrupted, RunStopped
from saddlepoint.exporting import check_form, check_target, fits, write_samples
from saddlepoint.outputs import LEDGER


def info(*shape: int) -> DataInfo:
    return DataInfo(
        name="x",
        shape=shape,
        form="images" if len(shape) == 3 else "vectors",
        counts={"train": 9},
        fingerprint="0" * 64,
    )


def blocks(samples: np.ndarray, size: int = 64) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def noise(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (n, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def images_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "digits"
    sp.train(tiny("gan", 3), out, quiet=True)
    return out


@pytest.fixture(scope="module")
def seeds_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "ring"
    sp.train(tiny("gan", 3, data="ring").replace(seeds=2), out, quiet=True)
    return out


def test_batches_are_the_samples_bit_for_bit(images_run: Path, seeds_run: Path) -> None:
    for run, members in ((images_run, 1), (seeds_run, 2)):
        model = sp.load(run)
        for n, member, block in itertools.product((1, 64, 200), range(members), (64, 128, None)):
            whole = model.sample(n, 5, member=member)
            parts = list(model.batches(n, 5, member=member, block=block))
            assert torch.equal(torch.cat(parts), whole)
            if block is not None:
                assert len(parts) == -(-n // block)
        for wrong in ({"n": 0}, {"n": 5, "seed": -1}, {"n": 5, "member": 2}, {"n": 5, "block": 65}):
            with pytest.raises(BadInput):
                model.batches(**wrong)  # before the first is drawn


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 8), (5,)])
def test_streamed_arrays_are_what_numpy_writes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    samples = noise(150, *shape)
    array = drawing.to_uint8(samples).transpose(0, 2, 3, 1) if len(shape) == 3 else samples
    for name in ("a.npy", "a.npz"):
        write_samples(blocks(samples), 150, tmp_path / name, info(*shape), quiet=True)
    expected = io.BytesIO()
    np.save(expected, np.ascontiguousarray(array))
    assert (tmp_path / "a.npy").read_bytes() == expected.getvalue()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive.files == ["x"]
        assert archive["x"].dtype == array.dtype
        assert np.array_equal(archive["x"], array)
        [member] = archive.zip.infolist()
        assert member.compress_type == 8, "deflated"


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_a_folder_holds_every_sample_with_its_transparency(
    tmp_path: Path, channels: int, mode: str
) -> None:
    samples = noise(150, channels, 9, 8)
    write_samples(blocks(samples), 150, tmp_path / "a", info(channels, 9, 8), quiet=True)
    names = sorted(path.name for path in (tmp_path / "a").glob("*.png"))
    assert names == [f"{index:05d}.png" for index in range(150)]
    expected = drawing.to_uint8(samples).transpose(0, 2, 3, 1)
    for index, name in enumerate(names):
        with Image.open(tmp_path / "a" / name) as image:
            assert image.mode == mode
            pixels = np.asarray(image).reshape(expected[index].shape)
        assert np.array_equal(pixels, expected[index])


@pytest.mark.parametrize("name", ["pictures", "a.npz", "a.npy"])
def test_memory_does_not_grow_with_the_number(tmp_path: Path, name: str) -> None:
    def peak(n: int) -> int:
        same = noise(64, 1, 32, 32)
        stream = (same for _ in range(n // 64))
        tracemalloc.start()
        try:
            write_samples(stream, n, tmp_path / f"{n}-{name}", info(1, 32, 32), quiet=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(64)  # what is loaded once counts for nobody
    few, many = peak(256), peak(2048)
    assert many < few + 2**19, "1,792 more samples take 7 MiB as floats, 1.8 MiB as bytes"


def test_a_grid_has_a_limit_that_is_told_before_sampling(images_run: Path, tmp_path: Path) -> None:
    assert fits(info(3, 64, 64)) == 24 * 124
    assert fits(info(3, 1024, 1024)) == 64
    most = fits(info(1, 28, 28))
    check_form(tmp_path / "grid.png", most, info(1, 28, 28))
    with pytest.raises(BadInput, match=rf"at most {most:,} of these images.*\.npz"):
        check_form(tmp_path / "grid.png", most + 1, info(1, 28, 28))
    picture = drawing.grid(np.zeros((most, 1, 28, 28), dtype=np.uint8))
    assert picture.width <= 1600
    assert picture.height <= 8192
    check_form(tmp_path / "points.png", 10**6, info(2))
    check_form(tmp_path / "folder", 10**6, info(3, 64, 64))


def test_a_target_is_checked_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for out, words in [
        (tmp_path / "a.jpg", r"end it in \.png"),
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / "file", "exists already"),
        (tmp_path / "file/a.png", "cannot write"),
    ]:
        with pytest.raises((BadInput, RunStopped), match=words):
            check_target(out)


def test_a_users_own_photographs_stay(
    images_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "00000.png").write_bytes(b"a photograph")
    (tmp_path / "best.png").write_bytes(b"a photograph")
    for out, words in [
        (photos, []),
        (photos, ["--overwrite"]),
        (tmp_path / "best.png", []),
        (tmp_path / "best.png", ["--overwrite"]),
    ]:
        with pytest.raises(SystemExit) as stop:
            main(["sample", str(images_run), "--n", "3", "--out", str(out), *words])
        assert stop.value.code == 2
        assert out.name in capsys.readouterr().err
    assert [p.name for p in photos.iterdir()] == ["00000.png"]
    assert (photos / "00000.png").read_bytes() == b"a photograph"
    assert (tmp_path / "best.png").read_bytes() == b"a photograph"


def test_fewer_new_samples_do_not_mix_with_old_ones(images_run: Path, tmp_path: Path) -> None:
    words = ["sample", str(images_run), "--out", str(tmp_path / "a")]
    main([*words, "--n", "9"])
    with pytest.raises(SystemExit):
        main([*words, "--n", "3", "--seed", "1"])
    assert len(list((tmp_path / "a").glob("*.png"))) == 9
    main([*words, "--n", "3", "--seed", "1", "--overwrite"])
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        LEDGER,
        *(f"0000{index}.png" for index in range(3)),
    ]
    for seed in ("1", "2"):
        out = ["--out", str(tmp_path / "a.npz"), "--overwrite"]
        main(["sample", str(images_run), "--n", "3", "--seed", seed, *out])
    expected = sp.load(images_run).sample(3, 2).numpy()
    assert np.array_equal(
        np.load(tmp_path / "a.npz")["x"], drawing.to_uint8(expected).transpose(0, 2, 3, 1)
    )


def test_the_default_name_gives_way(
    images_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples.png").write_bytes(b"mine")
    for name in ("samples-2.png", "samples-3.png"):
        main(["sample", str(images_run), "--n", "3"])
        assert name in capsys.readouterr().out
    assert (tmp_path / "samples.png").read_bytes() == b"mine"
    with pytest.raises(SystemExit):
        main(["sample", str(images_run), "--n", "3", "--overwrite"])
    assert (tmp_path / "samples.png").read_bytes() == b"mine"


def interrupted(n: int, after: int) -> Iterator[np.ndarray]:
    yield noise(after, 1, 8, 8)
    raise KeyboardInterrupt


def test_ctrl_c_leaves_whole_known_files_and_says_how_many(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"Ctrl-C: \d+ of 1,000 samples are in .*whole; repeat"):
        write_samples(interrupted(1000, 200), 1000, tmp_path / "a", info(1, 8, 8), quiet=True)
    pngs = sorted((tmp_path / "a").glob("*.png"))
    assert 100 < len(pngs) <= 200
    for path in pngs:
        Image.open(path).load()
    check_target(tmp_path / "a", overwrite=True)
    for name in ("a.npz", "a.npy", "a.png"):
        with pytest.raises(Interrupted, match="nothing was written"):
            write_samples(interrupted(9, 3), 9, tmp_path / name, info(1, 8, 8), quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_earlier_file_is_kept_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out, data = tmp_path / "a.npz", info(1, 8, 8)
    write_samples(iter([noise(3, 1, 8, 8)]), 3, out, data, quiet=True)
    before = out.read_bytes()
    with pytest.raises(Interrupted):
        write_samples(interrupted(9, 3), 9, out, data, overwrite=True, quiet=True)
    assert out.read_bytes() == before


def test_a_full_disk_says_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, written = outputs.write_aside, []

    def write(path: Path, data: bytes, **settings: Any) -> None:
        if len(written) == 30:
            raise OSError(28, "No space left on device")
        written.append(path)
        original(path, data, **settings)

    monkeypatch.setattr(outputs, "write_aside", write)
    with pytest.raises(RunStopped, match=r"No space left.*the 30 file\(s\) before it are whole"):
        write_samples(iter([noise(64, 1, 8, 8)]), 64, tmp_path / "a", info(1, 8, 8), quiet=True)
    assert len(list((tmp_path / "a").glob("*.png"))) == 30
    check_target(tmp_path / "a", overwrite=True)


def test_progress_is_a_line_every_so_often_with_rate_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count(0.0, 2.0)
    monkeypatch.setattr(exporting.time, "monotonic", lambda: next(clock))
    write_samples(blocks(noise(20, 1, 8, 8), 1), 20, tmp_path / "a", info(1, 8, 8))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[0] == "sample 5/20  0.5 a second  30 s left"
    write_samples(blocks(noise(20, 1, 8, 8), 1), 20, tmp_path / "b", info(1, 8, 8), quiet=True)
    assert capsys.readouterr().err == ""
