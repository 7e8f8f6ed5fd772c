"""Start a run from another run's weights: what fits is taken, and what does not is named."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.learners.learner import Learner
from saddlepoint.networks.member_linear import stack_into
from saddlepoint.networks.wrapped import bare_names, told_columns
from saddlepoint.randomness import derive
from saddlepoint.run.description import seeds_of
from saddlepoint.run.init import Init
from saddlepoint.run.own_parts import MissingImport
from saddlepoint.training import run_directory
from saddlepoint.training.job import Job
from saddlepoint.training.stored_model import StoredModel, stored_model

MOST_NAMED = 3
#: The tensors of players, by player and bare name.
States = Mapping[str, Mapping[str, Tensor]]
#: How many inputs more a tensor's network has for labels, by player and bare name.
Told = Mapping[str, Mapping[str, int]]


@dataclass
class Taken:
    """What a learner took of another's tensors.

    Attributes:
        counts: Of each player: tensors that were taken, and those that it has.
        refused: Why others were not, by player and name.
        left: How many of the other's tensors have no place here, by player.
        parameters: Parameters that were taken; the rest are buffers.
    """

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    parameters: int = 0


@dataclass(frozen=True)
class Source:
    """Another run's weights.

    Attributes:
        init: What was asked for, with the place, step and digest that it came to.
        model: The other run.
    """

    init: Init
    model: StoredModel

    def begin(self, job: Job) -> dict[str, Any]:
        """Put the weights into a job that has made no step.

        Players get the last weights, their averages the averaged ones; optimisers and what
        regularisers remember begin anew.

        Returns:
            What was taken, for the run directory.

        Raises:
            BadInput: The other run learnt from another form of data, has NaN weights, or nothing
                of it fits.
        """
        form = self.model.stored.data.form
        if form != job.data.info.form:
            raise BadInput(
                f"--init: {self.init.run} learnt {form}, and {job.data.info.name} are "
                f"{job.data.info.form}: its weights are of no use here."
            )
        taken = self._into_members(job) if job.run.seeds > 1 else self._into(job)
        if taken.refused:  # the statistics taken may not be those of the weights beside them
            job.average.settle(derive(job.run.seed, "recalibration"))
        return {
            "run": str(self.init.run),
            "step": self.model.saved.step,
            "checkpoint": self.model.words,
            "complaints": self.model.complaints,
            "sha256": self.model.saved.digest,
            "weights": self.init.weights,
            "member": self.init.member,
            "taken": taken.counts,
            "not_taken": taken.refused,
            "left": taken.left,
        }

    def _into(self, job: Job) -> Taken:
        ((last, averaged),) = self._states(1)
        taken = self._checked(
            give(job.learner, last, told=_told_of(self.model.single())), last, job.learner
        )
        for name in job.learner.averaged:
            present = job.learner.players[name].state_dict()
            job.average.learner.players[name].load_state_dict(present)
        give(job.average.learner, averaged, job.learner.averaged)
        return taken

    def _into_members(self, job: Job) -> Taken:
        seeds = seeds_of(job.run)
        assert isinstance(seeds, tuple)
        states = self._states(len(seeds))
        learners: list[nn.Module] = []
        averages: list[nn.Module] = []
        taken = Taken()
        for number, seed in enumerate(seeds):
            last, averaged = states[number if len(states) > 1 else 0]
            single = job.run.learner.learner(job.data.info, batch_size=job.batch_size, seed=seed)
            taken = self._checked(
                give(single, last, told=_told_of(self.model.single())), last, single
            )
            average = copy.deepcopy(single)
            give(average, averaged, single.averaged)
            learners.append(single)
            averages.append(average)
        stack_into(job.learner, learners)
        stack_into(job.average.learner, averages)
        return taken

    def _states(self, seeds: int) -> list[tuple[States, States]]:
        """The last and the averaged tensors: once, or of each of so many seeds.

        Raises:
            BadInput: A member is asked for that there is not, or one must be; or NaN weights.
        """
        there, member = self.model.stored.run.seeds, self.init.member
        if member is not None and member >= there:
            raise BadInput(
                f"--init.member {member}: {self.init.run} holds "
                + ("one model: leave it out." if there == 1 else f"{there}, from 0.")
            )
        if member is None and there not in (1, seeds):
            raise BadInput(
                f"--init: {self.init.run} holds {there} seeds side by side, and this run "
                f"{seeds}: say with --init.member 0 to {there - 1} which it starts from."
            )
        averaged = _states_of(self.model.learner(averaged=True))
        last = averaged
        if self.init.weights == "last":
            last = _states_of(self.model.learner(averaged=False))
        for states in (last, averaged):
            self._check_finite(states)
        if there == 1:
            return [(last, averaged)]
        single = _states_of(self.model.single())
        chosen = range(there) if member is None else (member,)
        return [(_of_member(last, single, i), _of_member(averaged, single, i)) for i in chosen]

    def _check_finite(self, states: States) -> None:
        for player, tensors in states.items():
            for name, value in tensors.items():
                if value.is_floating_point() and not bool(value.isfinite().all()):
                    raise BadInput(
                        f"--init: step {self.model.saved.step} of {self.init.run} holds NaN or "
                        f"infinite numbers in {player}.{name}: choose another checkpoint with "
                        "--init.checkpoint."
                    )

    def _checked(self, taken: Taken, there: States, here: Learner) -> Taken:
        """Refuse to start from nothing.

        Raises:
            BadInput: No parameter was taken.
        """
        if taken.parameters:
            return taken
        if not there.keys() & here.players.keys():
            raise BadInput(
                f"--init: nothing of {self.init.run} fits: its players are {', '.join(there)}, and "
                f"here they are {', '.join(here.players)}."
            )
        raise BadInput(f"--init: nothing of {self.init.run} fits: {_listed(taken.refused)}.")


def source_of(init: Init) -> Source | None:
    """The weights that a run starts from; None if they are random.

    Raises:
        BadInput: There is no such run or checkpoint, or not the one that the description names.
    """
    if init.run is None:
        return None
    where = init.run.expanduser().absolute()
    try:
        if run_directory.is_group(where):
            first = run_directory.of_seeds(where)[0]
            raise BadInput(f"{where} holds a run a seed: name one of them, as in --init {first}.")
        model = stored_model(where, init.checkpoint)
    except MissingImport:
        raise
    except BadInput as error:
        raise BadInput(f"--init: {error}") from error
    step, digest = model.saved.step, model.saved.digest
    if init.sha256 not in (None, digest):
        raise BadInput(
            f"--init: the checkpoint of step {step} of {where} is not the one that this "
            "description began from (its digest is another): name the run anew with --init."
        )
    return Source(init.replace(run=where, checkpoint=step, sha256=digest), model)


def pinned(init: Init) -> Init:
    """``init`` with the place, the step and the digest that it comes to.

    Raises:
        BadInput: As of ``source_of``.
    """
    source = source_of(init)
    return init if source is None else source.init


def give(
    learner: Learner,
    states: States,
    players: Iterable[str] | None = None,
    told: Told | None = None,
) -> Taken:
    """Put what fits of ``states`` by player, bare name and shape into ``learner``.

    Names are bare: a network that is told classes, or stands beside an auxiliary's module, and one
    that is not have the same. Of one module's buffers all are taken or none, since they belong
    together; those that are facts of the data (``Learner.of_data``) stay.

    Args:
        learner: It takes.
        states: Another's tensors.
        players: Only of these; by default of all.
        told: Where the other's networks are told classes, for the reasons.
    """
    taken = Taken()
    for player, module in learner.players.items():
        if players is not None and player not in players:
            continue
        own = {
            name: value
            for name, value in module.state_dict().items()
            if f"{player}.{name}" not in learner.of_data
        }
        parameters = {name for name, _ in module.named_parameters()}
        bare = bare_names(module)
        there = states.get(player, {})
        reasons = {name: _why_not(value, there.get(bare[name])) for name, value in own.items()}
        refused = {name: why for name, why in reasons.items() if why}
        columns = (told_columns(module), (told or {}).get(player, {}))
        weights = {name: value for name, value in own.items() if name in parameters}
        for name, why in _of_the_class(weights, there, bare, columns).items():
            refused[name] += why
        apart = {_owner(name) for name in refused if name not in parameters}
        for name in own.keys() - parameters - refused.keys():
            if _owner(name) in apart:
                refused[name] = "goes with the others of its layer"
        fitting = {name: there[bare[name]] for name in own if name not in refused}
        module.load_state_dict({**module.state_dict(), **fitting})
        taken.counts[player] = (len(fitting), len(own))
        taken.refused |= {f"{player}.{name}": refused[name] for name in own if name in refused}
        taken.parameters += len(fitting.keys() & parameters)
    for player, there in states.items():
        here = learner.players.get(player)
        names = set() if here is None else {*bare_names(here).values()}
        if left := len(there.keys() - names):
            taken.left[player] = left
    return taken


def sentences(record: Mapping[str, Any]) -> list[str]:
    """What ``Source.begin`` gave, in one or two sentences."""
    counts = ", ".join(f"{name} {n} of {of}" for name, (n, of) in record["taken"].items())
    member = "" if record["member"] is None else f", member {record['member']}"
    said = [f"started from {record['run']}, step {record['step']:,}{member}: {counts} tensors."]
    rest = []
    if record["not_taken"]:
        named = _listed(record["not_taken"])
        rest.append(f"not taken: {named}{', see run.json' * named.endswith(' more')}")
    if record["left"]:
        left = ", ".join(f"{count} of {name}" for name, count in record["left"].items())
        rest.append(f"there is no place for {left}")
    return [*record["complaints"], *said, *([f"{'; '.join(rest)}."] if rest else [])]


def _listed(refused: Mapping[str, str]) -> str:
    shown = [f"{name} ({why})" for name, why in list(refused.items())[:MOST_NAMED]]
    more = len(refused) - MOST_NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _why_not(value: Tensor, other: Tensor | None) -> str:
    """Why another's tensor of this name does not fit; empty if it does."""
    if other is None:
        return "missing there"
    if other.shape != value.shape:
        return f"{_shape(other)} there, {_shape(value)} here"
    if other.is_floating_point() != value.is_floating_point():
        return f"{other.dtype} there, {value.dtype} here".replace("torch.", "")
    return ""


def _of_the_class(
    own: Mapping[str, Tensor],
    there: Mapping[str, Tensor],
    bare: Mapping[str, str],
    told: tuple[Mapping[str, int], Mapping[str, int]],
) -> dict[str, str]:
    """What is said of first layers that differ by the inputs alone that tell the class.

    They come before all others of their network: behind one of another form nothing is said.

    Args:
        own: Parameters of a player, in order.
        there: The other's, by bare name.
        bare: The bare names of its own.
        told: How many inputs tell the class, here and there, by bare name.
    """
    said = {}
    for name, value in own.items():
        other, (here, elsewhere) = there.get(bare[name]), (each.get(bare[name], 0) for each in told)
        if here == elsewhere or other is None or other.shape == value.shape:
            continue
        count, where = max((here, "here"), (elsewhere, "there"))
        if min(value.dim(), other.dim()) < 2:
            break
        inputs = [*value.shape]
        inputs[1] += elsewhere - here
        if inputs != [*other.shape]:
            break
        said[name] = f": {count} of the inputs {where} {'tell' if count > 1 else 'tells'} the class"
    return said


def _shape(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _states_of(learner: Learner) -> States:
    states: dict[str, dict[str, Tensor]] = {}
    for player, module in learner.players.items():
        bare = bare_names(module)
        states[player] = {bare[name]: value for name, value in module.state_dict().items()}
    return states


def _told_of(learner: Learner) -> Told:
    return {player: told_columns(module) for player, module in learner.players.items()}


def _of_member(states: States, single: States, member: int) -> States:
    """The tensors of one member; what has no axis of members is the same in all."""
    return {
        player: {
            name: value if value.shape == single[player][name].shape else value[member]
            for name, value in tensors.items()
        }
        for player, tensors in states.items()
    }
