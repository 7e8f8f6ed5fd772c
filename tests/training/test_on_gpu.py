"""What a graphics card must not change; skipped where there is none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import IDS, VARIANTS, command, tensors, tiny
from saddlepoint.randomness import Streams

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

every_recipe = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@every_recipe
def test_every_recipe_trains_and_its_samples_are_finite(
    tmp_path: Path, name: str, options: dict[str, object], precision: str
) -> None:
    run = tiny(name, 8, device="cuda", precision=precision, **options)
    scalars = sp.train(run, tmp_path / "run", quiet=True).scalars
    assert scalars
    assert all(math.isfinite(value) for value in scalars.values())
    model = sp.load(tmp_path / "run", device="cuda")
    assert model.sample(6).isfinite().all()


@every_recipe
def test_the_first_step_is_that_of_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, object]
) -> None:
    """Weights and batches do not depend on the device; with the same noise nor do losses."""

    def drawn(self: Streams, draw: Any, shape: tuple[int, ...], purpose: tuple[Any, ...]) -> Tensor:
        there, self.device = self.device, "cpu"
        try:
            return original(self, draw, shape, purpose).to(there)
        finally:
            self.device = there

    original = Streams._drawn
    monkeypatch.setattr(Streams, "_drawn", drawn)
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    scalars = {}
    for device in ("cpu", "cuda"):
        run = tiny(
            name, 1, precision="float32", training={"log_every": 1}, **{**options, "device": device}
        )
        scalars[device] = sp.train(run, tmp_path / device, quiet=True).scalars
    assert scalars["cpu"].keys() == scalars["cuda"].keys()
    for key, value in scalars["cpu"].items():
        assert scalars["cuda"][key] == pytest.approx(value, rel=0.02, abs=0.01), key


@every_recipe
def test_a_run_that_goes_on_ends_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, object]
) -> None:
    """Nearly: some of CUDA's sums have no fixed order, and the optimiser divides by small ones."""
    run = tiny(name, device="cuda", precision="float32", **options)
    sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, 10, tmp_path / "broken", monkeypatch)
    sp.resume(tmp_path / "broken", quiet=True)
    first, second = tensors(tmp_path / "whole", 12), tensors(tmp_path / "broken", 12)
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert second[key] == pytest.approx(value, rel=1e-2, abs=5e-3), key


def test_what_was_trained_on_it_is_used_without_it(tmp_path: Path) -> None:
    sp.train(tiny("dcgan", 4, device="cuda", precision="float32"), tmp_path / "run", quiet=True)
    images = {
        device: sp.load(tmp_path / "run", device=device).sample(5, seed=1).cpu()
        for device in ("cpu", "cuda")
    }
    torch.testing.assert_close(images["cpu"], images["cuda"], rtol=1e-2, atol=1e-2)


def test_seeds_side_by_side(tmp_path: Path) -> None:
    run = tiny("gan", 8, data="ring", device="cuda", precision="float32").replace(seeds=3)
    sp.train(run, tmp_path / "runs", quiet=True)
    assert sp.load(tmp_path / "runs", device="cuda").sample(4).isfinite().all()


@pytest.mark.parametrize("name", ["dcgan", "vae", "infogan", "vae-m2"])
def test_evaluating_agrees_with_the_processor(tmp_path: Path, name: str) -> None:
    sp.train(tiny(name, 4, device="cuda"), tmp_path / "run", quiet=True)
    values = {}
    for device in ("cpu", "cuda"):
        result = sp.evaluate(tmp_path / "run", n=100, device=device)
        values[device] = {(row.key, row.space): row.figure.estimate.value for row in result.rows}
    assert values["cpu"].keys() == values["cuda"].keys()
    for key, value in values["cpu"].items():
        if key[0] != "information":  # which draws its own samples
            assert values["cuda"][key] == pytest.approx(value, rel=0.02, abs=0.02), key


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *(("vae", what) for what in ("reconstructions", "manifold", "fill-in", "likelihood")),
        *((name, what) for name in ("vae-m2", "vae-m1-m2") for what in ("styles", "analogies")),
    ],
)
def test_what_a_model_learned_is_shown(tmp_path: Path, name: str, what: str) -> None:
    run = tiny(name, 4, device="cuda")
    if what in ("manifold", "styles"):
        run = run.replace(learner=run.learner.replace(latent=2))
    sp.train(run, tmp_path / "run", quiet=True)
    words = ["--class", "3"] if what == "styles" else []
    shown = command(
        "explore",
        str(tmp_path / "run"),
        what,
        "--device",
        "cuda",
        "--out",
        str(tmp_path / "shown.png"),
        *words,
    )
    assert shown.returncode == 0, shown.stderr
