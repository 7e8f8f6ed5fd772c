"""The split, and the order in which streams visit examples."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.data.order import Order
from saddlepoint.data.published import Digits
from saddlepoint.data.source import Split
from saddlepoint.data.splitting import counts, divide
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


@given(
    n=st.integers(4, 400),
    validation=st.floats(0, 0.25),
    test=st.floats(0, 0.25),
    seed=st.integers(0, 1000),
)
def test_split_is_disjoint_complete_and_stable(n, validation, test, seed):
    split = Split(validation=validation, test=test, seed=seed)
    first, again = divide(n, split), divide(n, split)
    joined = np.concatenate(list(first.values()))
    assert np.array_equal(np.sort(joined), np.arange(n))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert abs(len(first["test"]) - test * n) <= 0.5
    assert abs(len(first["validation"]) - validation * n) <= 0.5
    assert len(first["train"]) >= 2
    assert counts(n, split) == {name: len(part) for name, part in first.items()}


@given(train=st.integers(3, 200), test=st.integers(1, 50), share=st.floats(0, 0.3))
def test_an_official_test_set_stays_the_test_set(train, test, share):
    parts = divide(train + test, Split(validation=share), official_test=test)
    assert set(parts["test"]) == set(range(train, train + test))
    assert set(parts["train"]) | set(parts["validation"]) == set(range(train))
    assert len(parts["validation"]) == int(share * train + 0.5)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_of_an_official_test_set_no_share_can_be_chosen(share):
    with pytest.raises(BadInput, match=r"letters comes with .* leave --data\.split\.test at 0\.1"):
        divide(25, Split(test=share), official_test=5, name="letters")


def test_split_seed_matters_and_rounding_is_to_nearest():
    one, two = (divide(100, Split(seed=seed)) for seed in (0, 1))
    assert set(one["test"]) != set(two["test"])
    assert len(divide(14, Split())["test"]) == 1
    assert len(divide(15, Split())["test"]) == 2


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_training_examples_are_refused(n):
    with pytest.raises(BadInput, match=r"at least 2 are needed.*lower split\.validation"):
        divide(n, Split(validation=0.5, test=0.5))


def order(n, batch_size, *, seed=0, rank=0, world=1):
    return Order(n, batch_size, seed=seed, rank=rank, world=world, what="training")


@given(
    n=st.integers(1, 60), batch_size=st.integers(1, 8), world=st.integers(1, 3), epoch=st.integers()
)
def test_an_epoch_visits_each_example_once_and_ranks_are_disjoint(n, batch_size, world, epoch):
    if batch_size * world > n:
        with pytest.raises(BadInput):
            order(n, batch_size, world=world)
        return
    epoch = abs(epoch) % 50
    seen = []
    for rank in range(world):
        share = order(n, batch_size, rank=rank, world=world)
        start = epoch * share.batches_per_epoch
        for cursor in range(start, start + share.batches_per_epoch):
            seen.extend(share.positions(cursor))
    assert len(seen) == len(set(seen)) == n - n % (batch_size * world)


def test_ranks_together_take_the_global_batch_of_one_process():
    whole = order(50, 12)
    parts = [order(50, 4, rank=rank, world=3) for rank in range(3)]
    for cursor in range(9):
        joined = np.concatenate([part.positions(cursor) for part in parts])
        assert np.array_equal(whole.positions(cursor), joined)


def test_positions_are_a_function_of_the_cursor():
    sequential = [order(31, 7, seed=3).positions(cursor) for cursor in range(40)]
    jumping = order(31, 7, seed=3)
    for cursor in [39, 0, 17, 16, 39, 4, 3, 30, 8]:
        assert np.array_equal(jumping.positions(cursor), sequential[cursor])
    assert not np.array_equal(sequential[0], order(31, 7, seed=4).positions(0))
    assert not np.array_equal(sequential[0], sequential[4])


def test_flips_are_fair_and_differ_between_ranks_and_cursors():
    one = order(1000, 500, world=2)
    coins = torch.stack([one.flips(cursor) for cursor in range(20)])
    assert abs(coins.float().mean().item() - 0.5) < 0.02
    assert torch.equal(one.flips(3), coins[3])
    assert not torch.equal(coins[0], coins[1])
    assert not torch.equal(coins[0], order(1000, 500, rank=1, world=2).flips(0))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 9}, r"batch_size = 9 is more than the 8 training examples"),
        ({"batch_size": 5, "world": 2}, r"5 in each of 2 processes is more than the 8"),
        ({"batch_size": 0}, r"batch_size = 0: it should be at least 1"),
        ({"batch_size": 2, "rank": 2, "world": 2}, r"rank = 2 of world = 2"),
    ],
)
def test_impossible_streams_are_refused(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        order(8, **options)


def test_a_negative_cursor_is_refused():
    with pytest.raises(BadInput, match=r"cursor = -1"):
        order(8, 2).positions(-1)


def test_a_split_that_is_unknown_or_empty_is_named():
    data = Digits(split=Split(validation=0)).open()
    assert data.info.counts["validation"] == 0
    assert len(data.take("validation", 5, CPU)) == 0
    with pytest.raises(BadInput, match="Did you mean 'validation'"):
        data.take("valdation", 5, CPU)
    with pytest.raises(BadInput, match="more than the 0 validation examples"):
        data.loader("validation", 1, seed=0, device=CPU)
    with pytest.raises(BadInput, match="n = -1"):
        data.take("train", -1, CPU)


def test_data_that_are_not_described_are_refused():
    with pytest.raises(BadInput, match="3 parts"):
        describe_data((np.zeros(3), np.zeros(3), np.zeros(3)))
    with pytest.raises(BadInput, match="neither a path nor values"):
        Array().open()


def test_one_process_is_served_as_before_there_were_several():
    """Known values: a run on disk goes on with the batches that it would have had."""
    loader = Digits().open().loader("train", 8, seed=1, device=CPU, rank=0, world=1)
    assert loader.batch(3).label.tolist() == [0, 1, 6, 0, 0, 2, 2, 0]
    order = Order(1437, 8, seed=1, rank=0, world=1, what="training")
    assert order.positions(3).tolist() == [83, 0, 1124, 114, 1423, 1280, 997, 701]
    assert order.flips(3).int().tolist() == [1, 1, 0, 0, 1, 0, 1, 0]


def test_members_of_several_processes_have_disjoint_batches():
    data = Digits().open()
    loaders = [
        MemberLoader(data, "train", 16, seeds=(0, 1), device=CPU, rank=rank, world=2)
        for rank in range(2)
    ]
    for cursor in range(3):
        batches = [loader.batch(cursor) for loader in loaders]
        for member, seed in enumerate((0, 1)):
            whole = data.loader("train", 32, seed=seed, device=CPU).batch(cursor)
            together = torch.cat([batch.x[member] for batch in batches])
            assert torch.equal(together, whole.x)
