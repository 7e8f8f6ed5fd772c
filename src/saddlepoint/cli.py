"""The command line: ``saddlepoint train | resume | sample | evaluate | compare | report | lab``.

Nothing here imports torch before a command needs it, so that help and mistakes answer at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from saddlepoint.errors import BadInput, SaddlepointError, did_you_mean
from saddlepoint.version import VERSION

PROG = "saddlepoint"


def train(words: Sequence[str]) -> None:
    """Train a recipe or a description (a run.json) from its start."""
    from saddlepoint import options

    prog = f"{PROG} train"
    if not words or words[0] in ("-h", "--help"):
        print(f"usage: {prog} RECIPE|run.json [options]\n\nrecipes:")
        recipes()
        print(f"\nFor the options of a recipe: {prog} RECIPE --help")
        return
    start = options.start_of(words[0])
    prog = f"{prog} {words[0]}"
    if {"-h", "--help"} & set(words):
        options.print_train_help(start, words[1:], prog)
        return
    run, common = options.described(start, words[1:], prog)
    from saddlepoint.training import trainer

    result = trainer.train(run, common.out, quiet=common.quiet)
    _after_training(result.folder, result.step)


def resume(
    run: Positional[Path],
    *,
    steps: int | None = None,
    reschedule: bool = False,
    device: str | None = None,
    quiet: bool = False,
) -> None:
    """Go on with a run exactly where its newest checkpoint left it.

    Args:
        run: The run directory.
        steps: Train to this many steps instead of those asked for before.
        reschedule: Stretch the schedules over the new number of steps.
        device: Another device than the run began on.
        quiet: Show no progress.
    """
    from saddlepoint.training import trainer

    result = trainer.resume(run, steps=steps, reschedule=reschedule, device=device, quiet=quiet)
    _after_training(result.folder, result.step)


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    seed: int = 0,
    out: Path = Path("samples.png"),
    checkpoint: str = "auto",
    member: int = 0,
    device: str = "auto",
) -> None:
    """Draw samples from a trained run.

    Args:
        run: The run directory.
        n: How many.
        seed: Seed of the latents; the first m of n samples are those of --n m.
        out: A .png grid, an .npz or .npy array (images: uint8, channels last), or a folder of PNGs.
        checkpoint: latest, best, a step, or auto: the best if the run names one, else the latest.
        member: Which of several seeds that were trained side by side, from 0.
        device: Where to compute.
    """
    from saddlepoint.exporting import check_target, write_samples

    check_target(out)
    which = _which(checkpoint)
    from saddlepoint.training.trained import load

    model = load(run, which, device=device)
    samples = model.sample(n, seed, member=member).numpy()
    write_samples(samples, out, images=model.data.images)
    print(f"{n} samples of {run} (step {model.step}, seed {seed}): {out}")


def report(run: Positional[Path]) -> None:
    """Write one self-contained HTML page about a run.

    Args:
        run: The run directory.
    """
    from saddlepoint.report.page import build_report

    print(f"report: {build_report(run)}")


def evaluate(
    run: Positional[Path | None] = None,
    *,
    real: str | None = None,
    fake: str | None = None,
    n: int | None = None,
    features: tuple[str, ...] = ("auto",),
    scores: tuple[str, ...] = ("default",),
    checkpoint: str = "auto",
    seed: int = 0,
    out: Path | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Say whether samples are good: scores with intervals, beside those of real examples.

    Args:
        run: A run directory; its samples are held against the test split of its data.
        real: Instead of a run: real examples (folder, .npz or .npy file, built-in name, run).
        fake: With --real: what to score (the same, or a run, whose samples then count).
        n: Real examples and samples (by default what there is, at most 10,000).
        features: auto, pixels, classifier, efficientnet-lite0, inception, a file.onnx or
            package.module:name; one or several.
        scores: default, all or names (a wrong one lists them); one or several.
        checkpoint: latest, best, a step, or auto: the best if the run names one, else the latest.
        seed: Seed of the samples.
        out: Folder for evaluation.json and the pictures (by default the run's, else here).
        device: Where to draw samples.
        quiet: Show no progress.
    """
    from saddlepoint.features.description import parse_features

    for word in features:
        parse_features(word)
    which = _which(checkpoint)
    from saddlepoint.evaluation import showing
    from saddlepoint.evaluation.evaluate import evaluate as score

    found = score(
        run,
        real=real,
        fake=fake,
        n=n,
        features=features,
        scores=scores,
        checkpoint=which,
        seed=seed,
        device=device,
        quiet=quiet,
    )
    showing.print_table(found)
    written = showing.write(found, out or run or Path())
    print(f"{found.seconds:.0f} s; written: {', '.join(map(str, written))}")


def compare(
    runs: Positional[tuple[Path, ...]],
    *,
    n: int | None = None,
    features: tuple[str, ...] = ("auto",),
    scores: tuple[str, ...] = ("default",),
    checkpoint: str = "auto",
    seed: int = 0,
    out: Path = Path("comparison"),
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Say which of several runs is better, and whether that is about checkpoints or methods.

    Args:
        runs: Run directories on the same data; those that differ in the seed alone are one method.
        n: Real examples and samples of each (by default what there is, at most 10,000).
        features: As for evaluate.
        scores: As for evaluate.
        checkpoint: As for evaluate.
        seed: Seed of the samples.
        out: Folder for comparison.json and comparison.png.
        device: Where to draw samples.
        quiet: Show no progress.
    """
    from saddlepoint.features.description import parse_features

    for word in features:
        parse_features(word)
    which = _which(checkpoint)
    from saddlepoint.evaluation import showing
    from saddlepoint.evaluation.compare import compare as judge

    found = judge(
        runs,
        n=n,
        features=features,
        scores=scores,
        checkpoint=which,
        seed=seed,
        device=device,
        quiet=quiet,
    )
    showing.print_comparison(found)
    written = showing.write_comparison(found, out)
    print(f"{found.seconds:.0f} s; written: {', '.join(map(str, written))}")


def recipes(name: Positional[str | None] = None) -> None:
    """List what can be trained, or print one recipe's whole description.

    Args:
        name: A recipe.
    """
    from saddlepoint.recipes import RECIPES, find

    if name is not None:
        print(find(name)())
        return
    width = max(map(len, RECIPES))
    for each, function in RECIPES.items():
        print(f"{each:<{width}}  {inspect.cleandoc(function.__doc__ or '').splitlines()[0]}")


def lab(
    experiment: Positional[Literal["mode-collapse"]],
    *,
    out: Path | None = None,
    minutes: float = 13.0,
    seeds: int = 10,
    only: str | None = None,
    fast: bool = False,
    at_once: int = 2,
) -> None:
    """Run a classic experiment, measure it and draw it; run again, it goes on where it was.

    Args:
        experiment: mode-collapse: six methods on a ring and a grid of Gaussians.
        out: Folder of the experiment (by default runs/EXPERIMENT).
        minutes: Training time of each method on each data set, in minutes of one core.
        seeds: Seeds that are trained side by side.
        only: Only methods or data whose name holds this.
        fast: 70 seconds and four seeds each, to see that it works.
        at_once: How many train side by side, each on one thread.
    """
    from saddlepoint.lab import mode_collapse

    where = out or Path("runs") / f"{experiment}{'-fast' if fast else ''}"
    mode_collapse.run(where, minutes=minutes, seeds=seeds, only=only, fast=fast, at_once=at_once)
    print((where / "table.md").read_text())
    print(f"table and picture: {where / 'table.md'}, {where / 'table.png'}")


def _which(checkpoint: str) -> int | Literal["auto", "latest", "best"]:
    """A checkpoint as the command line names it."""
    if checkpoint in ("auto", "latest", "best"):
        return checkpoint  # type: ignore[return-value]
    if checkpoint.isdigit():
        return int(checkpoint)
    raise BadInput(
        f"--checkpoint '{checkpoint}': use auto, latest, best or a step."
        f"{did_you_mean(checkpoint, ('auto', 'latest', 'best'))}"
    )


PLAIN: dict[str, Callable[..., None]] = {
    "resume": resume,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "report": report,
    "recipes": recipes,
    "lab": lab,
}


COMMANDS: dict[str, Callable[..., None]] = {"train": train, **PLAIN}


def _after_training(folder: Path, step: int) -> None:
    print(f"{step} steps are done: {folder}")
    print(f"  samples:  {PROG} sample {folder} --n 64 --out grid.png")
    print(f"  report:   {PROG} report {folder}")
    print(f"  go on:    {PROG} resume {folder} --steps {2 * step}")


def usage() -> str:
    """The text of ``saddlepoint --help``."""
    lines = [f"usage: {PROG} COMMAND ...", "", "commands:"]
    for name, function in COMMANDS.items():
        lines.append(f"  {name:<9}{inspect.cleandoc(function.__doc__ or '').splitlines()[0]}")
    lines += [
        "",
        f"{PROG} COMMAND --help says more; {PROG} --version prints the version;",
        f"{PROG} completion bash|zsh|tcsh prints a completion script for that shell.",
    ]
    return "\n".join(lines)


def dispatch(words: Sequence[str]) -> None:
    """Carry out one command."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return
    if words[0] in ("-V", "--version"):
        print(VERSION)
        return
    name, rest = words[0], list(words[1:])
    if name == "train":
        train(rest)
    elif name == "completion":
        from saddlepoint.completion import script

        print(script(rest, PLAIN, PROG))
    elif name in PLAIN:
        from saddlepoint.options import call

        call(PLAIN[name], rest, f"{PROG} {name}")
    else:
        known = [*COMMANDS, "completion"]
        raise BadInput(
            f"'{name}' is not a command (known: {', '.join(known)}).{did_you_mean(name, known)}"
        )


def main(words: Sequence[str] | None = None) -> None:
    """Entry point: one sentence and an exit code for everything that the user can act on."""
    try:
        dispatch(sys.argv[1:] if words is None else words)
    except SaddlepointError as error:
        print(f"saddlepoint: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("saddlepoint: stopped by Ctrl-C.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away: nobody is left to tell
        raise SystemExit(141) from None


if __name__ == "__main__":
    main()
