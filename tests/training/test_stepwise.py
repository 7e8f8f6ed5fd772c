"""A training that is watched from a loop of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import saddlepoint as sp
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.training.record import read_record


def test_looking_at_a_training_changes_nothing(tmp_path: Path) -> None:
    run = tiny("dcgan")
    sp.train(run, tmp_path / "whole", quiet=True)
    seen = []
    for state in sp.steps(run, tmp_path / "watched", every=5):
        assert state.sample(3).shape == (3, 1, 8, 8)
        torch.rand(7)  # what the caller draws is the caller's
        seen.append(state.step)
        assert state.scalars["critic/loss"] > 0
    assert seen == [5, 10, 12]
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "watched", 12))
    assert torch.equal(state.sample(70, seed=1), sp.load(tmp_path / "watched").sample(70, seed=1))
    assert (tmp_path / "watched/checkpoints/step-00000008").exists()
    assert read_record(tmp_path / "watched").events[-1]["event"] == "finished"


def test_the_process_is_the_callers_between_two_states() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for state in sp.steps(tiny("gan", data="ring").replace(seeds=2), every=6):
        assert state.folder is None
        if state.step == 6:
            assert torch.equal(torch.rand(3), expected)
        first, second = state.sample(4, member=0), state.sample(4, member=1)
        assert not torch.equal(first, second)
        with pytest.raises(sp.BadInput, match="there is no member 2"):
            state.sample(4, member=2)
    assert state.step == 12


def test_a_loop_that_is_left_can_be_resumed(tmp_path: Path) -> None:
    run, where = tiny("gan", data="ring"), tmp_path / "left"
    for state in sp.steps(run, where, every=5):
        if state.step == 5:
            break
    del state
    assert read_record(where).events[-1]["event"] == "interrupted"
    sp.resume(where, quiet=True)
    sp.train(run, tmp_path / "whole", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(where, 12))


def test_an_early_end_is_an_end() -> None:
    patience = {"score": "sliced", "patience": 1, "samples": 100}
    run = tiny("gan", data="ring", steps=4000, training={"validation": patience})
    assert list(sp.steps(run, every=50))[-1].step < 4000


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(sp.BadInput, match="use 1 or more"):
        next(iter(sp.steps(tiny("gan"), every=0)))
    with pytest.raises(sp.BadInput, match="need fully connected networks"):
        next(iter(sp.steps(tiny("dcgan").replace(seeds=2), tmp_path / "run")))
    assert not (tmp_path / "run").exists()
