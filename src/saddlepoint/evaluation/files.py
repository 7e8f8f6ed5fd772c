"""Where evaluations and comparisons are kept: nothing is lost, nothing of a user's replaced."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path
from typing import Any

from PIL import Image

from saddlepoint import drawing
from saddlepoint.errors import BadInput
from saddlepoint.evaluation.comparison import Comparison
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.strips import strips
from saddlepoint.outputs import check_writable, replace_output, write_output
from saddlepoint.run.description import EVALUATIONS, read_json


def check_run(run: Path) -> None:
    """Notice before the work that a run directory cannot take an evaluation.

    Raises:
        RunStopped: It cannot.
    """
    check_writable(run)


def write_beside_run(evaluation: Evaluation, run: Path) -> list[Path]:
    """Write an evaluation into ``run/evaluations``.

    Its name holds the feature spaces and the step. It replaces an earlier one that answers the same
    request (checkpoint, number, seed, scores); any other keeps its place and the new one gets a
    number.
    """
    folder = run / EVALUATIONS
    spaces = dict.fromkeys(_word(row.space) for row in evaluation.rows if row.space)
    words = [_word(word) for word in evaluation.facts["request"]["features"]]
    words = [next(iter(spaces), "pixels") if word == "auto" else word for word in words]
    stem = f"{'+'.join(dict.fromkeys(words))}-step-{evaluation.facts.get('step', 0)}"
    number, name = 1, stem
    while (path := folder / f"{name}.json").exists() and not _same(path, evaluation):
        number += 1
        name = f"{stem}-{number}"
    return _write(evaluation, folder, name, replace=True)


def write_to(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write ``evaluation.json`` and its pictures into a folder that was found free for them."""
    return _write(evaluation, folder, "evaluation", replace=False)


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.json`` and ``comparison.png`` into a folder that was found free."""
    named = [
        (group.name if len(group.evaluations) == 1 else f"{group.name} #{index}", evaluation)
        for group in comparison.groups
        for index, evaluation in enumerate(group.evaluations)
    ]
    contents = {
        "comparison.json": _text(comparison.as_json()),
        "comparison.png": _png(strips(named)),
    }
    for name, data in contents.items():
        write_output(folder / name, data)
    return [folder / name for name in contents]


def _write(evaluation: Evaluation, folder: Path, name: str, replace: bool) -> list[Path]:
    """Write the figures, the picture of all, and the pictures that scores made."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    contents = {
        f"{name}.json": _text({**evaluation.as_json(), "time": stamp}),
        f"{name}.png": _png(strips([(evaluation.candidate, evaluation)])),
    }
    for word, images in evaluation.pictures.items():
        rows, columns = images.shape[:2]
        flat = images.reshape(rows * columns, *images.shape[2:])
        contents[f"{name}-{word}.png"] = _png(drawing.grid(flat, columns))
    for file, data in contents.items():
        (replace_output if replace else write_output)(folder / file, data)
    return [folder / file for file in contents]


def _same(path: Path, evaluation: Evaluation) -> bool:
    """Whether the evaluation at ``path`` answered the same request."""
    try:
        earlier = read_json(path)
    except BadInput:  # not ours, or damaged: it stays
        return False
    facts = earlier.get("facts", {})
    if not isinstance(facts, dict):
        return False
    present = json.loads(_text(evaluation.facts))
    return all(facts.get(key) == present.get(key) for key in ("request", "step", "seed", "data"))


def _word(name: str) -> str:
    """A space's name as a part of a file name."""
    first = name.split(" (")[0].split("/")[-1]
    return re.sub(r"[^a-z0-9.]+", "-", first.lower()).strip("-") or "features"


def _text(body: Any) -> bytes:
    return json.dumps(body, indent=1, allow_nan=False).encode()


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
