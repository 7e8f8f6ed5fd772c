"""Parts that keep their weights until so many images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import saddlepoint as sp
from kit.crash import crashed
from kit.outcomes import quickly
from kit.refusal import fails
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.dynamics import DYNAMICS
from saddlepoint.games.regularisers import r1
from saddlepoint.optimisers import Adam, RmsProp, Sgd
from saddlepoint.run.description import Run
from saddlepoint.run.frozen import Frozen
from saddlepoint.run.training import Training
from saddlepoint.training.record import read_record

SMALL = {"generator": {"hidden": (8, 8)}, "critic": {"hidden": (8, 8)}}
LOWER = "critic.backbone.1"  # the critic's first layer


def ring(*freeze: str, steps: int = 6, **learner: object) -> Run:
    """A small game on points, batches of 16, a checkpoint each step."""
    training = {"keep": 99, "checkpoint_every": 1, "freeze": freeze}
    run = tiny("gan", data="ring", steps=steps, training=training, **SMALL)
    return run.replace(learner=run.learner.replace(**learner))


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


def weights(where: Path, step: int, start: str = "") -> dict[str, np.ndarray]:
    """The learner's tensors whose names begin so."""
    start = f"learner/duel.{start}"
    return {k: v for k, v in tensors(where, step).items() if k.startswith(start)}


def initial(run: Run, start: str) -> dict[str, np.ndarray]:
    learner = run.learner.learner(run.data.open().info, batch_size=16, seed=run.seed)
    named = {f"learner/{k}": v.numpy() for k, v in learner.state_dict().items()}
    return {k: v for k, v in named.items() if k.startswith(f"learner/duel.{start}")}


@pytest.mark.parametrize("optimiser", [Adam(weight_decay=0.1), Sgd(momentum=0.5), RmsProp()])
def test_frozen_to_the_bit_until_the_image_count(tmp_path: Path, optimiser: object) -> None:
    run = ring(f"{LOWER}:images=48", critic_optimiser=optimiser)
    sp.train(run, tmp_path / "run", quiet=True)
    start = initial(run, LOWER)
    assert len(start) == 2
    for step in (1, 2, 3):  # those before which 0, 16 and 32 images passed
        assert same_bits(weights(tmp_path / "run", step, LOWER), start)
        moments = [n for n in tensors(tmp_path / "run", step) if n.startswith("optimiser/critic/")]
        assert not any(name.split("/")[2] in ("0", "1") for name in moments)
        assert any(name.split("/")[2] == "2" for name in moments)
    before = start
    for step in (4, 5, 6):
        after = weights(tmp_path / "run", step, LOWER)
        assert all((after[name] != before[name]).any() for name in before)
        before = after
    others = weights(tmp_path / "run", 1)
    still = initial(run, "")
    moved = [name for name in others if (others[name] != still[name]).any()]
    assert set(moved) == others.keys() - start.keys()
    if isinstance(optimiser, Adam):  # its count of updates begins when the part thaws
        last = tensors(tmp_path / "run", 6)
        assert (last["optimiser/critic/0/step"], last["optimiser/critic/2/step"]) == (3, 6)


def test_gradients_and_penalties_pass_through_a_frozen_layer(tmp_path: Path) -> None:
    """The first update of everything else is, bit for bit, the one without freezing."""
    game = {
        "critic_regularisers": (r1(5.0),),
        "critic_optimiser": Sgd(),
        "generator_optimiser": Sgd(),
    }
    for name, freeze in (("free", ()), ("frozen", (LOWER,)), ("unpenalised", (LOWER,))):
        more = game | ({"critic_regularisers": ()} if name == "unpenalised" else {})
        sp.train(ring(*freeze, steps=1, **more), tmp_path / name, quiet=True)
    free, frozen, bare = (
        weights(tmp_path / name, 1, "critic") for name in ("free", "frozen", "unpenalised")
    )
    same = [name for name in free if free[name].tobytes() == frozen[name].tobytes()]
    assert len(same) == len(free) - 2
    assert not any(name.startswith(f"learner/duel.{LOWER}") for name in same)
    # the penalty differentiates through the frozen layer
    assert any((frozen[name] != bare[name]).any() for name in same)


def test_a_frozen_critic_is_one_that_never_moves(tmp_path: Path) -> None:
    sp.train(ring("critic"), tmp_path / "frozen", quiet=True)
    slow = ring(critic_optimiser=Sgd(learning_rate=0.0))
    sp.train(slow, tmp_path / "slow", quiet=True)
    assert same_bits(weights(tmp_path / "frozen", 6), weights(tmp_path / "slow", 6))
    generator = "generator"
    start = initial(slow, generator)
    assert not same_bits(weights(tmp_path / "frozen", 6, generator), start)
    logged = read_record(tmp_path / "frozen").scalars
    assert set(logged["gradient_norm/critic"]) == {0.0}
    assert logged["critic/loss"] == read_record(tmp_path / "slow").scalars["critic/loss"]


@pytest.mark.parametrize("kind", DYNAMICS, ids=lambda kind: kind.word())
def test_every_dynamics_leaves_it_alone_and_then_moves_it(
    tmp_path: Path, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed in the middle of freezing, to the same bits."""
    run = ring("critic:images=48", "generator.layers.0:images=64")
    run = run.replace(training=run.training.replace(dynamics=kind()))
    sp.train(run, tmp_path / "whole", quiet=True)
    assert same_bits(weights(tmp_path / "whole", 3, "critic"), initial(run, "critic"))
    assert same_bits(
        weights(tmp_path / "whole", 4, "generator.layers.0"), initial(run, "generator.layers.0")
    )
    last, earlier = (weights(tmp_path / "whole", step) for step in (6, 4))
    assert all((last[name] != earlier[name]).any() for name in last)
    assert all(np.isfinite(value).all() for value in last.values())
    crashed(run, 2, tmp_path / "broken", monkeypatch)
    sp.resume(tmp_path / "broken", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 6), tensors(tmp_path / "broken", 6))


def test_everything_may_be_frozen_for_a_while(tmp_path: Path) -> None:
    run = ring("critic:images=32", "generator:images=32", steps=3)
    for kind in DYNAMICS:
        where = tmp_path / kind.word()
        sp.train(run.replace(training=run.training.replace(dynamics=kind())), where, quiet=True)
        assert same_bits(weights(where, 2), initial(run, ""))
        assert not same_bits(weights(where, 3), initial(run, ""))


def test_a_constraint_does_not_move_it(tmp_path: Path) -> None:
    clipped = ring(LOWER, steps=2, constraints=(WeightClipping(limit=0.001),))
    sp.train(clipped, tmp_path / "run", quiet=True)
    assert same_bits(weights(tmp_path / "run", 2, LOWER), initial(clipped, LOWER))
    rest = weights(tmp_path / "run", 2, "critic.backbone.3")
    assert max(np.abs(value).max() for value in rest.values()) <= np.float32(0.001)


def test_the_average_of_a_frozen_part_is_the_part(tmp_path: Path) -> None:
    sp.train(ring("generator.layers.2"), tmp_path / "run", quiet=True)
    last = tensors(tmp_path / "run", 6)
    frozen = [name for name in last if name.startswith("average/generator.layers.2.")]
    assert len(frozen) == 2
    for name in frozen:
        assert last[name].tobytes() == last[f"learner/duel.{name[8:]}"].tobytes()
    assert (
        last["average/generator.layers.0.weight"] != last["learner/duel.generator.layers.0.weight"]
    ).any()


def test_members_and_steps(tmp_path: Path) -> None:
    run = ring("generator", f"{LOWER}:images=48").replace(seeds=2)
    sp.train(run, tmp_path / "run", quiet=True)
    first, third, last = (weights(tmp_path / "run", step, LOWER) for step in (1, 3, 6))
    assert same_bits(first, third)
    assert all((last[name] != third[name]).reshape(2, -1).any(axis=1).all() for name in last)
    generator = [weights(tmp_path / "run", step, "generator") for step in (1, 6)]
    assert same_bits(*generator)
    for _ in sp.steps(run, tmp_path / "steps", every=2):
        pass
    assert same_bits(tensors(tmp_path / "run", 6), tensors(tmp_path / "steps", 6))


def test_running_statistics_of_a_frozen_layer_go_on(tmp_path: Path) -> None:
    run = tiny("dcgan", training={"freeze": ("generator",), "checkpoint_every": 6})
    sp.train(run, tmp_path / "run", quiet=True)
    first, last = (weights(tmp_path / "run", step, "generator") for step in (6, 12))
    moved = [name for name in first if (first[name] != last[name]).any()]
    assert moved
    assert all("running_" in name or "num_batches" in name for name in moved)


def test_how_it_is_written() -> None:
    assert Frozen.read("critic.backbone.1:images=2e5") == Frozen("critic.backbone.1", 200_000)
    assert Training(freeze=("critic:images=2e5", "generator")).freeze == (
        "critic:images=200000",
        "generator",
    )
    for word in (
        "",
        "critic.",
        ":images=5",
        "critic:5",
        "critic:images=0",
        "critic:images=inf",
        "critic:images=many",
        "critic:steps=5",
    ):
        with pytest.raises(ValidationError, match="NAME"):
            Training(freeze=(word,))


def test_names_and_what_is_left_to_learn() -> None:
    def refusal(*freeze: str) -> str:
        with pytest.raises(BadInput) as caught:
            next(sp.steps(ring(*freeze)))
        return str(caught.value)

    assert refusal("critics") == (
        "--training.freeze critics: there is no such part; there are critic, generator. "
        "Did you mean 'critic'?"
    )
    assert "in critic.backbone there are critic.backbone.1, critic.backbone.3" in refusal(
        "critic.backbone.2"
    )
    assert "there is no such part" in refusal("critic.back")  # whole names only
    assert "leaves nothing that learns" in refusal("critic", "generator")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from saddlepoint.cli import main

    words = ["train", "gan", "--data", "ring", "--steps", "3", "--batch-size", "16", "--device"]
    words += ["cpu", "--training.keep", "9", "--training.checkpoint-every", "1", "--out"]
    main([*words, str(tmp_path / "old"), "--quiet"])
    fine = [
        *words,
        str(tmp_path / "new"),
        "--init",
        str(tmp_path / "old"),
        "--init.checkpoint",
        "2",
    ]
    main([*fine, "--training.freeze", f"{LOWER}:images=20", "critic.head"])
    said = capsys.readouterr().err
    assert f"started from {tmp_path / 'old'}, step 2: critic 6 of 6, generator 6 of 6" in said
    assert (
        f"frozen: {LOWER} (2 tensors, until 20 images, moving from step 3 on); "
        "critic.head (2 tensors, the whole run)."
    ) in said
    there = weights(tmp_path / "old", 2, "critic")
    for step in (0, 1, 2, 3):
        here = weights(tmp_path / "new", step, "critic")
        same = {name for name in here if here[name].tobytes() == there[name].tobytes()}
        held = {name for name in here if "head" in name or (step < 3 and ".backbone.1." in name)}
        assert held <= same
        assert step == 0 or held == same
    assert "there is no such part; there are critic, generator" in fails(
        capsys, *words, str(tmp_path / "other"), "--training.freeze", "discriminator", "--quiet"
    )
    assert not (tmp_path / "other").exists()
    assert torch.isfinite(sp.load(tmp_path / "new").sample(3)).all()
