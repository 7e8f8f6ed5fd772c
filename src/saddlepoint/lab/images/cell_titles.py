"""Titles of cells that are a model on some data with a seed, and their folders (torch-free)."""

from __future__ import annotations

from pathlib import Path


def title(data: str, model: str, seed: int) -> str:
    """Of a cell: its data by their name alone, its model and its seed."""
    return f"{Path(data).stem}: {model}, seed {seed}"


def parts(title: str) -> tuple[str, str, int]:
    """What a title is made of."""
    before, seed = title.rsplit(", seed ", 1)
    data, model = before.rsplit(": ", 1)
    return data, model, int(seed)


def file_name(data: str, model: str, seed: int) -> str:
    """Of a cell's folder."""
    return f"{Path(data).stem}-{model}-{seed}".replace(" ", "-")
