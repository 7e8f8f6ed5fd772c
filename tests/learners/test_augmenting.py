"""What an augmented critic sees: each transform against a plain reference, and the controller."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.adversarial import augmentation
from saddlepoint.learners.adversarial.augmentation import AdaptiveAugment, Augment, DiffAugment
from saddlepoint.learners.adversarial.lens import Look
from saddlepoint.learners.augmenting import differentiable
from saddlepoint.learners.augmenting.chance import Chance
from saddlepoint.learners.augmenting.pipe import augmented, hole, recoloured
from saddlepoint.learners.augmenting.transforms import COLOURS, GEOMETRY, NAMES
from saddlepoint.learners.augmenting.warping import warped
from saddlepoint.randomness import Streams

ONE = torch.ones(())


@dataclass(frozen=True)
class Told(Chance):
    """Chance whose numbers are told by the last words of what they decide; 0 else."""

    numbers: dict[str, float] = field(default_factory=dict)

    def uniform(self, *purpose: str) -> Tensor:
        return torch.full((self.batch,), self.numbers.get("/".join(purpose), 0.0))

    normal = uniform


def told(x: Tensor, **numbers: float) -> Told:
    by_purpose = {name.replace("__", "/"): value for name, value in numbers.items()}
    return Told(Streams(0), len(x), *x.shape[-2:], by_purpose)


def images(n: int = 2, channels: int = 3, height: int = 9, width: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 2 * torch.rand(n, channels, height, width, generator=generator) - 1


def through(name: str, x: Tensor, **numbers: float) -> Tensor:
    """The images through one transform of the pipe, which is taken."""
    return augmented(x, told(x, **numbers), (name,), ONE)


def reference(x: Tensor, inverse: np.ndarray, fill: str = "reflect") -> Tensor:
    """SciPy's interpolation of what the result's (row, column), from the middle, shows."""
    middle = (np.array(x.shape[-2:]) - 1) / 2
    linear, moved = inverse[:2, :2], inverse[:2, 2]
    offset = middle + moved - linear @ middle
    drawn = [
        [
            ndimage.affine_transform(c.double().numpy(), linear, offset, order=1, mode=fill)
            for c in x_
        ]
        for x_ in x
    ]
    return torch.tensor(np.array(drawn), dtype=x.dtype)


# ---- Geometry ---------------------------------------------------------------------------------


def test_mirrored_is_flipped_to_the_bit() -> None:
    x = images()
    assert torch.equal(through("mirror", x, mirror=0.4), x.flip(-1))
    assert torch.equal(through("mirror", x, mirror=0.6), x)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_exact(turns: int) -> None:
    x = images(height=8)
    # from right to down, where PyTorch turns the other way
    assert torch.equal(through("rotate90", x, rotate90=turns / 4 + 0.1), x.rot90(-turns, (2, 3)))


def test_whole_shifts_are_copies_of_a_mirrored_plane() -> None:
    x = images(height=16, width=16)
    seen = through("shift", x, shift__x=1.0, shift__y=0.25)  # 2 to the right, 1 up
    plane = np.pad(x.numpy(), [(0, 0), (0, 0), (4, 4), (4, 4)], mode="symmetric")
    assert np.array_equal(seen.numpy(), plane[:, :, 5:21, 2:18])


def test_scale_stretch_and_drift_are_scipys_interpolation() -> None:
    x = images()
    factor = 2 ** (0.2 * 1.3)
    seen = through("scale", x, scale=1.3)
    torch.testing.assert_close(seen, reference(x, np.diag([1 / factor, 1 / factor, 1])))
    seen = through("stretch", x, stretch=1.3)
    torch.testing.assert_close(seen, reference(x, np.diag([factor, 1 / factor, 1])))
    seen = through("drift", x, drift__x=0.7, drift__y=-1.1)
    moved = np.eye(3)
    moved[:2, 2] = 0.125 * 1.1 * 9, -0.125 * 0.7 * 8  # (row, column)
    torch.testing.assert_close(seen, reference(x, moved))


def test_a_rotation_before_and_one_after_the_stretch() -> None:
    x = images()
    angle = math.pi * (2 * 0.6 - 1)
    turn = np.eye(3)  # rows down, columns right: what is seen turns from right to down
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    before = augmented(x, told(x, rotate__before=0.6, rotate__after=0.5), ("rotate",), ONE)
    torch.testing.assert_close(before, reference(x, turn))
    both = augmented(
        x, told(x, rotate__before=0.6, stretch=1.0, rotate__after=0.6), ("rotate", "stretch"), ONE
    )
    factor = 2**0.2
    stretch = np.diag([factor, 1 / factor, 1])
    torch.testing.assert_close(both, reference(x, turn @ stretch @ turn))


def test_transforms_are_composed_in_their_order() -> None:
    """A shift of what was mirrored, interpolated once: not a mirrored shift."""
    x = images(height=16, width=16)
    both = augmented(x, told(x, mirror=0.1, shift__x=1.0, shift__y=0.5), ("shift", "mirror"), ONE)
    flipped = np.pad(x.flip(-1).numpy(), [(0, 0), (0, 0), (0, 0), (4, 4)], mode="symmetric")
    assert np.array_equal(both.numpy(), flipped[:, :, :, 2:18])


@pytest.mark.parametrize("fill", ["reflect", "zeros"])
def test_maps_have_first_and_second_derivatives(fill: Any) -> None:
    x = images(1, 1, 4, 3).double().requires_grad_()
    angle = torch.tensor([0.4], dtype=torch.float64)
    maps = torch.eye(3, dtype=torch.float64)[None].clone()
    maps[0, :2, :2] = torch.tensor(Rotation.from_euler("z", 0.4).as_matrix()[:2, :2])
    assert angle.requires_grad is False

    def square(x: Tensor) -> Tensor:
        return warped(x, maps, fill).square()

    assert torch.autograd.gradcheck(square, x)
    assert torch.autograd.gradgradcheck(square, x)


# ---- Colours ----------------------------------------------------------------------------------


def grey_of(x: Tensor) -> Tensor:
    return x.mean(1, keepdim=True)


def test_colours_are_what_they_say() -> None:
    x = images()
    torch.testing.assert_close(through("brightness", x, brightness=1.5), x + 0.3)
    torch.testing.assert_close(through("contrast", x, contrast=1.5), x * 2**0.75)
    torch.testing.assert_close(through("luma_flip", x, luma_flip=0.2), x - 2 * grey_of(x))
    assert torch.equal(through("luma_flip", x, luma_flip=0.7), x @ torch.eye(8))
    seen = through("saturation", x, saturation=-0.5)
    torch.testing.assert_close(seen, grey_of(x) + (x - grey_of(x)) * 2**-0.5)
    angle = math.pi * (2 * 0.8 - 1)
    turn = Rotation.from_rotvec(angle * np.ones(3) / math.sqrt(3)).as_matrix()
    expected = torch.einsum("ij,njhw->nihw", torch.tensor(turn, dtype=torch.float32), x)
    torch.testing.assert_close(through("hue", x, hue=0.8), expected)


def test_colours_are_changed_in_their_order() -> None:
    x = images()
    seen = augmented(x, told(x, brightness=1.0, contrast=2.0), ("contrast", "brightness"), ONE)
    torch.testing.assert_close(seen, (x + 0.2) * 2)


def test_grey_images_follow_their_colour_and_an_opacity_stays() -> None:
    grey = images(channels=1)
    flipped = through("luma_flip", grey, luma_flip=0.1)
    torch.testing.assert_close(flipped, -grey)  # the grey (g, g, g) becomes (−g, −g, −g)
    torch.testing.assert_close(through("hue", grey, hue=0.8), grey)
    for channels in (2, 4):
        x = images(channels=channels)
        seen = augmented(x, told(x, brightness=1.0, luma_flip=0.1), tuple(NAMES[7:12]), ONE)
        assert torch.equal(seen[:, -1], x[:, -1])
        assert not torch.equal(seen[:, 0], x[:, 0])


def test_the_hole_has_half_the_sides() -> None:
    x = images(1, 1, 16, 12)
    covered = hole(told(x, cutout__x=0.5, cutout__y=0.5))[0, 0]
    expected = torch.zeros(16, 12, dtype=torch.bool)
    expected[4:12, 3:9] = True
    assert torch.equal(covered, expected)
    assert torch.equal(through("cutout", x)[0, 0, :4, :3], torch.zeros(4, 3))  # at the corner
    assert torch.equal(through("cutout", x)[0, 0, 4:], x[0, 0, 4:])


# ---- How often --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_each_is_taken_with_its_probability(name: str) -> None:
    n, p = 4000, 0.4
    x = images(1, height=8).repeat(n, 1, 1, 1)
    chance = Chance(Streams(1, name), n, 8, 8)
    changed = (augmented(x, chance, (name,), torch.tensor(p)) != x).flatten(1).any(1).double()
    shares = {"mirror": 0.5, "luma_flip": 0.5, "rotate90": 0.75, "shift": 0.75}
    expected = p * shares.get(name, 1.0)
    assert float(changed.mean()) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("lens", [Augment(p=0.0), AdaptiveAugment()])
def test_with_p_0_images_come_back_to_the_bit(lens: Any) -> None:
    x = images(64, height=8)
    x[0, 0, 0, 0] = -0.0
    look = Look("both", Streams(1), Moment(), None, lens.initial_memory({"w": x}))
    seen = lens.see(x, look)
    assert torch.equal(seen, x)
    assert torch.equal(seen.view(torch.int32), x.view(torch.int32))


def test_the_words_of_the_lens_are_those_of_the_pipe() -> None:
    assert augmentation.TRANSFORMS == NAMES
    assert tuple(dict.fromkeys(each.name for each in GEOMETRY)) == augmentation.GEOMETRY
    assert tuple(each.name for each in COLOURS) == augmentation.COLOURS
    assert tuple(differentiable.CHANGES) == augmentation.CHANGES
    assert "mirror" not in Augment().transforms


def test_colours_have_their_share_of_p() -> None:
    x = images(1, height=8).repeat(4000, 1, 1, 1)
    look = Look("both", Streams(1), Moment())
    lens = Augment(p=0.8, transforms=("brightness",), colour_share=0.5)
    changed = (lens.see(x, look) != x).flatten(1).any(1).double().mean()
    assert float(changed) == pytest.approx(0.4, abs=0.03)


# ---- DiffAugment ------------------------------------------------------------------------------


def test_diff_augments_changes_are_the_papers() -> None:
    x = images(height=16, width=16)
    chance = told(
        x, colour__brightness=0.7, colour__saturation=0.9, colour__contrast=0.2, cutout__x=0.5
    )
    seen = x + 0.2
    seen = (seen - grey_of(seen)) * 1.8 + grey_of(seen)
    mean = seen.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(differentiable.colour(x, chance), (seen - mean) * 0.7 + mean)
    moved = differentiable.translation(x, told(x, translation__x=0.99, translation__y=0.5))
    expected = torch.zeros_like(x)
    expected[:, :, :, 2:] = x[:, :, :, :-2]
    assert torch.equal(moved, expected)
    cut = differentiable.cutout(x, chance)
    expected = x.clone()
    expected[:, :, :4, 4:12] = 0
    assert torch.equal(cut, expected)


def test_a_policy_chooses_and_its_order_is_the_papers() -> None:
    x = images(4, height=16, width=16)
    look = Look("both", Streams(1), Moment())
    chance = Chance(look.streams, 4, 16, 16)
    expected = differentiable.cutout(differentiable.translation(x, chance), chance)
    assert torch.equal(DiffAugment(policy=("cutout", "translation")).see(x, look), expected)


# ---- As a lens --------------------------------------------------------------------------------


def test_members_see_what_they_would_alone() -> None:
    x = images(6, height=8).view(2, 3, 3, 8, 8)
    lens = Augment(p=0.5, transforms=NAMES)
    both = lens.see(x, Look("both", Streams((0, 5), "t"), Moment(), 2))
    for member, seed in enumerate((0, 5)):
        alone = lens.see(x[member], Look("both", Streams(seed, "t"), Moment()))
        assert torch.equal(both[member], alone)


def test_the_controller_moves_p_as_worked_out_by_hand() -> None:
    lens = AdaptiveAugment(images=1000, target=0.6, most=0.1)
    memory = lens.initial_memory({"w": torch.zeros(1)})
    turn: Any = _Turn(memory, OBJECTIVES["non_saturating"])
    sure, unsure = torch.ones(20), torch.tensor([1.0, -1.0]).repeat(10)
    expected = 0.0
    for scores, sign in ((sure, 1), (sure, 1), (unsure, -1), (sure, 1), (unsure, -1), (unsure, -1)):
        for look in range(4):
            assert memory["strength"].item() == pytest.approx(expected)
            turn.real_score = scores
            lens.remember(turn)
            assert float(memory["looks"]) == (look + 1) % 4
        expected = min(max(expected + sign * 80 / 1000, 0.0), 0.1)
        assert memory["strength"].item() == pytest.approx(expected)


def test_a_relativistic_critics_level_does_not_count() -> None:
    lens = AdaptiveAugment(images=1000)
    memory = lens.initial_memory({"w": torch.zeros(1)})
    relativistic = next(each for each in OBJECTIVES.values() if each.shift_invariant)
    turn: Any = _Turn(memory, relativistic)
    turn.real_score, turn.fake_score = torch.full((20,), -3.0), torch.full((20,), -5.0)
    for _ in range(4):
        lens.remember(turn)
    assert memory["strength"].item() == pytest.approx(0.08)


class _Turn:
    def __init__(self, memory: dict[str, Tensor], objective: Any) -> None:
        self.memory, self.objective, self.pack = memory, objective, 1
        self.real_score = self.fake_score = torch.zeros(20)


@pytest.mark.parametrize("lens", [Augment(), AdaptiveAugment(), DiffAugment()])
def test_vectors_are_refused(lens: Any) -> None:
    lens.check((3, 8, 8))
    with pytest.raises(BadInput, match="changes images, and these examples are vectors"):
        lens.check((2,))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Augment(transforms=("mirorr",)), "Did you mean 'mirror'"),
        (lambda: Augment(transforms=("hue", "hue")), "stands there 2 times"),
        (lambda: DiffAugment(policy=("color",)), "Did you mean 'colour'"),
        (lambda: DiffAugment(policy=()), "at least 1"),
    ],
)
def test_words_that_are_none_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make()


def test_matrices_that_keep_colours_keep_them() -> None:
    x = images()
    torch.testing.assert_close(recoloured(x, torch.eye(4).expand(2, 4, 4)), x, rtol=0, atol=0)
