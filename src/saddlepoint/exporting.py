"""Samples as files: a grid, an array, or a folder of pictures, by what the target is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saddlepoint import pictures
from saddlepoint.errors import BadInput, RunStopped


def check_target(out: Path) -> None:
    """Refuse a target that names no known form, before anything is computed."""
    if out.suffix.lower() in (".png", ".npz", ".npy") or (not out.suffix and not out.is_file()):
        return
    raise BadInput(f"--out {out}: end it in .png, .npz or .npy, or name a folder for single PNGs.")


def write_samples(samples: np.ndarray, out: Path, *, images: bool) -> None:
    """Write ``samples`` (n, *shape) to ``out``.

    Images are stored in arrays as uint8, channels last, which `--data` reads back; vectors as
    float32.

    Raises:
        BadInput: A folder of pictures was asked for vectors.
        RunStopped: The target cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        kind = out.suffix.lower()
        if kind == ".png":
            pictures.save_png(pictures.draw(samples, images=images), out)
        elif kind in (".npz", ".npy"):
            array = pictures.to_uint8(samples).transpose(0, 2, 3, 1) if images else samples
            with out.open("wb") as file:
                if kind == ".npz":
                    np.savez_compressed(file, x=array)
                else:
                    np.save(file, array)
        elif images:
            out.mkdir(exist_ok=True)
            digits = max(5, len(str(len(samples) - 1)))
            for index, sample in enumerate(samples):
                picture = pictures.grid(sample[None], 1, padding=0, scale=1)
                pictures.save_png(picture, out / f"{index:0{digits}d}.png")
        else:
            raise BadInput(f"--out {out}: these samples are vectors, so use .png, .npz or .npy.")
    except OSError as error:
        raise RunStopped(f"cannot write {out} ({error.strerror or error}).") from error
