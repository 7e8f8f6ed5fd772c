"""Everything of a job that must survive a restart, as named tensors and plain facts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from saddlepoint.data.dataset import Dataset
from saddlepoint.errors import BadInput
from saddlepoint.learners.learner import Learner
from saddlepoint.training import checkpoint
from saddlepoint.training.averaging import Average
from saddlepoint.training.device import Policy
from saddlepoint.training.restoring import flatten_optimiser, restore_optimiser
from saddlepoint.training.step import Stepper
from saddlepoint.training.validation import Validator


class Stateful(Protocol):
    """What a job has that must survive."""

    learner: Learner
    average: Average
    stepper: Stepper
    validator: Validator | None
    data: Dataset
    policy: Policy
    folder: Path
    horizon: int
    done: int
    seconds: float
    scalars: dict[str, float]


def of(job: Stateful) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, named ``part/name``, and the facts."""
    tensors: dict[str, Tensor] = {}
    groups = {}
    parts: dict[str, Mapping[str, Tensor]] = {
        "learner": job.learner.state_dict(),
        "average": job.average.state_dict(),
    }
    for name, optimiser in job.stepper.optimisers.items():
        parts[f"optimiser/{name}"], groups[name] = flatten_optimiser(optimiser)
    parts["meters"], counts = job.stepper.meters.state()
    parts["dynamics"] = job.stepper.dynamics_memory
    for part, values in parts.items():
        tensors |= {f"{part}/{key}": value for key, value in values.items()}
    facts = {
        "cursor": job.stepper.batches.cursor,
        "horizon": job.horizon,
        "stage": job.stepper.stages.entered,
        "stages": job.stepper.stages.starts,
        "seconds": job.seconds,
        "scalars": job.scalars,
        "meter_counts": counts,
        "optimiser_groups": groups,
        "data": job.data.info.fingerprint,
        "validation": None if job.validator is None else job.validator.state(),
    }
    return tensors, facts


def restore(job: Stateful, saved: checkpoint.Checkpoint) -> None:
    """Put back what ``of`` gave.

    Raises:
        BadInput: The checkpoint belongs to another description.
    """

    def part(name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {
            key.removeprefix(start): value
            for key, value in saved.tensors.items()
            if key.startswith(start)
        }

    facts = saved.facts
    device = job.policy.device
    # Of other data (``resume --other-data``), whose facts are not those of the checkpoint.
    same = facts.get("data") in (None, job.data.info.fingerprint)
    own = {} if same else facts_of_data(job.learner)
    try:
        job.learner.load_state_dict(part("learner"))
        job.average.load_state_dict(part("average"))
        for learner in (job.learner, job.average.learner):
            put_facts_of_data(learner, own)
        for name, optimiser in job.stepper.optimisers.items():
            groups = facts["optimiser_groups"][name]
            restore_optimiser(optimiser, part(f"optimiser/{name}"), groups)
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadInput(checkpoint.foreign(job.folder, saved.step, error)) from error
    sums = {name: value.to(device) for name, value in part("meters").items()}
    job.stepper.meters.restore(sums, facts["meter_counts"])
    job.stepper.dynamics_memory.update({k: v.to(device) for k, v in part("dynamics").items()})
    job.stepper.batches.cursor = facts["cursor"]
    job.stepper.stages.entered = facts["stage"]
    job.horizon = facts["horizon"]
    job.seconds = facts["seconds"]
    job.scalars = facts["scalars"]
    if job.validator is not None and facts.get("validation") is not None and same:
        job.validator.restore(facts["validation"])
    job.done = saved.step


def facts_of_data(learner: Learner) -> dict[str, Tensor]:
    """The buffers of players that are facts of the data, such as frequencies of classes."""
    return {name: _buffer(learner, name).clone() for name in learner.of_data}


def put_facts_of_data(learner: Learner, facts: Mapping[str, Tensor]) -> None:
    """Put what ``facts_of_data`` gave into a learner on any device."""
    for name, value in facts.items():
        _buffer(learner, name).copy_(value)


def _buffer(learner: Learner, name: str) -> Tensor:
    player, _, inside = name.partition(".")
    return learner.players[player].get_buffer(inside)
