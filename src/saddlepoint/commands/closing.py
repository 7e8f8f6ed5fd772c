"""What is said when a training of the recipe ``image`` has ended: how good, and what next."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.planning.advice import Verdict
    from saddlepoint.planning.plan import Plan
    from saddlepoint.run.description import Run

WIDTH = 78
#: What decides of which shapes a game's weights are.
_SHAPED = ("generator", "critic", "latent", "classes")


def close(folder: Path, step: int, *, plan: Plan | None = None, quiet: bool = False) -> None:
    """Evaluate the run, and say what came out, what would help and what can be done with it.

    The evaluation is kept beside the run as that of ``saddlepoint evaluate`` is.

    Args:
        folder: The run directory.
        step: Steps that are done.
        plan: What was chosen for it; None after a resume.
        quiet: Show no progress of the evaluation.
    """
    from saddlepoint.training.sample_pictures import SAMPLES

    print(f"{step} steps are done: {folder}")
    if pictures := sorted((folder / SAMPLES).glob("step-*.png")):
        print(f"Samples, not picked: {pictures[-1]}")
    for line in verdict_of(folder, plan, quiet).lines:
        if line.startswith("  "):  # a command, which is copied
            print(line)
        else:
            print(textwrap.fill(line, WIDTH, break_on_hyphens=False))


def verdict_of(folder: Path, plan: Plan | None, quiet: bool) -> Verdict:
    """The verdict on a run; where it cannot be evaluated, the reason in the place of scores."""
    from saddlepoint.data.splitting import LEAST_COMPARED
    from saddlepoint.evaluation import files
    from saddlepoint.evaluation.evaluate import evaluate
    from saddlepoint.planning.advice import facts_of, verdict
    from saddlepoint.training.run_directory import read

    stored = read(folder)
    run = stored.run
    glance = None if plan is None else plan.glance
    facts = facts_of(folder, glance, _anew(folder, run), **_options(run, plan))
    if sum(stored.data.counts.values()) < LEAST_COMPARED:
        return verdict(None, facts)
    if not quiet:
        print("evaluating ...", file=sys.stderr)
    try:
        files.check_run(folder)
        evaluation = evaluate(folder, quiet=quiet)
        files.write_beside_run(evaluation, folder)
    except BadInput as reason:
        return verdict(None, facts, why_not=f"Not evaluated: {reason}")
    return verdict(evaluation, facts)


def _anew(folder: Path, run: Run) -> list[str]:
    """Words of ``train`` for larger data and networks into which this run's weights fit.

    Those of the recipe's options where they describe these networks, so that the rest is chosen
    anew; else the run's own description.
    """
    from saddlepoint.data.folder import Folder
    from saddlepoint.run.description import NAME

    named = _options_of_networks(run)
    words = ["LARGER", *named] if named is not None else [f"{folder / NAME}", "--data", "LARGER"]
    data = run.data
    if isinstance(data, Folder):
        if named is None and data.labels:
            words.append("--data.labels")
        if data.labels and data.label_level != 1:
            words += ["--data.label-level", f"{data.label_level}"]
        if data.size is not None:
            sides = (data.size,) if isinstance(data.size, int) else data.size
            words += ["--data.size", *map(str, sides)]
        if data.channels != "auto":
            words += ["--data.channels", f"{data.channels}"]
    return words


def _options_of_networks(run: Run) -> list[str] | None:
    """Options of the recipe that describe a run's networks; None if there are no such."""
    from saddlepoint.learners.adversarial.description import Adversarial
    from saddlepoint.networks.dcgan import Dcgan
    from saddlepoint.networks.r3 import R3
    from saddlepoint.recipes.image import image

    learner = run.learner
    if not isinstance(learner, Adversarial):
        return None
    network, conditional = learner.generator, learner.classes.word() != "unconditional"
    words: list[str] = []
    if isinstance(network, R3):
        width = network.widths[0]
        own = image(run.data, network="r3", width=width, conditional=conditional).learner
        words = ["--network", "r3"]
    elif isinstance(network, Dcgan):
        width = network.width
        own = image(run.data, width=width, conditional=conditional).learner
    else:
        return None
    if any(getattr(own, each) != getattr(learner, each) for each in _SHAPED):
        return None
    return [*words, "--width", f"{width}", *(["--conditional"] if conditional else [])]


def _options(run: Run, plan: Plan | None) -> dict[str, str]:
    """Options of ``train`` that advice may name, as far as this run leaves room for them."""
    from saddlepoint.data.folder import Folder
    from saddlepoint.learners.adversarial.description import Adversarial
    from saddlepoint.networks.dcgan import Dcgan

    options: dict[str, str] = {}
    learner = run.learner
    if isinstance(learner, Adversarial):
        options["augment"] = "--augment adaptive"  # said where nothing is changed yet
    if isinstance(learner, Adversarial) and isinstance(learner.generator, Dcgan):
        options["wider"] = f"--width {2 * learner.generator.width}"
    if isinstance(run.data, Folder) and isinstance(run.data.size, int):
        options["larger"] = f"--data.size {2 * run.data.size}"
    if plan is not None and plan.may_mirror:
        options["mirror"] = "--mirror"
    return options
