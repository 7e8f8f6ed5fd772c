"""Derived randomness: a function of seed and purpose, and of nothing else."""

import itertools
import random

import numpy as np
import pytest
import torch
from scipy import stats

from saddlepoint.errors import BadInput
from saddlepoint.randomness import Streams, derive, numpy_generator


def test_no_two_of_many_purposes_share_a_seed():
    """100,000 (seed, step, phase, repeat) tuples with small, neighbouring numbers."""
    purposes = itertools.product(range(20), range(250), ("critic", "generator"), range(10))
    seeds = {derive(seed, step, phase, repeat) for seed, step, phase, repeat in purposes}
    assert len(seeds) == 100_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), (2, 1)),
        ((0, 1, 2), (0, 2, 1)),
        ((0, 1), (0, "1")),
        ((0, "a", "b"), (0, "ab")),
        ((0, "a", "b"), (0, "b", "a")),
        ((0, 1, 23), (0, 12, 3)),
        ((0,), (0, "")),
        ((0,), (0, 0)),
        ((1,), (-1,)),
        ((0, "a"), (0, "A")),
    ],
)
def test_order_type_and_boundaries_count(one, other):
    assert derive(*one) != derive(*other)


def test_seeds_fit_every_generator():
    seeds = [derive(0, i) for i in range(2000)]
    assert all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62  # the top bit is used
    assert {seed % 2 for seed in seeds} == {0, 1}
    for seed in seeds[:3]:
        torch.Generator().manual_seed(seed)
        np.random.default_rng(seed)


def test_the_derivation_does_not_change_between_versions():
    """Runs on disk are continued by newer versions, which must draw the same numbers."""
    assert derive(0) == 4761921975702974394
    assert derive(7, "train", 12, "critic", 0) == 4182976107944403699


def test_first_numbers_of_neighbouring_steps_are_independent():
    drawn = torch.stack([Streams(0, "train", i).normal((3,), "latents") for i in range(2000)])
    assert stats.kstest(drawn[:, 0].numpy(), "norm").pvalue > 1e-3
    following = np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]
    assert abs(following) < 4 / 2000**0.5


def test_streams_give_the_same_numbers_for_the_same_purpose_only():
    def streams():
        return Streams(3, "train", 5, "critic", 0)

    first = streams().normal((4, 2), "latents")
    one = streams()
    one.uniform((100,), "something else")
    assert torch.equal(one.normal((4, 2), "latents"), first)
    assert torch.equal(one.normal((4, 2), "latents"), first)
    assert not torch.equal(one.normal((4, 2), "noise"), first)
    assert not torch.equal(one.normal((4, 2), "latents", 1), first)
    for other in (
        Streams(4, "train", 5, "critic", 0),
        Streams(3, "train", 6, "critic", 0),
        Streams(3, "train", 5, "generator", 0),
        Streams(3, "train", 5, "critic", 1),
    ):
        assert not torch.equal(other.normal((4, 2), "latents"), first)


def test_a_stream_seed_is_the_derived_one():
    assert Streams(3, "train", 5).seed_of("latents", 2) == derive(3, "train", 5, "latents", 2)
    expected = torch.randn(6, generator=torch.Generator().manual_seed(derive(3, "train", "z")))
    assert torch.equal(Streams(3, "train").normal((6,), "z"), expected)


def test_streams_draw_what_they_say():
    streams = Streams(0, "distribution")
    normal, uniform = streams.normal((200, 100), "n"), streams.uniform((200, 100), "u")
    assert normal.shape == uniform.shape == (200, 100)
    assert stats.kstest(normal.flatten().numpy(), "norm").pvalue > 1e-3
    assert stats.kstest(uniform.flatten().numpy(), "uniform").pvalue > 1e-3
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_streams_and_the_global_generators_do_not_touch():
    def states():
        numpy_state = np.random.get_state()
        return torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist()

    torch.manual_seed(1)
    before = states()
    first = Streams(0, "a").normal((5,), "z"), numpy_generator(0, "a").normal(size=5)
    assert states() == before
    torch.manual_seed(2)
    np.random.seed(2)
    random.seed(2)
    assert torch.equal(Streams(0, "a").normal((5,), "z"), first[0])
    assert np.array_equal(numpy_generator(0, "a").normal(size=5), first[1])


def test_numpy_generators_differ_by_seed_and_purpose():
    drawn = {
        numpy_generator(*purpose).integers(2**62)
        for purpose in ((0, "a"), (0, "b"), (1, "a"), (0, "a", 0), (0, "a", "0"))
    }
    assert len(drawn) == 5
    assert numpy_generator(0, "a").integers(2**62) in drawn


def test_one_process_draws_what_it_drew_before_there_were_ranks():
    """The numbers are those of the versions without ranks, which runs on disk go on from."""
    for streams in (
        Streams(3, "train", 5, "critic", 0),
        Streams(3, "train", 5, "critic", 0, rank=0, world=1),
    ):
        assert streams.seed_of("latents") == 4258436589953213213
        drawn = streams.normal((3,), "latents")
        expected = torch.tensor([0.0048907189629972, -0.0055884611792862, -0.7672824859619141])
        assert torch.allclose(drawn, expected, rtol=0, atol=1e-7)


def test_processes_draw_numbers_of_their_own_however_many_they_are():
    def latents(rank, world, seed=3):
        return Streams(seed, "train", 5, rank=rank, world=world).normal((4, 2), "latents")

    drawn = [latents(rank, 4) for rank in range(4)] + [latents(0, 1)]
    for one, other in itertools.combinations(drawn, 2):
        assert not torch.equal(one, other)
    assert torch.equal(latents(1, 2), latents(1, 4))
    assert torch.equal(latents(0, 2), latents(0, 4))
    members = latents(1, 2, seed=(3, 4))
    assert torch.equal(members[0], latents(1, 2))
    assert torch.equal(members[1], latents(1, 2, seed=4))
    for rank, world in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(BadInput, match=f"rank = {rank} of world = {world}"):
            Streams(0, rank=rank, world=world)
