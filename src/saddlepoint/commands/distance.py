"""``saddlepoint distance``: how far two distributions are apart."""

from __future__ import annotations

import json
from pathlib import Path

from tyro.conf import Positional


def distance(
    first: Positional[str],
    second: Positional[str],
    *,
    of: tuple[str, ...] = (),
    n: int = 1000,
    bins: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Say how far two distributions of points are apart, with intervals and certificates.

    Args:
        first: A toy (ring, grid, ...), an .npy or .npz file of points, or a run directory.
        second: The same.
        of: Divergences, such as kl or wasserstein-1 (a wrong word lists them all; by default five
            of them).
        n: Points of each side, where samples are compared.
        bins: Compare histograms of so many bins along each axis.
        seed: Of samples.
        out: New JSON file for the figures (by default none).
        overwrite: Replace what saddlepoint wrote there, if nobody changed it.
    """
    from saddlepoint.errors import BadInput
    from saddlepoint.outputs import check_output, clear_output, write_output

    if out is not None:
        if out.suffix != ".json":
            raise BadInput(f"--out {out}: the figures are written as .json.")
        check_output(out, overwrite=overwrite)
    elif overwrite:
        raise BadInput("--overwrite is for a file that --out names.")
    from saddlepoint.explore import distance as measure
    from saddlepoint.explore.distance import USUAL

    found = measure(first, second, of or USUAL, n=n, bins=bins, seed=seed)
    print(found)
    if out is not None:
        clear_output(out)
        write_output(out, json.dumps(found.as_json(), indent=1).encode())
        print(f"\nwritten: {out}")
