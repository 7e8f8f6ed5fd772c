"""``saddlepoint explore``: what a trained model has learned, beyond samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import tyro
from tyro.conf import Positional

from saddlepoint.commands.shared import Drawing, DrawingOptions, Output, OutputOptions
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from saddlepoint.training.trained import Trained

What = Literal["reconstructions", "manifold", "styles", "analogies", "fill-in", "likelihood"]
Hidden = Literal["upper", "lower", "left", "right"]


class Found(NamedTuple):
    """What an exploration came to.

    Attributes:
        said: For the terminal.
        picture: None for what has only figures.
    """

    said: str
    picture: Image.Image | None = None


@dataclass(frozen=True)
class Asked:
    """What is asked of an exploration.

    Attributes:
        model: The trained model.
        take: Gives so many test examples and their labels (−1 where unknown; None without any).
        mean: The mean training example.
        n: How many; None: what is usual.
        of_class: A class.
        hide: The half of images that is hidden.
        draws: Latents drawn for each example.
        seed: Of all draws.
        member: Of a run with several seeds, which one.
    """

    model: Trained
    take: Callable[[int], tuple[Tensor, Tensor | None]]
    mean: Callable[[], object]
    n: int | None
    of_class: str | None
    hide: Hidden
    draws: int
    seed: int
    member: int


def explore(
    run: Positional[Path],
    what: Positional[What],
    *,
    n: int | None = None,
    of_class: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    hide: Hidden | None = None,
    draws: int | None = None,
    member: int = 0,
    data: Path | None = None,
    out: Path | None = None,
    drawing: Drawing = DrawingOptions(),  # noqa: B008 - frozen
    output: Output = OutputOptions(),  # noqa: B008
) -> None:
    """Look at what a trained model has learned, beyond samples.

    Args:
        run: The run directory, or that of a group.
        what: reconstructions of test examples; the manifold of two latents; styles, a class over
            two latents; analogies, test examples in every class; fill-in, hidden halves of test
            images; likelihood of test examples.
        n: Test examples, or of a grid its side (by default what is usual for each).
        of_class: For styles: the class, by its name or number.
        hide: For fill-in: which half of each image is hidden (by default the lower one).
        draws: For likelihood: latents drawn for each example (by default 500).
        member: Which of several seeds, from 0.
        data: Where the run's data are now, if they moved.
        out: A .png; by default explore-WHAT.png, or explore-WHAT-2.png and so on where that exists.
        drawing: Which checkpoint, where, and the seed of all draws.
        output: What may be replaced.
    """
    from saddlepoint.outputs import free_path

    for option, value, place in (
        ("class", of_class, "styles"),
        ("hide", hide, "fill-in"),
        ("draws", draws, "likelihood"),
    ):
        if value is not None and what != place:
            raise BadInput(f"--{option} is for {place}, and this is {what}: leave it out.")
    if n is not None and n < 1:
        raise BadInput(f"--n {n}: use 1 or more.")
    usual = Path(f"explore-{what}.png")
    target = free_path(usual) if out is None and not output.overwrite else out
    target = (target or usual).expanduser()
    if what == "likelihood" and out is not None:
        raise BadInput("likelihood has figures and no picture: leave --out away.")
    if target.suffix.lower() != ".png":
        raise BadInput(f"--out {target}: name a file that ends in .png.")
    from saddlepoint.drawing import png
    from saddlepoint.outputs import check_output, output_file
    from saddlepoint.training.trained import load

    if what != "likelihood":
        check_output(target, overwrite=output.overwrite)
    model = load(run, drawing.which, device=drawing.device)
    for note in model.notes:
        print(f"{note} Using the checkpoint of step {model.step}.")
    if not 0 <= member < model.run.seeds:
        raise BadInput(f"there is no member {member}: the run has {model.run.seeds}, from 0.")
    take, mean = _of_data(run, data, model, member)
    hidden, drawn = hide or "lower", 500 if draws is None else draws
    asked = Asked(model, take, mean, n, of_class, hidden, drawn, drawing.seed, member)
    found = EXPLORATIONS[what](asked)
    print(found.said)
    if found.picture is not None:
        with output_file(target, overwrite=output.overwrite) as file:
            file.write(png(found.picture))
        print(f"{what} of {run} (step {model.step}): {target}")


def _of_data(
    run: Path, data: Path | None, model: Trained, member: int
) -> tuple[Callable[[int], tuple[Tensor, Tensor | None]], Callable[[], object]]:
    """What gives test examples, and the mean training example; data are opened when first asked."""
    from functools import cache

    import torch

    from saddlepoint.training.own_data import open_own_data
    from saddlepoint.training.run_directory import is_group, of_seeds

    @cache
    def dataset() -> object:
        where = run.expanduser()
        return open_own_data(of_seeds(where)[member] if is_group(where) else where, data)

    def take(count: int) -> tuple[Tensor, Tensor | None]:
        batch = dataset().take("test", count, torch.device("cpu"))  # type: ignore[attr-defined]
        if not len(batch):
            raise BadInput(f"{model.data.name} has no test examples: set --data.split.test.")
        return batch.x.float(), batch.label

    def mean() -> object:
        return dataset().info.mean  # type: ignore[attr-defined]

    return take, mean


def _reconstructions(asked: Asked) -> Found:
    """Test examples, and below each what its mean latents are decoded to."""
    import torch

    from saddlepoint import drawing
    from saddlepoint.explore.autoencoders import autoencoder_of

    learner = autoencoder_of(asked.model, asked.member)
    _images(asked)
    x, _ = asked.take(asked.n or 40)
    made = learner.decode(learner.encode(x.to(next(learner.parameters()))).cpu()).float().cpu()
    columns = min(10, len(x))
    pairs = [
        part
        for first in range(0, len(x), columns)
        for part in (x[first : first + columns], made[first : first + columns])
        if len(part) == columns
    ]
    error = float((made - x).square().mean())
    picture = drawing.grid(torch.cat(pairs).numpy(), columns)
    words = f"mean squared error {error:.4g} over {len(x)} test images; rows by turns: image, made"
    return Found(words, picture)


def _manifold(asked: Asked) -> Found:
    from saddlepoint.explore import manifold

    found = manifold(asked.model, asked.n or 20, member=asked.member)
    return Found("equally likely latents, the first to the right, the second up", found.picture())


def _styles(asked: Asked) -> Found:
    from saddlepoint.explore import style_grid

    if asked.of_class is None:
        names = ", ".join(asked.model.data.classes[:20])
        raise BadInput(f"styles are those of a class: name it with --class (there are: {names}).")
    sheet = style_grid(_one(asked), asked.of_class, asked.n or 10)
    return Found("the first latent to the right, the second up, all others 0", sheet.picture())


def _analogies(asked: Asked) -> Found:
    from saddlepoint.explore import analogies

    x, labels = asked.take(asked.n or 10)
    known = labels is not None and bool((labels >= 0).all())
    sheet = analogies(_one(asked), x, labels if known else None)
    classes = ", ".join(asked.model.data.classes)
    return Found(f"first column: test images; then their z as {classes}", sheet.picture())


def _fill_in(asked: Asked) -> Found:
    import torch

    from saddlepoint import drawing
    from saddlepoint.explore import fill_in

    _images(asked)
    x, _ = asked.take(asked.n or 200)
    *_, height, width = x.shape
    seen = torch.ones(height, width, dtype=torch.bool)
    if asked.hide in ("upper", "lower"):
        half = slice(0, height // 2) if asked.hide == "upper" else slice(height // 2, None)
        seen[half] = False
    else:
        half = slice(0, width // 2) if asked.hide == "left" else slice(width // 2, None)
        seen[:, half] = False
    means = torch.as_tensor(asked.mean()).float()
    filled = fill_in(asked.model, x, seen, seed=asked.seed, means=means, member=asked.member)
    errors = filled.errors(x)
    columns = min(10, len(x))
    rows = (x, torch.where(seen, x, 0.0), filled.with_means, filled.examples)
    shown = torch.cat([torch.as_tensor(row)[:columns] for row in rows])
    said = ", ".join(f"{e} {v.value:.4g} [{v.low:.4g}, {v.high:.4g}]" for e, v in errors.items())
    words = f"mean squared errors of the {asked.hide} halves of {len(x)} test images: {said}"
    rows_said = "rows: images, what was seen, filled in with the mean image, by the model"
    return Found(f"{words}\n{rows_said}", drawing.grid(shown.numpy(), columns))


def _likelihood(asked: Asked) -> Found:
    from saddlepoint.explore import active_units, importance_weighted

    x, _ = asked.take(asked.n or 1000)
    how = {"seed": asked.seed, "member": asked.member}
    found = importance_weighted(asked.model, x, samples=asked.draws, **how)
    units = active_units(asked.model, x, member=asked.member)
    return Found(f"{found}\n{found.words}: {found.why}\n{units}")


def _images(asked: Asked) -> None:
    if not asked.model.data.images:
        raise BadInput(f"this is for images, and {asked.model.data.name} are vectors.")


def _one(asked: Asked) -> Trained:
    """The model of the member that is asked for."""
    return asked.model.seeds[asked.member] if asked.model.seeds else asked.model


EXPLORATIONS: dict[str, Callable[[Asked], Found]] = {
    "reconstructions": _reconstructions,
    "manifold": _manifold,
    "styles": _styles,
    "analogies": _analogies,
    "fill-in": _fill_in,
    "likelihood": _likelihood,
}
