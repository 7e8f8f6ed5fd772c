"""What a frozen generator is told while a critic learns: the gradient of each cost, and its spread.

Three costs, two critics: the minimax and the non-saturating generator face the same discriminator,
the Wasserstein generator a critic with a gradient penalty. Both are trained from scratch on the
frozen generator's examples, as in figure 2 of Arjovsky and Bottou, Towards Principled Methods for
Training Generative Adversarial Networks, 2017.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.games.regularisers import wgan_gp
from saddlepoint.lab.game.two_gaussians import draws, slopes
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from saddlepoint.explore import Critic

Array = NDArray[np.float64]
#: Curves of a setting: by game, "mean" and "noise" at each of the updates that are looked at.
Told = dict[str, dict[str, list[float]]]
PLAYED = {"discriminator": ("minimax", "non_saturating"), "critic": ("wasserstein",)}
LOOKS = (1, 3, 10, 30, 100, 300, 1000)
EXAMPLES, FAKES = 20_000, 2000
BATCHES, BATCH = 8, 64
SHARES = (0.25, 0.5, 1.0)  # of the generator's training, after which it is frozen
TRAINING, WIDTH = 400, 8


def learners(network: Mlp | Dcgan, rate: float) -> dict[str, Adversarial]:
    """A discriminator and a critic with WGAN-GP's penalty (λ = 10), of one network and rate."""
    common = {
        "latent": 1,
        "generator": Mlp(hidden=()),
        "critic": network,
        "critic_optimiser": Adam(learning_rate=rate, beta1=0.5, beta2=0.9),
    }
    return {
        "discriminator": Adversarial(objective="minimax", **common),
        "critic": Adversarial(
            objective="wasserstein", critic_regularisers=(wgan_gp(10.0),), **common
        ),
    }


def looks(updates: int) -> list[int]:
    """The numbers of updates after which a critic is looked at, the last among them."""
    return [*(look for look in LOOKS if look < updates), updates]


def between_gaussians(theta: float, seed: int, updates: int) -> Told:
    """N(0, I) against N((θ, 0), I): mean and deviation over fakes of dJ/dθ, one fake's each.

    They lie in the plane, where a critic's slope can turn. On a line it cannot: WGAN-GP's
    (|f'| − 1)² is a wall at f' = 0, and a critic that begins with the wrong sign keeps it.
    """
    fakes = draws(theta, FAKES, 1000 + seed, 2)

    def told(games: Sequence[str], critic: Critic) -> dict[str, tuple[float, float]]:
        scores, rises = critic.scores(fakes), critic.gradients(fakes)[:, 0]
        each = {game: slopes(game, scores) * rises for game in games}
        return {game: (float(g.mean()), float(g.std())) for game, g in each.items()}

    sides = draws(0.0, EXAMPLES, 2 * seed, 2), draws(theta, EXAMPLES, 2 * seed + 1, 2)
    network = Mlp(hidden=(64, 64), activation="leaky_relu")
    return _watched(sides, learners(network, 1e-3), 256, seed, updates, told)


def _watched(
    sides: tuple[NDArray[Any], NDArray[Any]],
    described: Mapping[str, Adversarial],
    batch_size: int,
    seed: int,
    updates: int,
    told: Callable[[Sequence[str], Critic], dict[str, tuple[float, float]]],
) -> Told:
    """Train each critic on both sides, and note what is told at each look."""
    from saddlepoint.explore import trained_critic

    found: Told = {game: {"mean": [], "noise": []} for each in PLAYED.values() for game in each}

    def note(games: Sequence[str], update: int, critic: Critic) -> None:
        if update in looks(updates):
            for game, (mean, noise) in told(games, critic).items():
                found[game]["mean"].append(mean)
                found[game]["noise"].append(noise)

    for name, learner in described.items():
        trained_critic(
            *sides,
            steps=updates,
            batch_size=batch_size,
            seed=seed,
            learner=learner,
            watch=partial(note, PLAYED[name]),
        )
    return found


def on_digits(seed: int, shares: Sequence[float], updates: int) -> dict[str, Told]:
    """A DCGAN of the 8×8 digits, frozen after shares of a short training, by share.

    Of dJ/dweights of the generator: the norm of its mean over batches of fakes, and the root of
    its total variance among them.
    """
    import torch

    import saddlepoint as sp
    from saddlepoint.learners.adversarial.learner import AdversarialLearner
    from saddlepoint.recipes import dcgan

    run = dcgan("digits", width=WIDTH, kernel=4, prior="normal", seed=seed, batch_size=BATCH)
    quarter = max(1, TRAINING // 4)
    training = run.training.replace(
        steps=4 * quarter,
        averaging=0.0,
        threads=1,
        device="cpu",
        precision="float32",
        checkpoint_every=quarter,
        keep=4,
        sample_every=10**6,
    )
    run = run.replace(training=training)
    cpu = torch.device("cpu")
    dataset = run.data.open()
    real = dataset.take("train", dataset.info.counts["train"], cpu).x.numpy()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "run"
        sp.train(run, where, quiet=True)
        for share in shares:
            model = sp.load(where, round(4 * share) * quarter, device="cpu")
            learner = model.learner
            assert isinstance(learner, AdversarialLearner)
            fake = model.sample(len(real), seed=seed).numpy()
            latents = learner.latents(BATCHES * BATCH, seed + 1, 0)
            sides = (real, fake)
            found[f"{share:g}"] = _of_generator(learner.generator, latents, sides, seed, updates)
    return found


def _of_generator(
    generator: nn.Module,
    latents: Tensor,
    sides: tuple[NDArray[Any], NDArray[Any]],
    seed: int,
    updates: int,
) -> Told:
    import torch

    from saddlepoint.games.objectives import OBJECTIVES

    weights = [weight for weight in generator.parameters() if weight.requires_grad]

    def gradient(game: str, critic: Critic, some: Tensor) -> Tensor:
        scores = critic.duel.critic(generator(some)).score
        cost = OBJECTIVES[game].generator(torch.zeros_like(scores), scores).mean()
        parts = torch.autograd.grad(cost, weights)
        return torch.cat([part.flatten() for part in parts]).double()

    def told(games: Sequence[str], critic: Critic) -> dict[str, tuple[float, float]]:
        seen = {}
        for game in games:
            each = torch.stack([gradient(game, critic, some) for some in latents.split(BATCH)])
            total = each.var(dim=0).sum().sqrt()
            seen[game] = float(each.mean(dim=0).norm()), float(total)
        return seen

    network = Dcgan(width=WIDTH, norm="none", initialisation="he")
    return _watched(sides, learners(network, 1e-3), BATCH, seed, updates, told)
