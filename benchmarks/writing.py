"""A folder of single PNGs: one sync at the end against one a file, interleaved; and memory.

    python benchmarks/writing.py [--pictures 500] [--rounds 5] [--many 50000] [--json FILE]

Both write the same random pictures (worst for PNG) with the library's own code: the one as `sample
--out FOLDER` does, the other with each file synced by itself. The ratio is the median over rounds;
pictures a second say more of the disk than of the code. Peak memory is that of a process of its
own that writes 2,000 or ``--many`` pictures.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from saddlepoint import drawing
from saddlepoint.data.info import DataInfo
from saddlepoint.exporting import write_samples
from saddlepoint.outputs import write_aside

FEW = 2000
BLOCK = 512


def described(side: int) -> DataInfo:
    """Data whose samples are colour pictures of this side."""
    return DataInfo(
        name="noise",
        shape=(3, side, side),
        form="images",
        counts={"train": 2},
        fingerprint="0" * 64,
    )


def blocks(n: int, side: int) -> Iterator[np.ndarray]:
    """``n`` random pictures."""
    random = np.random.default_rng(0)
    for start in range(0, n, BLOCK):
        size = (min(BLOCK, n - start), 3, side, side)
        yield random.uniform(-1, 1, size).astype(np.float32)


def streamed(n: int, side: int, out: Path) -> None:
    """Write as the library does."""
    write_samples(blocks(n, side), n, out, described(side), quiet=True)


def synced(n: int, side: int, out: Path) -> None:
    """Write one after the other, each synced to the disk."""
    out.mkdir()
    for index, sample in enumerate(sample for block in blocks(n, side) for sample in block):
        picture = drawing.grid(sample[None], 1, padding=0, scale=1)
        write_aside(out / f"{index:05d}.png", drawing.png(picture))


def peak(n: int, side: int) -> float:
    """Peak resident memory, MiB, of a process that writes ``n`` pictures."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", str(n), "--side", str(side)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--only", type=int, help="write so many and print the peak memory in MiB")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    n, side = options.pictures, options.side
    with tempfile.TemporaryDirectory() as folder:
        if options.only:
            streamed(options.only, side, Path(folder) / "pictures")
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        seconds: dict[str, list[float]] = {"one sync": [], "a sync a file": []}
        for number in range(options.rounds):
            for name, write in (("one sync", streamed), ("a sync a file", synced)):
                start = time.perf_counter()
                write(n, side, Path(folder) / f"{name}-{number}")
                seconds[name].append(time.perf_counter() - start)
    ratios = [
        slow / fast
        for fast, slow in zip(seconds["one sync"], seconds["a sync a file"], strict=True)
    ]
    found = {
        "pictures": n,
        "side": side,
        "rounds": options.rounds,
        "a_second": {name: n / statistics.median(each) for name, each in seconds.items()},
        "ratio": {"median": statistics.median(ratios), "each": ratios},
        "peak_mib": {str(count): peak(count, side) for count in (FEW, options.many)},
    }
    for name, rate in found["a_second"].items():  # type: ignore[attr-defined]
        print(f"{name:<14} {rate:8.0f} pictures a second")
    print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    for count, mib in found["peak_mib"].items():  # type: ignore[attr-defined]
        print(f"{int(count):>7,} pictures: peak {mib:.0f} MiB")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
