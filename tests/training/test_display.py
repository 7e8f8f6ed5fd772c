"""What a user is told at the start of a training, on Ctrl-C, and by ``print``."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.data.folder import Folder
from saddlepoint.data.info import DataInfo
from saddlepoint.data.published import Digits, Mnist, StackedFashionMnist
from saddlepoint.errors import BadInput, Interrupted
from saddlepoint.lab import side_by_side
from saddlepoint.options import described, start_of
from saddlepoint.run.description import Run
from saddlepoint.training.notices import few_held_out, long_training
from saddlepoint.training.pace import Pace
from saddlepoint.training.record import read_record
from saddlepoint.training.signals import Signals


def info(train: int, validation: int, test: int, shape: tuple[int, ...] = (3, 64, 64)) -> DataInfo:
    counts = {"train": train, "validation": validation, "test": test}
    return DataInfo(name="photos", shape=shape, form="images", counts=counts, fingerprint="0")


def long(run: Run, *, resumed: bool = False, done: int = 3, shape: tuple[int, ...]) -> str:
    return long_training(
        run,
        info(8000, 1000, 1000, shape),
        batch_size=128,
        done=done,
        target=10_003,
        left=19_200.0,
        seconds_a_step=1.9,
        where="cpu, 2 threads",
        resumed=resumed,
    )


def test_a_long_training_names_options_that_this_run_has(tmp_path: Path) -> None:
    said = long(sp.recipes.dcgan(tmp_path), shape=(3, 64, 64))
    assert said == (
        "at 1.9 s a step the 10,000 steps left take about 5 h 20 min on this machine (cpu, 2 "
        "threads); shorter: --steps 1800 (an hour), smaller images (--data.size 32), narrower "
        "networks (--learner.generator.width 64 --learner.critic.width 64), --batch-size 64."
    )
    for recipe, data in [("dcgan", tmp_path), ("gan", "digits"), ("vae", "digits")]:
        run, _ = described(start_of(recipe), ["--data", str(data)], "test")
        said = long(run, shape=(3, 48, 64))
        assert ("--data.size 24 32" in said) == (recipe == "dcgan")
        advice = re.sub(r"\((an hour)\)|[(),.](?=\s|$)|[()]", " ", said.split("shorter:")[1])
        words = [
            word
            for word in shlex.split(advice)
            if word.startswith("--") or re.fullmatch(r"\d+", word)
        ]
        shorter, _ = described(start_of(recipe), ["--data", str(data), *words], "test")
        assert shorter.training.steps == 1800
        assert shorter.training.batch_size == 64
        assert shorter.learner != run.learner


def test_a_resumed_long_training_can_only_be_cut() -> None:
    said = long(sp.recipes.dcgan(), resumed=True, done=5003, shape=(1, 8, 8))
    assert "the 5,000 steps left" in said
    assert said.endswith(
        "shorter: --steps 5900 (an hour). Ctrl-C saves, and `saddlepoint resume` goes on."
    )


def test_long_trainings_say_so_once_and_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pace, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("saddlepoint.training.notices.LONG_SECONDS", 1e-9)
    sp.train(tiny("gan"), tmp_path / "run")
    assert capsys.readouterr().err.count("on this machine (cpu, ") == 1
    estimates = [e for e in read_record(tmp_path / "run").events if e["event"] == "estimate"]
    assert len(estimates) == 1
    assert "a step the" in estimates[0]["detail"]


def test_short_trainings_say_nothing_of_the_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pace, "PATIENCE_SECONDS", 0.0)
    sp.train(tiny("gan"), tmp_path / "run")
    assert "on this machine" not in capsys.readouterr().err


def test_small_splits_are_said_with_what_to_do() -> None:
    folder = Folder(path=Path("photos"))
    assert few_held_out(folder, info(320, 40, 40)) is None
    assert few_held_out(folder, info(160, 20, 20)) == (
        "of the 200 images of photos, 20 are held out for tests and 20 for validation: too few "
        "for `saddlepoint evaluate` to use alone (40 each). It will compare with training images "
        "too, and say so. To hold out more: --data.split.test 0.2 --data.split.validation 0.2."
    )
    said = few_held_out(folder, info(80, 10, 10)) or ""
    assert said.endswith("More images would help."), "40 of 100 twice would leave 20"
    said = few_held_out(folder, info(200, 0, 100)) or ""
    assert said.endswith("To hold out more: --data.split.validation 0.14.")
    said = few_held_out(folder, info(31, 4, 4)) or ""
    assert "39 images: too few to be evaluated at all, which takes 40" in said
    stacked = few_held_out(StackedFashionMnist(), info(60_000, 26_000, 10)) or ""
    assert "--data.test 40" in stacked


def test_of_an_official_test_set_no_larger_share_is_suggested() -> None:
    def said(*counts: int) -> str:
        return few_held_out(Mnist(), info(*counts).replace(official_test=True)) or ""

    assert said(180, 20, 200).endswith("To hold out more: --data.split.validation 0.2.")
    assert said(180, 20, 30).endswith("More images would help.")


@pytest.mark.parametrize("n", [130, 150, 200, 390])
def test_the_split_that_is_suggested_is_enough(n: int, tmp_path: Path) -> None:
    from saddlepoint.data.splitting import LEAST_COMPARED, divide

    def notice(data: Digits) -> str | None:
        sizes = {name: len(each) for name, each in divide(n, data.split).items()}
        return few_held_out(data, info(**sizes))

    said = notice(Digits()) or ""
    if n == 130:
        assert "More images" in said
        return
    words = said.split("more: ")[1].rstrip(".").split()
    run, _ = described(start_of("dcgan"), words, "test")
    assert notice(run.data) is None
    assert min(map(len, divide(n, run.data.split).values())) >= LEAST_COMPARED


def test_a_training_on_few_images_says_so_at_its_start_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "few.npy", np.zeros((60, 8, 8), dtype=np.uint8))
    run = tiny("gan", data=tmp_path / "few.npy", batch_size=8)
    sp.train(run, tmp_path / "run")
    assert "6 are held out for tests" in capsys.readouterr().err
    notes = [e for e in read_record(tmp_path / "run").events if e["event"] == "note"]
    assert len(notes) == 1
    sp.resume(tmp_path / "run", steps=14)
    assert "held out" not in capsys.readouterr().err
    validation = run.training.validation.replace(score="kernel")
    scored = run.replace(training=run.training.replace(validation=validation))
    with pytest.raises(BadInput, match="a validation score needs 40"):
        sp.train(scored, tmp_path / "scored")


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_the_first_signal_is_answered_at_once(number: signal.Signals, name: str) -> None:
    said: list[str] = []
    heard = threading.Event()

    def answer(sentence: str) -> None:
        said.append(sentence)
        heard.set()

    with Signals() as signals:
        signals.answer = answer
        signal.raise_signal(number)
        assert heard.wait(5)
        assert signals.received == number
        assert said == [f"{name}: finishing this step and saving; once more stops at once."]
        expected = KeyboardInterrupt if number == signal.SIGINT else Interrupted
        with pytest.raises(expected, match="the last checkpoint is kept"):
            signal.raise_signal(number)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_an_interrupted_run_names_the_signal_and_quotes_its_folder(
    number: signal.Signals, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.training.step import Stepper

    step = Stepper.step

    def interrupted(self: Stepper, done: int, progress: float) -> None:
        step(self, done, progress)
        if done == 4:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Stepper, "step", interrupted)
    with pytest.raises(Interrupted) as stop:
        sp.train(tiny("gan"), tmp_path / "my run", quiet=True)
    said = str(stop.value)
    assert said.startswith(f"stopped by {name} after step 5 of 12; everything is saved.")
    assert f"`saddlepoint resume '{tmp_path}/my run'`" in said
    assert stop.value.exit_code == 128 + number
    last = read_record(tmp_path / "my run").events[-1]
    assert (last["event"], last["detail"]) == ("interrupted", name)


def test_an_interruption_survives_the_way_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(Interrupted("stopped", signal.SIGTERM)))
    assert (str(error), error.exit_code) == ("stopped", 143)


def test_an_interrupted_process_of_the_lab_starts_no_other_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def interrupted(*_: object, **__: object) -> None:
        asked.append(1)
        raise Interrupted("stopped by Ctrl-C", signal.SIGINT)

    monkeypatch.setattr(side_by_side, "_INTERRUPTED", [])
    monkeypatch.setattr(side_by_side, "affordable", lambda described, minutes: 12)
    monkeypatch.setattr(side_by_side.trainer, "train", interrupted)
    cell = side_by_side.Cell("gan ring", tiny("gan", data="ring"), tmp_path / "cell")
    for _ in range(2):
        with pytest.raises(Interrupted) as stop:
            side_by_side._train(cell, 1.0, None)
        assert stop.value.exit_code == 130
    assert len(asked) == 1
    for _ in range(2):
        with pytest.raises(Interrupted):
            next(side_by_side.train_cells([cell], 1.0, at_once=1))
    assert len(asked) == 3, "the user's own process may go on"


def test_bar_and_ctrl_c_on_a_real_terminal(tmp_path: Path) -> None:
    columns = 80
    words = ["train", "gan", "--steps", "500000", "--batch-size", "8"]
    words += ["--out", str(tmp_path / "run")]
    child, terminal = pty.fork()
    if child == 0:
        environment = os.environ | {"TERM": "xterm", "OMP_NUM_THREADS": "1"}
        environment.pop("COLUMNS", None)
        os.execve(sys.executable, [sys.executable, "-m", "saddlepoint", *words], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen, end, asked = "", time.monotonic() + 60, False
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # the other side is closed
                break
        if not asked and re.search(r"\d min|\d h", seen):
            os.write(terminal, b"\x03")
            asked = True
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert os.waitstatus_to_exitcode(status) == 130, seen
    lines = [line for line in re.split(r"[\r\n]+", seen) if "/500000" in line]
    assert lines
    assert all(len(line.removesuffix("^C")) <= columns for line in lines)
    assert re.search(r"\d+/500000 [━─]+ \d+( examples)?/s +\d+ (min|h) \d+", lines[-1])
    assert "Ctrl-C: finishing this step" in seen
    assert "stopped by Ctrl-C after step" in seen


def test_a_loaded_run_prints_as_a_table(tmp_path: Path) -> None:
    where = tmp_path / "<run>"
    result = sp.train(
        tiny("dcgan", training={"best": {"scalar": "critic/loss"}}), where, quiet=True
    )
    model = sp.load(where)
    lines = str(model).splitlines()
    assert lines[0] == "dcgan on digits"
    rows = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[1:])
    assert rows["run"] == str(where)
    assert rows["data"] == "digits, 1×8×8 (1,437 train, 180 validation, 180 test)"
    assert re.fullmatch(r"\d+ of 12 \(best checkpoint: critic/loss = .+\)", rows["step"])
    assert re.fullmatch(r"critic [\d,]+, generator [\d,]+", rows["parameters"])
    assert rows["device"] == "cpu"
    assert rows["draw samples"] == ".sample(64, seed=0)"
    assert repr(model) == f"<Trained '{where}', dcgan on digits, step {model.step}>"
    page = model._repr_html_()
    assert "&lt;run&gt;" in page
    assert "<run>" not in page
    assert page.count("<tr>") == len(rows)
    assert "(latest checkpoint)" in str(sp.load(where, "latest"))
    assert "checkpoint" not in str(sp.load(where, 8))
    assert str(result).splitlines()[0] == f"{where}: 12 steps are done"
    assert f"{result.scalars['critic/loss']:.4g}" in str(result)
    assert "&lt;run&gt;" in result._repr_html_()
    assert result == sp.training.trainer.Result(where, 12, dict(result.scalars))


def test_a_run_of_several_seeds_says_which_member_draws(tmp_path: Path) -> None:
    sp.train(tiny("gan", data="ring").replace(seeds=3, seed=5), tmp_path / "run", quiet=True)
    said = str(sp.load(tmp_path / "run"))
    assert "3, from 5" in said
    assert ".sample(64, seed=0, member=0)" in said
