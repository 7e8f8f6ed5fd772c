"""Random waves beside a backbone's inputs."""

from __future__ import annotations

import math

import pytest
import torch

import saddlepoint as sp
from kit.built import build_backbone
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.networks.member_linear import stack_into
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.waves import RandomWaves

WAVY = {"waves": 5, "wave_frequency": 0.7, "wave_amplitude": 0.5}


def test_waves_are_sines_and_cosines_of_random_frequencies() -> None:
    torch.manual_seed(0)
    layer = RandomWaves(2, 4000, frequency=0.7, amplitude=0.5)
    cycles = layer.waves / (2 * math.pi)
    assert float(cycles.std()) == pytest.approx(0.7, rel=0.03)
    assert float(cycles.mean()) == pytest.approx(0.0, abs=0.03)
    x = torch.randn(7, 2)
    out = layer(x)
    assert out.shape == (7, layer.outputs) == (7, 2 + 8000)
    assert torch.equal(out[:, :2], x)
    expected = 0.5 * torch.sin(2 * math.pi * (x @ cycles))
    torch.testing.assert_close(out[:, 2:4002], expected, atol=1e-4, rtol=1e-4)
    squares = out[:, 2:4002].square() + out[:, 4002:].square()
    torch.testing.assert_close(squares, torch.full_like(squares, 0.25))


def test_waves_do_not_learn_but_are_saved() -> None:
    backbone = build_backbone(Mlp(hidden=(8,), **WAVY), (3,))
    assert not any("waves" in name for name, _ in backbone.module.named_parameters())
    assert any("waves" in name for name in backbone.module.state_dict())
    assert backbone.module(torch.randn(4, 3)).shape == (4, 8)


def test_each_member_has_waves_of_its_own() -> None:
    described = Mlp(hidden=(8,), **WAVY)
    singles = []
    for seed in range(3):
        torch.manual_seed(seed)
        singles.append(build_backbone(described, (2,)).module)
    together = build_backbone(described, (2,), members=3).module
    stack_into(together, singles)
    x = torch.randn(3, 4, 2)
    expected = torch.stack([single(part) for single, part in zip(singles, x, strict=True)])
    torch.testing.assert_close(together(x), expected)
    assert not torch.allclose(expected[0], singles[1](x[0]))


def test_a_run_with_waves_resumes_to_the_same_bits(tmp_path) -> None:
    run = tiny("toy-ring", data="ring", steps=12)
    assert run.learner.critic.waves
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=12)), tmp_path / "again", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "again", 12))
    stored = tensors(tmp_path / "whole", 12)
    assert any("waves" in name for name in stored)
    assert sp.load(tmp_path / "whole").sample(5).shape == (5, 2)
