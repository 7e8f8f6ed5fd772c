"""The fused Adam is PyTorch's own, to the last bit, in its numbers and in its state."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from saddlepoint.adam import FusedAdamW
from saddlepoint.optimisers import Adam
from saddlepoint.training.restoring import flatten_optimiser, restore_optimiser
from saddlepoint.training.step import guarded_step

SETTINGS: dict[str, Any] = {"lr": 1e-2, "betas": (0.5, 0.99), "eps": 1e-8, "weight_decay": 0.1}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(5, 1)).to(
        memory_format=torch.channels_last
    )


def give_gradients(module: nn.Module, seed: int, without: int | None = None) -> None:
    generator = torch.Generator().manual_seed(seed)
    for number, parameter in enumerate(module.parameters()):
        drawn = torch.randn(parameter.shape, generator=generator)
        gradient = torch.empty_like(parameter).copy_(drawn).detach()
        parameter.grad = None if number == without else gradient


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def pair() -> tuple[nn.Module, FusedAdamW, nn.Module, torch.optim.AdamW]:
    mine, theirs = network(), network()
    theirs_optimiser = torch.optim.AdamW(theirs.parameters(), fused=True, **SETTINGS)
    return mine, FusedAdamW(mine.parameters(), **SETTINGS), theirs, theirs_optimiser


def test_the_description_builds_it() -> None:
    assert type(Adam().build(network().parameters())) is FusedAdamW


@pytest.mark.parametrize("without", [None, 2])
def test_it_moves_as_pytorchs_own(without: int | None) -> None:
    """Also where a parameter has no gradient in some steps, and where the rate changes."""
    mine, optimiser, theirs, other = pair()
    for step in range(12):
        lacking = without if step in (0, 1, 5) else None
        for module, each in ((mine, optimiser), (theirs, other)):
            give_gradients(module, step, lacking)
            each.param_groups[0]["lr"] = 1e-2 / (1 + step)
            each.param_groups[0]["betas"] = (0.5 / (1 + step), 0.99)
            each.step()
        assert torch.equal(weights(mine), weights(theirs)), step
    first, second = optimiser.state_dict(), other.state_dict()
    assert first["param_groups"] == second["param_groups"]
    for index, state in second["state"].items():
        assert list(first["state"][index]) == list(state)
        for key, value in state.items():
            assert torch.equal(first["state"][index][key], value), (index, key)


@pytest.mark.parametrize("bad", [0, 3])
def test_a_skipped_update_leaves_no_trace(bad: int) -> None:
    mine, optimiser, theirs, other = pair()
    for step in range(6):
        give_gradients(mine, step)
        give_gradients(theirs, step)
        if step == bad:
            before = weights(mine)
            mine[0].weight.grad.fill_(float("nan"))
            guarded_step(optimiser, torch.tensor(1.0))
            assert torch.equal(weights(mine), before)
            continue
        guarded_step(optimiser, torch.tensor(0.0))
        other.step()
        assert torch.equal(weights(mine), weights(theirs))
    counts = {int(state["step"]) for state in optimiser.state.values()}
    assert counts == {5}


def test_its_state_goes_through_a_file_and_goes_on(tmp_path: Path) -> None:
    """The counts are views of one vector, and the file holds each by itself."""
    mine, optimiser, theirs, _ = pair()
    for step in range(3):
        give_gradients(mine, step)
        optimiser.step()
    tensors, groups = flatten_optimiser(optimiser)
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, tmp_path / "state")
    theirs.load_state_dict(mine.state_dict())
    other = FusedAdamW(theirs.parameters(), **SETTINGS)
    for step in (7, 8):  # what it held before is let go
        give_gradients(theirs, step)
        other.step()
    theirs.load_state_dict(mine.state_dict())
    restore_optimiser(other, load_file(tmp_path / "state"), groups)
    for step in range(3, 6):
        give_gradients(mine, step)
        give_gradients(theirs, step)
        optimiser.step()
        other.step()
        assert torch.equal(weights(mine), weights(theirs))
    assert flatten_optimiser(other)[0].keys() == tensors.keys()
    for key, value in flatten_optimiser(other)[0].items():
        assert torch.equal(value, flatten_optimiser(optimiser)[0][key]), key


def test_what_it_holds_is_its_state() -> None:
    mine, optimiser, _, _ = pair()
    give_gradients(mine, 0)
    optimiser.step()
    twin, twins = copy.deepcopy((mine, optimiser))
    give_gradients(mine, 1)
    give_gradients(twin, 1)
    optimiser.step()
    twins.step()
    for state in (*optimiser.state.values(), *twins.state.values()):
        assert state["step"] == 2.0
    assert torch.equal(weights(mine), weights(twin))


def test_a_group_that_joins_later_moves_too() -> None:
    mine, optimiser, _, _ = pair()
    give_gradients(mine, 0)
    optimiser.step()
    late = nn.Parameter(torch.ones(3))
    optimiser.add_param_group({"params": [late]})
    late.grad = torch.ones(3)
    optimiser.step()
    assert (late < 1).all()
    assert optimiser.state[late]["step"] == 1.0


def test_a_closure_is_called_with_gradients() -> None:
    mine, optimiser, _, _ = pair()
    before = weights(mine)

    def closure() -> float:
        optimiser.zero_grad()
        loss = mine[2](torch.ones(1, 5)).sum()
        loss.backward()
        return loss.item()

    assert isinstance(optimiser.step(closure), float)
    assert not torch.equal(weights(mine), before)
