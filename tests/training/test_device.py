"""Device and precision: resolved once, refused in a sentence."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import VARIANTS, tensors, tiny
from saddlepoint.networks.mlp import Mlp
from saddlepoint.training import device, freed_memory, run_directory, stepwise, trainer
from saddlepoint.training.device import choose, widest_product
from saddlepoint.training.freed_memory import keeping_freed_memory
from saddlepoint.training.step import Stepper


def test_auto_finds_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = "cuda" if torch.cuda.is_available() else None
    assert choose("auto", "float32").device.type in (expected, "cpu", "mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose("auto", "float32").device.type == "cpu"


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", {"avx2"}, "float32"),
        ("AuthenticAMD", {"avx512f"}, "float32"),
        ("AuthenticAMD", {"avx512f", "avx512_bf16"}, "bfloat16"),
        ("GenuineIntel", {"avx512f", "avx512_bf16"}, "float32"),
        ("GenuineIntel", {"amx_bf16", "amx_tile"}, "bfloat16"),
    ],
)
def test_auto_precision_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, vendor: str, flags: set[str], expected: str
) -> None:
    monkeypatch.setattr(device, "_flags", lambda: flags)
    monkeypatch.setattr(device, "_vendor", lambda: vendor)
    monkeypatch.setattr(device.platform, "machine", lambda: "x86_64")
    assert choose("cpu", "auto").precision == expected
    assert choose("cpu", "float32").precision == "float32"
    monkeypatch.setattr(device.platform, "machine", lambda: "arm64")
    assert choose("cpu", "auto").precision == "float32"


@pytest.mark.parametrize(
    ("flags", "hidden", "expected"),
    [
        ({"avx512_bf16"}, 128, "float32"),  # 128 · 128 · 128 = 2^21
        ({"avx512_bf16"}, 256, "bfloat16"),  # 2^23
        ({"avx512_bf16", "amx_bf16"}, 256, "float32"),
        ({"avx512_bf16", "amx_bf16"}, 384, "bfloat16"),  # 1.1 · 2^24
        ({"avx2"}, 1024, "float32"),
    ],
)
def test_auto_precision_is_float32_where_bfloat16_does_not_pay(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], hidden: int, expected: str
) -> None:
    """By the widest product of the description; a request is kept, and so are convolutions."""
    monkeypatch.setattr(device, "_flags", lambda: flags)
    monkeypatch.setattr(device, "_vendor", lambda: device.AMD)
    monkeypatch.setattr(device.platform, "machine", lambda: "x86_64")
    run = sp.recipes.gan("ring")
    plain = Mlp(hidden=(hidden, hidden))
    family = run.learner.replace(generator=plain, critic=plain)
    info = run.data.open().info
    learner = family.learner(info, batch_size=128, seed=0)
    assert widest_product(learner, 128) == 128 * hidden**2
    assert choose("cpu", "auto").suited(learner, 128).precision == expected
    for asked in ("float32", "bfloat16"):
        assert choose("cpu", asked).suited(learner, 128).precision == asked
    several = family.learner(info, batch_size=128, seed=(0, 1, 2))
    assert widest_product(several, 128) == 128 * hidden**2
    assert choose("cpu", "auto").suited(several, 128).precision == expected


def test_auto_precision_of_convolutions_is_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_flags", lambda: {"amx_bf16"})
    monkeypatch.setattr(device.platform, "machine", lambda: "x86_64")
    run = tiny("dcgan")
    learner = run.learner.learner(run.data.open().info, batch_size=16, seed=0)
    policy = choose("cpu", "auto")
    assert widest_product(learner, 16) < policy.pays_from
    assert policy.suited(learner, 16).precision == "bfloat16"


def test_the_precision_is_resolved_once_and_on_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run goes on in its precision, also where a new one would take another."""
    monkeypatch.setattr(device.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(device, "_flags", lambda: {"avx512_bf16"})
    monkeypatch.setattr(device, "_vendor", lambda: device.AMD)
    run = tiny("gan")
    run = run.replace(training=run.training.replace(precision="auto"))
    sp.train(run, tmp_path / "run", quiet=True)
    assert run_directory.read(tmp_path / "run").resolved["precision"] == "float32"
    monkeypatch.setattr(device, "PAYS_FROM", 0)
    sp.resume(tmp_path / "run", steps=run.training.steps + 1, quiet=True)
    assert run_directory.read(tmp_path / "run").resolved["precision"] == "float32"
    sp.train(run, tmp_path / "other", quiet=True)
    assert run_directory.read(tmp_path / "other").resolved["precision"] == "bfloat16"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tpu", "'tpu' is not a device"),
        ("meta", "'meta' is not a device"),
        ("cuda:99", "no device 'cuda:99' here"),
    ],
)
def test_devices_that_are_not_there(name: str, sentence: str) -> None:
    with pytest.raises(sp.BadInput, match=sentence):
        choose(name, "auto")


def test_mps_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(sp.BadInput, match="no device 'mps' here"):
        choose("mps", "auto")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_both_precisions_train_and_keep_float32_weights(
    tmp_path: Path, precision: str, name: str, options: dict[str, object]
) -> None:
    run = tiny(name, 4, precision=precision, **options)
    sp.train(run, tmp_path / "run", quiet=True)
    kinds = {str(value.dtype) for value in tensors(tmp_path / "run", 4).values()}
    assert kinds <= {"float32", "int64", "bool"}
    assert sp.load(tmp_path / "run").sample(3).dtype == torch.float32


def test_precisions_agree_on_the_first_losses(tmp_path: Path) -> None:
    """bfloat16 keeps about three digits; a step in it must stay near the step in float32."""
    scalars = {}
    for precision in ("float32", "bfloat16"):
        run = tiny("dcgan", 3, precision=precision)
        scalars[precision] = sp.train(run, tmp_path / precision, quiet=True).scalars
    for name, value in scalars["float32"].items():
        assert scalars["bfloat16"][name] == pytest.approx(value, rel=0.05, abs=0.02), name


def test_image_networks_compute_channels_last_throughout() -> None:
    """No convolution of a step sees or makes rows: that would cost many times its price."""

    from saddlepoint.training.step import Batches, Stepper

    images = np.random.default_rng(0).integers(0, 256, (40, 16, 17, 3), dtype=np.uint8)
    run = tiny("dcgan", data=images)
    data = run.data.open()
    learner = run.learner.learner(data.info, batch_size=16, seed=0)
    policy = choose("cpu", "bfloat16")
    policy.place(learner)
    bad: list[str] = []

    def check(where: str, tensor: torch.Tensor) -> None:
        if tensor.dim() == 4 and not tensor.is_contiguous(memory_format=torch.channels_last):
            bad.append(f"{where} {tuple(tensor.shape)} {tensor.stride()}")

    def watch(name: str, module: torch.nn.Module) -> None:
        def look(_: object, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            check(f"{name} in", inputs[0])
            check(f"{name} out", output)
            if output.requires_grad:
                output.register_hook(lambda gradient: check(f"{name} gradient", gradient))

        module.register_forward_hook(look)

    for name, module in learner.named_modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            watch(name, module)
    loader = data.loader("train", 16, seed=0, device=torch.device("cpu"))
    stepper = Stepper(learner, policy, Batches(loader, 16), seed=0)
    stepper.step(0, 0.0)
    stepper.step(1, 0.0)
    assert not bad, bad


FAULTS = """
import resource, torch
from saddlepoint.training.freed_memory import keeping_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(40 * 2**20, dtype=torch.uint8)  # above what glibc keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with keeping_freed_memory():
    faults()
    kept = faults()
print(kept, faults())
"""


def test_freed_memory_is_kept_and_given_back_at_the_end() -> None:
    """Page faults of a second round of the same four blocks: few while memory is kept.

    In processes of their own, some, since the system lays memory out at random: where something
    lies right behind the heap, it cannot grow, and then nothing can be kept. Without keeping, a
    round costs all the pages or, where blocks follow each other, half of them.
    """
    pytest.importorskip("resource")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("the C library is not glibc")
    tuned = [n for n in os.environ if n.startswith("MALLOC_") or n == "GLIBC_TUNABLES"]
    environment = {name: value for name, value in os.environ.items() if name not in tuned}
    seen = []
    for _ in range(20):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        kept, freed = map(int, done.stdout.split())
        seen.append((kept, freed))
        if kept + 4 < freed / 3:
            return
    pytest.fail(f"page faults while memory is kept, and after: {seen}")


def test_memory_is_left_alone_where_the_user_tuned_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", None)
    with keeping_freed_memory():
        pass


def test_a_training_keeps_freed_memory_from_its_first_step_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One seed too, and a watched training does not give all memory back at every look."""
    periods: list[list[int]] = []

    @contextmanager
    def kept() -> Iterator[None]:
        periods.append([])
        yield
        periods[-1].append(-1)

    step = Stepper.step

    def watched(self: Stepper, number: int, progress: float) -> None:
        periods[-1].append(number)
        step(self, number, progress)

    for module in (trainer, stepwise):
        monkeypatch.setattr(module, "keeping_freed_memory", kept)
    monkeypatch.setattr(Stepper, "step", watched)
    run = tiny("gan", data="ring")
    sp.train(run.replace(training=run.training.replace(steps=3)), tmp_path / "run", quiet=True)
    sp.resume(tmp_path / "run", steps=5, quiet=True)
    list(sp.steps(run.replace(training=run.training.replace(steps=3)), every=1))
    assert periods == [[0, 1, 2, -1], [3, 4, -1], [0, 1, 2, -1]]
