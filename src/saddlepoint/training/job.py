"""A run in memory: everything that trains, and how it is logged, drawn, saved and restored."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saddlepoint.data.bounds import check_memory
from saddlepoint.data.dataset import Dataset, Loader
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.errors import BadInput, Interrupted, RunStopped, command_line
from saddlepoint.learners.learner import Learner
from saddlepoint.randomness import derive
from saddlepoint.run.description import Run, seeds_of
from saddlepoint.run.training import Best
from saddlepoint.training import checkpoint, notices, state
from saddlepoint.training.averaging import Average, decay_of
from saddlepoint.training.device import Policy, in_words
from saddlepoint.training.pace import Laps, Pace, PictureTimes
from saddlepoint.training.progress import Display, Forecast
from saddlepoint.training.record import Record
from saddlepoint.training.sample_pictures import SamplePictures
from saddlepoint.training.signals import Signals, signal_name
from saddlepoint.training.step import Batches, Stepper
from saddlepoint.training.validation import HeldOut, Validator
from saddlepoint.training.watching import Watch

# what a step waits for
PICTURE, CHECKPOINT, VALIDATION, WATCH = "picture", "checkpoint", "validation", "watch"


@dataclass
class Job:
    """A run that can step.

    Attributes:
        run: The description as given.
        folder: The run directory.
        data: The examples.
        policy: Device and precision.
        batch_size: Examples per update.
        horizon: Steps over which progress goes from 0 to 1.
    """

    run: Run
    folder: Path
    data: Dataset
    policy: Policy
    batch_size: int
    horizon: int
    done: int = 0
    seconds: float = 0.0
    scalars: dict[str, float] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)
    begun: dict[str, Any] | None = None  # what it took of another run's weights

    def __post_init__(self) -> None:
        seeds, size = seeds_of(self.run), self.batch_size
        learner = self.run.learner.learner(self.data.info, batch_size=size, seed=seeds)
        self.policy = self.policy.suited(learner, size)
        device = self.policy.device
        if device.type == "cpu":
            self._check_memory(learner)
        self.policy.place(learner)
        learner.train()
        if isinstance(seeds, tuple):
            loader: Loader = MemberLoader(self.data, "train", size, seeds=seeds, device=device)
        else:
            loader = self.data.loader("train", size, seed=seeds, device=device)
        self.learner = learner
        training, batches = self.run.training, Batches(loader, size)
        self.stepper = Stepper(
            learner, self.policy, batches, seeds, training.dynamics, training.freeze
        )
        self.average = Average(learner, decay_of(training, self.stepper.step_images))
        validation = training.validation
        self.validator = None if validation.score == "none" else Validator(validation, self.data)
        self.held_out = HeldOut(learner, self.data, size, device)
        self.watch = Watch(self.run, self.data) if training.watch else None
        self.pictures = SamplePictures(self.run, self.folder, self.data)
        self.pace = Pace()
        self.picture_times = PictureTimes(training.sample_every, training.sample_seconds)

    @staticmethod
    def _check_memory(learner: Learner) -> None:
        """Refuse what no training of these networks can do without.

        Raises:
            BadInput: It exceeds the memory.
        """
        needed = 0
        for name, player in learner.players.items():
            copies = 2 + (name in learner.averaged) + learner.optimisers[name].copies
            needed += copies * sum(p.numel() * p.element_size() for p in player.parameters())
        check_memory(
            needed,
            "the networks, their gradients, averages and the moments of their optimisers need",
            "use narrower or fewer layers, shorter latents or fewer seeds",
        )

    @property
    def best(self) -> Best:
        """How the best checkpoint is chosen: as asked, else by the validation score."""
        asked = self.run.training.best
        if asked.scalar is None and self.validator is not None:
            return Best(scalar=self.validator.name, mode="min")
        return asked

    @property
    def headline(self) -> tuple[str, ...]:
        """The diagnostics shown live."""
        return (*self.learner.headline, *self._validated_names[:2])

    @property
    def _validated_names(self) -> tuple[str, ...]:
        """What is recorded of the validation split: a score, and what the learner measures."""
        score = () if self.validator is None else (self.validator.name,)
        return (*score, *self.held_out.names)

    @property
    def units(self) -> dict[str, str]:
        """What recorded scalars are, with their units, by name."""
        units = dict(self.learner.units)
        held_out = {
            name: f"{units[plain]}, held-out examples"
            for name in self.held_out.names
            if (plain := name.removeprefix("validation/")) in units
        }
        return units | held_out

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each player."""
        counts = self.stepper.parameters.items()
        return {name: sum(p.numel() for p in parameters) for name, parameters in counts}

    def loop(
        self, target: int, record: Record, display: Display, signals: Signals
    ) -> Iterator[int]:
        """Train until ``target`` steps are done; gives their number back after each.

        It ends earlier if the validation score has not improved for as long as asked.

        Raises:
            RunStopped: A loss or gradient was not finite.
            Interrupted: A signal came; the state was saved.
        """
        settings = self.run.training
        clock = Laps(self.stepper.batches.cursor)
        signals.answer = display.say
        self._say_at_the_start(record, display)
        self.pace.start(self.done, self._examples)
        judged = False
        while self.done < target:
            progress = min(self.done / self.horizon, 1.0)
            self._enter_stages(progress)
            elapsed = self.stepper.elapsed(self.done, progress)
            self.stepper.step(self.done, progress)
            self.done += 1
            self.average.update(self.done, elapsed)
            self.pace.step(self.done, self._examples)
            display.advance(self.done, lambda: self._forecast(target))
            judged = judged or self._say_if_long(target, record, display)
            ordinary = self.done == target or self.done % settings.checkpoint_every == 0
            picture = self.picture_times.due(self.done, self.pace.elapsed)
            fresh = self._held_out_figures(record) if ordinary else {}
            if ordinary or picture:
                fresh |= self._watched_figures(record)
            # Read once: a signal that comes while this step is being saved ends the next one.
            stopping = signals.received
            last = self.done == target or stopping is not None or self._exhausted
            if last or self.done % settings.log_every == 0 or fresh:
                self._log(clock, record, display, fresh, target)
            if self.watch is not None and (last or fresh):
                for sentence in self.watch.news(self.done):
                    record.event(self.done, "symptom", sentence)
                    display.say(sentence)
            if last or picture:
                self.draw(record)
            if last or self.done % settings.checkpoint_every == 0:
                self.save(record)
            if stopping is not None:
                self._interrupted(stopping, target, record)
            if self._exhausted and self.done < target:
                self._stopped_early(record, display)
                yield self.done
                return
            yield self.done

    def _enter_stages(self, progress: float) -> None:
        """Tell the learner, and its average, of each stage that begins."""
        for stage in self.stepper.stages.due(progress):
            self.learner.enter(stage)
            self.average.learner.enter(stage)
            self.stepper.stages.entered = stage

    @property
    def _examples(self) -> int:
        """Training examples that were used, those of all members together."""
        return self.stepper.batches.examples * self.run.seeds

    def _forecast(self, target: int) -> Forecast:
        settings, elapsed = self.run.training, self.pace.elapsed
        every = {
            CHECKPOINT: settings.checkpoint_every,
            VALIDATION: settings.checkpoint_every,
            WATCH: settings.checkpoint_every,
        }
        timed: dict[str, Callable[[float], int]] = {}
        if self.picture_times.by_time:
            timed[PICTURE] = lambda seconds: self.picture_times.within(seconds, elapsed)
        else:
            every[PICTURE] = settings.sample_every
        return Forecast(self.pace.rate, self.pace.left(self.done, target, every, timed))

    def _say_at_the_start(self, record: Record, display: Display) -> None:
        if self.done:
            return
        run = self.run
        for sentence in (
            notices.few_held_out(run.data, self.data.info),
            notices.idle_labels(run.data, self.learner.learns_labels, run.learner.kind),
            *self.learner.said,
        ):
            if sentence is not None:
                record.event(self.done, "note", sentence)
                display.say(sentence)

    def _say_if_long(self, target: int, record: Record, display: Display) -> bool:
        """Warn of a training of more than an hour; returns False while it is too early to say."""
        if self.pace.elapsed < Pace.PATIENCE_SECONDS or not self.pace.settled:
            return False
        left, each = self._forecast(target).left, self.pace.seconds_a_step
        if left is None or each is None:
            return False
        if left >= notices.LONG_SECONDS:
            sentence = notices.long_training(
                self.run,
                self.data.info,
                batch_size=self.batch_size,
                done=self.done,
                target=target,
                left=left,
                seconds_a_step=each,
                where=in_words(self.policy.device),
                resumed=self.pace.first_step > 0,
            )
            record.event(self.done, "estimate", sentence)
            display.say(sentence)
        return True

    def _interrupted(self, signal_number: int, target: int, record: Record) -> None:
        if self.done < target:
            name = signal_name(signal_number)
            record.event(self.done, "interrupted", name)
            raise Interrupted(
                f"stopped by {name} after step {self.done} of {target}; everything is saved. "
                f"Go on with `{command_line('resume', self.folder)}`.",
                signal_number,
            )

    @property
    def _exhausted(self) -> bool:
        return self.validator is not None and self.validator.exhausted

    def _stopped_early(self, record: Record, display: Display) -> None:
        assert self.validator is not None
        sentence = (
            f"stopped at step {self.done}: {self.validator.name} has not improved for "
            f"{self.validator.since} validations (best {self.validator.best:.4g}). "
            f"`{command_line('resume', self.folder)}` goes on with new patience."
        )
        record.event(self.done, "plateau", sentence)
        display.say(sentence)

    def _held_out_figures(self, record: Record) -> dict[str, list[float]]:
        """What the validation split says of each member's settled average, by name."""
        if not self._validated_names:
            return {}
        self._stop_if_not_finite(record)
        with self.pace.pause(VALIDATION):
            self.average.settle(derive(self.run.seed, "recalibration"))
            measured = self.held_out.measured(self.average.learner, seeds_of(self.run))
            return measured if self.validator is None else measured | self._score(self.validator)

    def _watched_figures(self, record: Record) -> dict[str, list[float]]:
        """What is watched of each member's settled average, by name."""
        if self.watch is None:
            return {}
        self._stop_if_not_finite(record)
        with self.pace.pause(WATCH):
            self.average.settle(derive(self.run.seed, "recalibration"))
            return self.watch.figures(self.average.learner)

    def _score(self, validator: Validator) -> dict[str, list[float]]:
        """The validation score of each member, by name; the latents are always the same."""
        drawn = self.average.learner.sample(validator.samples, derive(self.run.seed, "validation"))
        each = [validator.score(x) for x in (drawn if self.run.seeds > 1 else [drawn])]
        validator.note(statistics.fmean(each))
        return {validator.name: each}

    def _log(
        self,
        clock: Laps,
        record: Record,
        display: Display,
        fresh: dict[str, list[float]],
        target: int,
    ) -> None:
        self._stop_if_not_finite(record)
        seconds, batches = clock.lap(self.stepper.batches.cursor)
        self.seconds += seconds
        rate = batches * self.batch_size * self.run.seeds / seconds
        # A checkpoint between two log lines carries the unread sums; an empty reading can
        # only follow a checkpoint that ended an interval.
        read = self.stepper.meters.read()
        members = read if self.run.seeds > 1 else None
        if members is not None:
            members |= fresh
            read = {name: statistics.fmean(values) for name, values in read.items()}
        validated = {name: statistics.fmean(values) for name, values in fresh.items()}
        self.scalars = (read or _of_intervals(self.scalars)) | validated
        self.validated |= validated
        record.scalars(
            self.done,
            self.scalars,
            seconds=self.seconds,
            rate=rate,
            examples=self._examples,
            members=members,
        )
        if self.watch is not None:
            self.watch.read(self.done, self.scalars, members)
        forecast = Forecast(rate, self._forecast(target).left)
        display.log(self.done, forecast, self.scalars | self.validated)
        asked = self.run.training.best.scalar
        watched = () if self.watch is None else self.watch.names
        known = dict.fromkeys([*self.scalars, *self._validated_names, *watched])
        if asked is not None and asked not in known:
            raise BadInput(
                f"training.best.scalar = '{asked}' is not recorded; recorded are: "
                f"{', '.join(known)}."
            )

    def _stop_if_not_finite(self, record: Record) -> None:
        trouble = self.stepper.trouble.read()
        if trouble is None:
            return
        step, names = trouble
        what = " and ".join(names)
        kept = checkpoint.steps_of(self.folder)
        state = (
            f"the checkpoint of step {kept[-1]} is kept" if kept else "no checkpoint was due yet"
        )
        sentence = (
            f"step {step}: {what} became infinite or NaN; that update was not applied and the run "
            f"stopped ({state}). Start again with a lower learning rate, or with "
            "--precision float32 if it ran in bfloat16."
        )
        record.event(self.done, "stopped", sentence)
        raise RunStopped(sentence)

    def draw(self, record: Record) -> None:
        """Write the picture of the samples from the fixed latents."""
        self._stop_if_not_finite(record)
        with self.pace.pause(PICTURE):
            self.average.settle(derive(self.run.seed, "recalibration"))
            name = self.pictures.draw(self.average.learner, self.done)
        if self.pace.started:  # else it shows the first weights, and is none of a training
            self.picture_times.drawn(self.pace.elapsed)
        record.event(self.done, "samples", name)

    def draw_real(self) -> None:
        """Write the picture of real examples, laid out as the samples are."""
        self.pictures.draw_real()

    def save(self, record: Record) -> None:
        """Write a checkpoint, let it compete for the best, remove what is no longer kept."""
        self._stop_if_not_finite(record)
        with self.pace.pause(CHECKPOINT):
            self.average.settle(derive(self.run.seed, "recalibration"))
            tensors, facts = state.of(self)
            checkpoint.save(self.folder, self.done, tensors, facts)
        record.event(self.done, "checkpoint")
        best = self.best
        if best.scalar is not None and best.scalar in self.scalars:
            value = self.scalars[best.scalar]
            if checkpoint.offer_best(self.folder, self.done, best.scalar, value, best.mode):
                record.event(self.done, "best", f"{best.scalar} = {value:.6g}")
        checkpoint.prune(self.folder, self.run.training.keep)

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Take back what ``save`` wrote.

        Raises:
            BadInput: The checkpoint belongs to another description.
        """
        state.restore(self, saved)
        if self.watch is not None:
            self.watch.restore(self.folder, self.done)

    def close(self) -> None:
        """Stop the loader's threads."""
        self.stepper.batches.loader.close()


def _of_intervals(scalars: dict[str, float]) -> dict[str, float]:
    """Without what was measured at single steps."""
    return {n: v for n, v in scalars.items() if not n.startswith(("validation/", "watch/"))}
