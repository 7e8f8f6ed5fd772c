"""Device, precision and threads: decided once, recorded, the same for every family."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from saddlepoint.errors import BadInput
from saddlepoint.learners.learner import Learner

# Multiply-adds of a fully connected learner's widest product from where bfloat16 pays; below, its
# conversions take longer than it saves. Measured by `benchmarks/precision.py` on a processor with
# AVX512-BF16 alone. With AMX, where products of either precision are faster, a widest product of
# 2^23 did not pay (4.2 ms a step against 3.2). A GPU waits for the host: on an H200 no width that
# was measured paid, up to a widest product of 2^27 (5.3 ms against 4.4).
PAYS_FROM, PAYS_FROM_AMX, PAYS_FROM_GPU = 2**22, 2**24, 2**28
AMD = "AuthenticAMD"

CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


@dataclass(frozen=True)
class Policy:
    """Where and how a run computes.

    Attributes:
        device: The device.
        precision: ``float32``, or ``bfloat16`` for autocast with float32 weights and reductions.
        pays_from: Multiply-adds of the widest product from where bfloat16 pays, if it was chosen
            automatically; 0 if somebody asked for it.
    """

    device: torch.device
    precision: str
    pays_from: int = 0

    def suited(self, learner: Learner, batch_size: int) -> Policy:
        """The policy for one learner: an automatic bfloat16 gives way where it does not pay.

        It pays for convolutions, and for fully connected networks whose widest product has as
        many multiply-adds as ``pays_from``: the answer depends on the description, no timing. Of
        several members one is looked at, so that each computes as it would alone.
        """
        convolves = any(isinstance(module, CONVOLUTIONS) for module in learner.modules())
        if convolves or widest_product(learner, batch_size) >= self.pays_from:
            return self
        return replace(self, precision="float32", pays_from=0)

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a phase's forward pass."""
        device, enabled = self.device.type, self.precision == "bfloat16"
        if not enabled and not torch.is_autocast_enabled(device):
            return nullcontext()
        return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)

    def place(self, module: nn.Module) -> None:
        """Move ``module`` to the device, its convolutions' weights channels-last.

        Channels-last is what convolutions want in bfloat16 (up to 18 times faster on the CPU)
        and costs nothing elsewhere.
        """
        module.to(device=self.device)
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.dim() == 4:  # several members' images have an axis more, and no convolution
                tensor.data = tensor.data.to(memory_format=torch.channels_last)


def choose(device: str, precision: str) -> Policy:
    """Resolve ``auto`` and check that what was asked for is there.

    Raises:
        BadInput: An unknown or missing device, or bfloat16 where autocast does not offer it.
    """
    where = _device(device)
    pays_from = 0
    if precision == "auto":
        precision = "float32"
        if _computes_bfloat16(where):
            precision = "bfloat16"
            pays_from = PAYS_FROM_GPU
            if where.type == "cpu":
                pays_from = PAYS_FROM_AMX if "amx_bf16" in _flags() else PAYS_FROM
    elif precision == "bfloat16" and where.type == "mps":
        raise BadInput("bfloat16 is not supported on mps here: use --precision float32.")
    return Policy(where, precision, pays_from)


def widest_product(learner: Learner, batch_size: int) -> int:
    """Multiply-adds of a batch with the largest weight of one member: batch · inputs · outputs."""
    sizes = [p.numel() for p in learner.parameters() if p.dim() >= 2]
    return batch_size * max(sizes, default=0) // (learner.members or 1)


def processor(device: torch.device) -> str:
    """The name of the processor that computes."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor_line("model name") or platform.processor() or platform.machine()


def in_words(device: torch.device, threads: int | None = None) -> str:
    """A device, and of the processor how many threads compute; None: those of now."""
    if device.type != "cpu":
        return str(device)
    threads = threads or torch.get_num_threads()
    return f"cpu, {threads} thread{'s' * (threads > 1)}"


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise BadInput(f"'{name}' is not a device: use auto, cpu, cuda, cuda:1 or mps.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadInput(
            f"there is no device '{name}' here ({torch.cuda.device_count()} CUDA devices found): "
            "use --device cpu or auto."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadInput("there is no device 'mps' here: use --device cpu or auto.")
    return device


def _computes_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 products run on units of their own and are faster than float32's.

    AVX512-BF16 alone pays on AMD's processors. On an Intel Xeon whose AMX a hypervisor hides,
    bfloat16 has 0.56 to 0.64 of float32's speed at every width (docs/benchmarks.md).
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and platform.machine() in ("x86_64", "AMD64"):
        flags = _flags()
        return "amx_bf16" in flags or ("avx512_bf16" in flags and _vendor() == AMD)
    return False


def _flags() -> set[str]:
    return set(_processor_line("flags").split())


def _vendor() -> str:
    return _processor_line("vendor_id")


def _processor_line(name: str) -> str:
    """What Linux says of the first core under this name; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
