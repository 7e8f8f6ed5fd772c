"""Interrupted equals uninterrupted, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import IDS, VARIANTS, command, same_bits, tensors, tiny
from saddlepoint.options import described, start_of
from saddlepoint.training.job import Job
from saddlepoint.training.record import read_record
from saddlepoint.training.step import Stepper


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_every_recipe_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, object]
) -> None:
    run = tiny(name, **options)
    sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, 10, tmp_path / "broken", monkeypatch)
    assert (tmp_path / "broken/checkpoints/step-00000008").exists()

    # Looking at a run between its two halves changes nothing.
    torch.manual_seed(99)
    sp.load(tmp_path / "broken").sample(5, seed=3)
    result = sp.resume(tmp_path / "broken", quiet=True)

    assert result.step == 12
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "broken", 12))
    whole, broken = (sp.load(tmp_path / part).sample(70, seed=7) for part in ("whole", "broken"))
    assert torch.equal(whole, broken)
    first, second = (read_record(tmp_path / part) for part in ("whole", "broken"))
    assert first.steps == second.steps
    assert first.scalars == second.scalars
    for picture in (tmp_path / "whole/samples").iterdir():
        assert picture.read_bytes() == (tmp_path / "broken/samples" / picture.name).read_bytes()


def test_same_bits_can_tell_a_difference(tmp_path: Path) -> None:
    sp.train(tiny("gan"), tmp_path / "a", quiet=True)
    sp.train(tiny("gan", seed=1), tmp_path / "b", quiet=True)
    a, b = tensors(tmp_path / "a", 12), tensors(tmp_path / "b", 12)
    assert not same_bits(a, b)
    assert same_bits(a, dict(a))
    changed = {name: value.copy() for name, value in a.items()}
    key = next(name for name in a if name.startswith("optimiser") and a[name].size > 5)
    changed[key].ravel()[3] = np.nextafter(changed[key].ravel()[3], np.float32(9))
    assert not same_bits(a, changed)


def test_a_real_kill_costs_nothing(tmp_path: Path) -> None:
    """120 steps in this process = 40 steps, kill -9, resume to 120 on the command line."""
    options = ["--steps", "120", "--device", "cpu", "--training.threads", "1"]
    options += ["--training.checkpoint-every", "20", "--learner.generator.width", "8"]
    options += ["--learner.critic.width", "8"]
    broken = tmp_path / "broken"
    run, _ = described(start_of("dcgan"), options, "test")
    sp.train(run, tmp_path / "whole", quiet=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "saddlepoint", "train", "dcgan", *options, "--out", broken],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 100
    while not (broken / "checkpoints/step-00000040").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (broken / "checkpoints/step-00000120").exists()
    resumed = command("resume", str(broken))
    assert resumed.returncode == 0, resumed.stderr
    assert same_bits(tensors(tmp_path / "whole", 120), tensors(broken, 120))
    whole_samples, samples = (
        sp.load(tmp_path / name).sample(9, seed=7) for name in ("whole", "broken")
    )
    assert torch.equal(whole_samples, samples)


def test_signals_save_and_say_how_to_go_on(tmp_path: Path) -> None:
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143}
    words = ["train", "gan", "--data", "ring", "--steps", "1000000", "--out"]
    processes = {
        number: subprocess.Popen(
            [sys.executable, "-m", "saddlepoint", *words, str(tmp_path / number.name)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in codes
    }
    deadline = time.monotonic() + 60
    for number, process in processes.items():
        out = tmp_path / number.name
        while len(read_record(out).steps) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == codes[number], said
        assert "Traceback" not in said
        assert f"saddlepoint resume {out}" in said
        last = read_record(out).events[-1]
        assert last["event"] == "interrupted"
        assert (out / "checkpoints" / f"step-{last['step']:08d}").exists()


def test_a_signal_that_comes_while_a_line_is_written_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes behind the question whether this step is the last, and before the answer counts."""
    log = Job._log

    def signalled(job: Job, *rest: Any) -> None:
        if job.done == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        log(job, *rest)

    monkeypatch.setattr(Job, "_log", signalled)
    with pytest.raises(sp.Interrupted, match="everything is saved"):
        sp.train(tiny("gan", training={"checkpoint_every": 100}), tmp_path / "run", quiet=True)
    last = read_record(tmp_path / "run").events[-1]
    assert last["event"] == "interrupted"
    assert (tmp_path / f"run/checkpoints/step-{last['step']:08d}").exists()


def test_a_run_that_died_before_its_first_checkpoint_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny("gan")
    sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, 2, tmp_path / "broken", monkeypatch)
    sp.resume(tmp_path / "broken", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "broken", 12))


def with_schedule(steps: int, out: Path) -> sp.Run:
    run = tiny("vae", steps=steps)
    rate = {"kind": "cosine", "start": 1e-3, "end": 1e-4}
    optimiser = run.learner.optimiser.replace(learning_rate=rate)
    run = run.replace(learner=run.learner.replace(optimiser=optimiser))
    sp.train(run, out, quiet=True)
    return run


def rates_used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    used: list[float] = []
    original = Stepper.move

    def move(self: Stepper, *place: object) -> None:
        used.append(self.optimisers["autoencoder"].param_groups[0]["lr"])
        original(self, *place)

    monkeypatch.setattr(Stepper, "move", move)
    return used


def test_further_training_keeps_the_schedule_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_schedule(8, tmp_path / "run")
    used = rates_used(monkeypatch)
    assert sp.resume(tmp_path / "run", steps=10, quiet=True).step == 10
    assert used == [1e-4, 1e-4]
    # the longer end that was asked for is remembered
    assert json.loads((tmp_path / "run/run.json").read_text())["resolved"]["steps"] == 10


def test_reschedule_stretches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_schedule(8, tmp_path / "run")
    used = rates_used(monkeypatch)
    sp.resume(tmp_path / "run", steps=16, reschedule=True, quiet=True)
    assert used[0] == pytest.approx(5.5e-4)
    assert used[-1] > 1e-4


def test_extending_equals_having_asked_for_more_without_schedules(tmp_path: Path) -> None:
    sp.train(tiny("gan", steps=12), tmp_path / "long", quiet=True)
    sp.train(tiny("gan", steps=8), tmp_path / "short", quiet=True)
    sp.resume(tmp_path / "short", steps=12, quiet=True)
    assert same_bits(tensors(tmp_path / "long", 12), tensors(tmp_path / "short", 12))


def test_extending_equals_having_asked_for_more_with_schedules_of_images(tmp_path: Path) -> None:
    """They know no horizon: neither the steps nor stretching the schedules changes a bit."""
    training = {"averaging_half_life": 100, "averaging_ramp": 0.5}
    rate = {"kind": "cosine", "start": 1e-3, "end": 1e-4, "images": 160}

    def run(steps: int) -> sp.Run:
        run = tiny("gan", steps=steps, critic_steps=2, training=training)
        adam = run.learner.critic_optimiser.replace(learning_rate=rate, beta2=rate)
        return run.replace(learner=run.learner.replace(critic_optimiser=adam))

    sp.train(run(12), tmp_path / "long", quiet=True)
    sp.train(run(8), tmp_path / "short", quiet=True)
    sp.resume(tmp_path / "short", steps=12, reschedule=True, quiet=True)
    assert same_bits(tensors(tmp_path / "long", 12), tensors(tmp_path / "short", 12))


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    before = tensors(tmp_path / "run", 12)
    assert sp.resume(tmp_path / "run", quiet=True).step == 12
    assert same_bits(before, tensors(tmp_path / "run", 12))


def test_fewer_steps_than_done_are_refused(tmp_path: Path) -> None:
    sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    with pytest.raises(sp.BadInput, match="has done 12 steps already"):
        sp.resume(tmp_path / "run", steps=4, quiet=True)


def test_a_run_repeats_from_its_own_description(tmp_path: Path) -> None:
    sp.train(tiny("gan", seed=5), tmp_path / "first", quiet=True)
    again = sp.read_run(tmp_path / "first/run.json")
    sp.train(again, tmp_path / "second", quiet=True)
    assert same_bits(tensors(tmp_path / "first", 12), tensors(tmp_path / "second", 12))


def test_changed_data_are_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x=images)
    sp.train(tiny("gan", data=tmp_path / "data.npz"), tmp_path / "run", quiet=True)
    images[3, 4, 4, 0] ^= 1
    np.savez(tmp_path / "data.npz", x=images)
    with pytest.raises(sp.BadInput, match="changed since the run began"):
        sp.resume(tmp_path / "run", steps=14, quiet=True)


def test_an_array_in_memory_is_kept_for_resuming(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 9, 8, 3), dtype=np.uint8)
    sp.train(tiny("gan", data=images), tmp_path / "run", quiet=True)
    assert sp.resume(tmp_path / "run", steps=14, quiet=True).step == 14
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert sp.resume(tmp_path / "elsewhere", steps=16, quiet=True).step == 16


def test_relative_paths_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 9, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    monkeypatch.chdir(tmp_path)
    sp.train(tiny("gan", data="images.npy"), "run", quiet=True)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert sp.resume("../run", steps=14, quiet=True).step == 14


def test_two_processes_cannot_train_in_one_folder(tmp_path: Path) -> None:
    from saddlepoint.training import run_directory

    sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    with (
        run_directory.lock(tmp_path / "run"),
        pytest.raises(sp.BadInput, match="another process is training"),
    ):
        sp.resume(tmp_path / "run", steps=20, quiet=True)


def test_training_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    run = tiny("gan", training={"threads": 2})
    sp.train(run, tmp_path / "run", quiet=True)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 1
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.tensor(1e-40).mul(1.0).item() != 0.0, "denormals are flushed for good"
