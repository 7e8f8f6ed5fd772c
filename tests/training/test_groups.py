"""Several seeds of networks that do not stack: a run directory each, and used as one run is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.training import run_directory
from saddlepoint.training.step import Stepper
from saddlepoint.training.tasks import Task

TWO = tiny("dcgan", seed=3).replace(seeds=2)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("groups") / "group"
    sp.train(TWO, where, quiet=True)
    return where


def test_each_seed_is_the_run_that_it_is_alone(group: Path, tmp_path: Path) -> None:
    assert {path.name for path in group.iterdir()} == {"group.json", "seed-3", "seed-4", ".lock"}
    for seed in (3, 4):
        alone = tmp_path / f"alone-{seed}"
        sp.train(tiny("dcgan", seed=seed), alone, quiet=True)
        assert same_bits(tensors(group / f"seed-{seed}", 12), tensors(alone, 12))
        given = json.loads((group / f"seed-{seed}/run.json").read_text())["given"]
        assert (given["seed"], given["seeds"]) == (seed, 1)
    assert json.loads((group / "group.json").read_text())["seeds"] == [3, 4]
    assert not same_bits(tensors(group / "seed-3", 12), tensors(group / "seed-4", 12))


def test_processes_at_once_give_the_same_bits(group: Path, tmp_path: Path) -> None:
    one_thread = TWO.replace(training=TWO.training.replace(threads=1))
    result = sp.train(one_thread, tmp_path / "group", at_once=2, quiet=True)
    for seed in (3, 4):
        assert same_bits(
            tensors(group / f"seed-{seed}", 12), tensors(tmp_path / f"group/seed-{seed}", 12)
        )
    assert [each.step for each in result.seeds] == [12, 12]
    each = [seed.scalars["critic/loss"] for seed in result.seeds]
    assert result.scalars["critic/loss"] == pytest.approx(sum(each) / 2)


def test_what_stacks_trains_in_one_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sp.train(tiny("gan", data="ring").replace(seeds=2), tmp_path / "run")
    assert (tmp_path / "run/run.json").exists()
    assert "2 seeds train side by side in one program." in capsys.readouterr().err
    for name, options in [
        ("vae", {"network": "convolutional"}),
        ("dcgan", {}),
        ("gan", {"critic": {"dropout": 0.5}}),
        ("gan", {"generator": {"norm": "batch"}}),
    ]:
        assert not tiny(name, **options).learner.stacks()
    constrained = tiny("gan").learner.replace(constraints=({"kind": "spectral_norm"},))
    assert tiny("gan").learner.stacks()
    assert constrained.stacks()


def test_a_group_is_loaded_as_a_run_is(group: Path, tmp_path: Path) -> None:
    model = sp.load(group)
    for member, seed in enumerate((3, 4)):
        alone = sp.load(group / f"seed-{seed}").sample(70, seed=1)
        assert torch.equal(model.sample(70, seed=1, member=member), alone)
        blocks = list(model.batches(70, seed=1, member=member, block=64))
        assert torch.equal(torch.cat(blocks), alone)
    assert "2, from 3" in str(model)
    with pytest.raises(sp.BadInput, match="there is no member 2"):
        model.sample(1, member=2)
    main(["sample", str(group), "--n", "4", "--member", "1", "--out", str(tmp_path / "a.npy")])
    main(["sample", str(group / "seed-4"), "--n", "4", "--out", str(tmp_path / "b.npy")])
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_a_group_is_evaluated_seed_by_seed(group: Path) -> None:
    whole = sp.evaluate(group, n=40, features="pixels", scores="frechet")
    each = whole.facts["members"]
    assert len(each) == 2
    values = [one["rows"][0]["value"] for one in each]
    assert whole.rows[0].figure.estimate.value == pytest.approx(sum(values) / 2)
    assert values[0] != values[1]
    samples = sp.evaluate(group / "seed-3", n=40, features="pixels", scores="frechet")
    assert samples.rows[0].figure.estimate.value == values[0]


def test_groups_are_compared_as_methods(group: Path, tmp_path: Path) -> None:
    other = tiny("dcgan", critic={"width": 8}).replace(seeds=2)
    sp.train(other, tmp_path / "wider", quiet=True)
    comparison = sp.compare([group, tmp_path / "wider"], n=40, features="pixels", scores="kernel")
    assert [len(each.evaluations) for each in comparison.groups] == [2, 2]
    assert comparison.scope == "method"


def test_resuming_goes_on_with_what_is_missing(
    group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of the second seed; the first is not touched again."""
    where = tmp_path / "group"
    original = Stepper.step

    def step(self: Stepper, number: int, progress: float) -> None:
        original(self, number, progress)
        if self.seed == 4 and number == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", step)
        with pytest.raises(sp.Interrupted, match=f"`saddlepoint resume {where}`") as stop:
            sp.train(TWO, where, quiet=True)
    assert stop.value.exit_code == 130
    first = (where / "seed-3/record.jsonl").read_bytes()
    with pytest.raises(sp.BadInput, match="holds a run already"):
        sp.train(TWO, where, quiet=True)
    result = sp.resume(where, quiet=True)
    assert (where / "seed-3/record.jsonl").read_bytes() == first
    assert result.step == 12
    for seed in (3, 4):
        assert same_bits(tensors(where / f"seed-{seed}", 12), tensors(group / f"seed-{seed}", 12))
    assert sp.resume(where, steps=16, quiet=True).step == 16
    assert (where / "seed-3/checkpoints/step-00000016").exists()


def test_an_incomplete_group_says_what_is_missing(tmp_path: Path) -> None:
    where = tmp_path / "group"
    where.mkdir()
    run_directory.write_group(where, TWO)
    with pytest.raises(sp.BadInput, match=r"no seed of .* has begun"):
        sp.load(where)
    (where / "seed-3").mkdir()
    sp.train(tiny("dcgan", seed=3), where / "seed-3", quiet=True)
    with pytest.raises(sp.BadInput, match=r"seed-4 of .* did not begin yet: `saddlepoint resume"):
        sp.evaluate(where, n=40)
    (where / "seed-4/samples").mkdir(parents=True)  # of a process that was killed at its start
    sp.resume(where, quiet=True)
    assert sp.load(where).step == 12


WORDS = ["--width", "4", "--batch-size", "16", "--device", "cpu", "--training.threads", "1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, number: int) -> None:
    """Whether by a signal that is passed on or because the parent is gone, all is saved."""
    where = tmp_path / "group"
    command = [sys.executable, "-m", "saddlepoint", "train", "dcgan", *WORDS, "--seeds", "2"]
    command += ["--steps", "100000", "--at-once", "2", "--training.log-every", "1"]
    process = subprocess.Popen(
        [*command, "--out", str(where)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    records = [where / f"seed-{seed}/record.jsonl" for seed in (0, 1)]
    deadline = time.monotonic() + 200

    def until(condition: object) -> None:
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    until(lambda: all(r.exists() and b"scalars" in r.read_bytes() for r in records))
    process.send_signal(number)
    _, said = process.communicate()
    until(lambda: all("interrupted" in record.read_text() for record in records))
    for seed in (0, 1):
        until(lambda seed=seed: not run_directory.is_training(where / f"seed-{seed}"))
        task = Task("", TWO, where / f"seed-{seed}")
        assert not task.done
        assert task.result().step > 0
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert f"`saddlepoint resume {where}`" in said.decode()


def test_a_seed_that_stops_itself_keeps_no_other_from_training(tmp_path: Path) -> None:
    optimiser = {"kind": "sgd", "learning_rate": 1e30}
    run = TWO.replace(learner=TWO.learner.replace(critic_optimiser=optimiser))
    for at_once in (None, 2):
        where = tmp_path / f"group-{at_once}"
        with pytest.raises(sp.RunStopped, match=r"seed 3: .*NaN.* seed 4: .*NaN") as error:
            sp.train(run, where, at_once=at_once, quiet=True)
        assert error.value.exit_code == 3


def test_what_cannot_be_done_leaves_nothing_behind(tmp_path: Path) -> None:
    where = tmp_path / "group"
    too_large = TWO.replace(training=TWO.training.replace(batch_size=10**6))
    for at_once in (None, 2):
        with pytest.raises(sp.BadInput, match="is larger than the"):
            sp.train(too_large, where, at_once=at_once, quiet=True)
        assert not where.exists()
    for run, at_once, why in [
        (tiny("dcgan"), 2, "this is one run"),
        (tiny("gan").replace(seeds=2), 2, "these seeds train in one program"),
        (TWO, 0, "use 1 to 64 processes"),
    ]:
        with pytest.raises(sp.BadInput, match=why):
            sp.train(run, where, at_once=at_once, quiet=True)


def test_an_array_in_memory_is_kept_once_for_all_seeds(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (200, 8, 8), np.uint8)
    run = TWO.replace(data=sp.describe_data(images))
    sp.train(run, tmp_path / "group", quiet=True)
    assert len(list((tmp_path / "group").rglob("data.npz"))) == 1
    moved = (tmp_path / "group").rename(tmp_path / "moved")
    assert sp.resume(moved, steps=14, quiet=True).step == 14
    assert len(sp.evaluate(moved, n=40, features="pixels", scores="kernel").facts["members"]) == 2
