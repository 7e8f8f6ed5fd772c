"""What is handed over in Python: arrays, lists of pictures, data sets of torch."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import saddlepoint
from saddlepoint.data import bounds
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import Digits
from saddlepoint.data.source import Split
from saddlepoint.data.splitting import divide
from saddlepoint.errors import BadInput
from saddlepoint.run.description import Run
from saddlepoint.training.own_data import open_own_data

CPU = torch.device("cpu")
ALL = Split(validation=0, test=0)


def opened(value, **settings):
    return describe_data(value, split=ALL, **settings).open()


def everything(data):
    """All examples in the order in which they were handed over."""
    n = data.info.counts["train"]
    batch = data.take("train", n, CPU)
    back = np.argsort(divide(n, ALL)["train"])
    return batch.x[back], None if batch.label is None else batch.label[back]


def noise(*shape, high=256, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, dtype=np.uint8)


def pictures(n=6, sizes=((20, 30), (40, 16))):
    return [Image.fromarray(noise(*sizes[i % len(sizes)], 3, seed=i)) for i in range(n)]


class Made(Dataset):
    """A data set of torch whose items a function makes."""

    def __init__(self, make, n=6):
        self.make, self.n = make, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return self.make(index)


def refused(value, **settings):
    with pytest.raises(BadInput) as caught:
        describe_data(value, **settings).open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_settings_are_fields_of_the_description(tmp_path):
    assert describe_data("digits", limit=9, flip=True) == Digits(limit=9, flip=True)
    assert describe_data(Digits(limit=9), flip=True) == Digits(limit=9, flip=True)
    assert describe_data(tmp_path, size=16) == Folder(path=tmp_path, size=16)
    ones = np.ones((4, 8, 8, 3), dtype=np.uint8)
    assert everything(opened(ones, value_range="0..1"))[0].min() == 1
    assert opened(noise(5, 3, 9, 8), layout="NCHW").info.shape == (3, 9, 8)


@pytest.mark.parametrize(
    ("value", "settings", "sentence"),
    [
        ("digits", {"limt": 3}, "'limt' is not an option here. Did you mean 'limit'?"),
        (Digits(), {"limt": 3}, "'limt' is not an option here. Did you mean 'limit'?"),
        (Digits(), {"limit": 0}, "limit = 0: input should be greater"),
        (np.zeros((4, 8, 8)), {"layuot": "NHW"}, "Did you mean 'layout'?"),
        (np.zeros((4, 8, 8)), {"layout": "NWH"}, "layout = 'NWH': input should be"),
        (np.zeros((4, 8, 8)), {"path": "x"}, "'path' is not an option of data in memory"),
        (np.zeros((4, 8, 8)), {"size": 16}, "hand over a list of its images"),
        (pictures(), {"sise": 16}, "Did you mean 'size'?"),
        (pictures(), {"size": -1}, "size: a side needs at least 8"),
        (pictures(), {"size": 4}, "too small to train at"),
        (pictures(), {"layout": "NHWC"}, "layout is for arrays, and these are PIL images"),
        (pictures(), {"bits": 3}, "bits = 3: input should be greater"),
    ],
)
def test_settings_that_do_not_fit_are_a_sentence(value, settings, sentence):
    assert sentence in refused(value, **settings)


def test_arrays_of_one_shape_are_one_array():
    values = noise(6, 9, 8, 3)
    data, whole = opened(list(values)), opened(values)
    assert data.info == whole.info
    assert torch.equal(everything(data)[0], everything(whole)[0])
    data = opened((list(values), np.arange(6) % 2))
    assert data.info.fingerprint == opened((values, np.arange(6) % 2)).info.fingerprint
    tensors = [torch.rand(3, 9, 8) for _ in range(6)]
    assert torch.allclose(everything(opened(tensors))[0], torch.stack(tensors) * 2 - 1)
    vectors = [np.arange(5.0) + i for i in range(6)]
    assert opened(vectors).info.shape == (5,)


def test_pictures_become_what_a_folder_of_them_becomes(tmp_path):
    images = [*pictures(), Image.fromarray(noise(20, 30, 4)), Image.fromarray(noise(25, 25))]
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number:02}.png")
    for settings in (
        {},
        {"size": (16, 24), "resize": "pad", "background": (1, 2, 3)},
        {"size": 16, "channels": 4},
        {"size": 16, "channels": 1, "resize": "stretch"},
    ):
        data, folder = opened(images, **settings), opened(tmp_path, **settings)
        assert torch.equal(everything(data)[0], everything(folder)[0])
        assert data.info.notes[: len(folder.info.notes)] == folder.info.notes
        assert data.info.shape == folder.info.shape
    files = [Image.open(tmp_path / f"{number:02}.png") for number in range(8)]
    assert opened(files).info == opened(images).info
    assert all(file.fp is None for file in files), "files stay open"


def test_a_tuple_of_pictures_is_a_list_and_a_pair_is_not():
    images = pictures()
    assert opened(tuple(images)).info == opened(images).info
    assert "the labels have the shape" in refused((images, np.zeros(3)))
    arrays = (np.zeros((6, 9, 9)), np.zeros(6), np.zeros((3, 9, 9)), np.zeros(3))
    assert "should be (array, labels), and this has 4 parts" in refused(arrays)


def test_arrays_of_several_sizes_are_rendered_as_pictures():
    values = [noise(16 + i % 3, 20, 3, seed=i) for i in range(6)]
    data = opened(values, size=16)
    assert data.info == opened([Image.fromarray(v) for v in values], size=16).info
    planes = [torch.from_numpy(v).permute(2, 0, 1).float() / 255 for v in values]
    rounded = opened(planes, size=16)
    assert torch.equal(everything(rounded)[0], everything(data)[0])
    assert "were taken to lie in 0..1 (pass value_range if that is wrong) and rounded to 8" in str(
        rounded.info.notes
    )
    half = opened([v.astype(np.float64) / 255 for v in values], size=16, value_range="-1..1")
    assert everything(half)[0].mean() > 0.4
    assert "guess" not in str(half.info.notes)
    bits = [np.asarray(v[..., 0] > 127) for v in values]
    assert set(everything(opened(bits, size=(16, 20), resize="crop"))[0].flatten().tolist())
    deep = [v[..., 0].astype(np.uint16) * 16 for v in values]
    assert "so 12 bits: pass bits=12 to stretch" in str(opened(deep, size=16).info.notes)
    stretched = everything(opened(deep, size=16, bits=12))[0]
    assert stretched.max() > 0.9


def test_arrays_of_one_size_are_rendered_where_that_is_asked():
    values = noise(6, 20, 20, 3)
    assert opened(list(values), size=10).info.shape == (3, 10, 10)
    assert opened(list(values), channels=1).info.shape == (1, 20, 20)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "the list given as data is empty"),
        (["a.png"], "item 0 of the list given as data is a str"),
        ([np.zeros((9, 9)), None], "item 1 of the list given as data is a NoneType"),
        ([[1, 2], [3, 4]], "item 0 of the list given as data is a list"),
        (Image.new("L", (9, 9)), "one picture is no data"),
        (7, "and this is a int"),
        (None, "and this is a NoneType"),
        ([np.zeros(3), np.zeros(4)], "vectors of several shapes"),
        ([np.zeros((9, 9)), np.zeros((9, 9), int)], "item 1 of the data holds int64 values"),
        ([np.zeros((9, 9)), np.full((9, 8), np.nan)], r"item 1 of the data holds 72 value(s) that"),
        ([np.zeros((9, 9)), np.zeros((9, 0))], "item 1 of the data is empty"),
        ([np.zeros((9, 9)), np.zeros((9, 8)) + 300], "none of 0..1, -1..1 and 0..255"),
        ([np.zeros((9, 9), int), np.zeros((9, 8), int) - 1], "should lie in 0..255"),
        ([np.zeros((9, 9, 3)), np.zeros((9, 8, 7))], "neither can be channels"),
        ([Image.new("F", (9, 9))] * 3, "item 0 of the data cannot be decoded (floating-point"),
        ([Image.new("I", (9, 9), 70000)] * 3, "levels from 70,000 to 70,000, outside"),
        (DataLoader([1]), "and this is a DataLoader"),
    ],
)
def test_lists_that_are_no_data_are_a_sentence(value, sentence):
    assert sentence in refused(value)


def test_a_data_set_of_torch_is_read_with_its_labels():
    values = torch.rand(6, 1, 9, 8)
    data = opened(TensorDataset(values, torch.arange(6) % 3))
    x, label = everything(data)
    assert torch.allclose(x, values * 2 - 1)
    assert label.tolist() == [0, 1, 2] * 2
    assert data.info.notes[0] == (
        "Each item of the TensorDataset was read once: what it draws at random is fixed."
    )
    assert everything(opened(TensorDataset(values)))[1] is None
    assert everything(opened(Subset(TensorDataset(values), [4, 2])))[0].shape[0] == 2
    images = pictures()
    made = opened(Made(lambda i: (images[i], i % 2)))
    assert torch.equal(everything(made)[0], everything(opened(images))[0])
    assert everything(made)[1].tolist() == [0, 1] * 3
    for label in (np.int64(1), torch.tensor(1), torch.tensor([1]), 1.0, True, np.array(1)):
        made = opened(Made(lambda i, label=label: (images[i], label)))
        assert everything(made)[1].tolist() == [1] * 6


def test_only_the_items_that_the_limit_keeps_are_read():
    asked = []

    def make(index):
        asked.append(index)
        return torch.full((1, 9, 9), index / 10**6)

    data = opened(Made(make, 10**6), limit=5)
    assert len(asked) == 5
    assert "5 of 1,000,000 examples were kept: a fixed random choice, seed 0." in data.info.notes
    again = list(asked)
    asked.clear()
    describe_data(Made(make, 10**6), split=ALL, limit=5)
    assert asked == again


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.rand(1, 9, 9)


class Counted(Endless):
    def __init__(self, claimed, real):
        self.claimed, self.real = claimed, real

    def __len__(self):
        return self.claimed

    def __iter__(self):
        for index in range(self.real):
            yield torch.full((1, 9, 9), index / 100)


def test_streams_need_a_length_that_holds():
    assert "the Endless given as data has no length" in refused(Endless())
    assert "ends after 4 items, and its length is 9" in refused(Counted(9, 4))
    levels = everything(opened(Counted(9, 99)))[0][:, 0, 0, 0]
    assert torch.allclose((levels + 1) / 2, torch.arange(9) / 100, atol=1e-6)
    assert opened(Counted(50, 50), limit=6).info.counts["train"] == 6


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda i: 1 / (i - 4), "item 4 of the data cannot be read (ZeroDivisionError: division"),
        (
            lambda i: {"image": 1, "label": 2},
            "item 0 of the data is a dict with the keys image, la",
        ),
        (lambda i: (1, 2, 3), "is a tuple of 3 parts (int, int, int)"),
        (lambda i: "a.png", "item 0 of the data is a str"),
        (
            lambda i: (torch.rand(1, 9, 9), "cat"),
            "the label of item 0 is 'cat': number the classes",
        ),
        (lambda i: (torch.rand(1, 9, 9), torch.rand(3)), "is a Tensor of shape (3,)"),
        (lambda i: (torch.rand(1, 9, 9), 0.5), "the label of item 0 is 0.5"),
        (lambda i: (torch.rand(1, 9, 9), float("nan")), "the label of item 0 is nan"),
        (
            lambda i: (torch.rand(1, 9, 9), i) if i else torch.rand(1, 9, 9),
            "item 1 of the data has a",
        ),
        (lambda i: torch.rand(1, 9, 9) if i else (torch.rand(1, 9, 9), i), "has no label"),
    ],
)
def test_items_that_cannot_be_used_are_told_with_their_index(make, sentence):
    if sentence.startswith("item 4"):
        good = torch.rand(1, 9, 9)
        made = Made(lambda i: (make(i), good)[1])
    else:
        made = Made(make)
    assert sentence in refused(made)


def test_more_than_the_memory_can_hold_is_refused_early(monkeypatch):
    message = refused(Made(lambda i: torch.zeros(1, 9, 9), 10**12))
    assert "the first 2,000 of 1,000,000,000,000 items" in message
    assert "choosing among 1,000,000,000,000" in refused(Made(None, 10**12), limit=3)
    monkeypatch.setattr("saddlepoint.data.in_memory.physical_memory", lambda: 1000)
    assert "the first 4 of 6 items take 1.3 KiB" in refused(Made(lambda i: torch.zeros(1, 9, 9)))
    assert bounds.physical_memory() > 1000


def test_an_empty_data_set_is_refused():
    assert "holds no items" in refused(Made(None, 0))


def test_describing_needs_no_torch():
    program = (
        "import sys, numpy as np\nfrom PIL import Image\n"
        "from saddlepoint.data.describing import describe_data\n"
        "describe_data([Image.new('RGB', (20 + i, 20)) for i in range(4)], size=16, limit=3)\n"
        "describe_data([np.zeros((9, 9))] * 3)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_in_memory_survives_changes_of_the_description():
    values = noise(20, 9, 9)
    described = describe_data((values, np.arange(20) % 2))
    before = described.open().info
    for kept in (
        described.replace(flip=True),
        described.model_copy(),
        copy.copy(described),
        copy.deepcopy(described),
        Run(data=described).replace(seed=4).data,
        Run().replace(data=described).data,
        describe_data(described),
        describe_data(described, flip=False),
    ):
        assert kept.open().info == before
    assert described.replace(limit=5).open().info.counts["train"] == 3
    assert describe_data(pictures()).replace(flip=True).open().info.notes[0].startswith("6 ima")


def test_a_path_takes_the_place_of_what_is_in_memory(tmp_path):
    np.save(tmp_path / "a.npy", noise(30, 9, 9))
    described = describe_data(noise(20, 9, 9)).replace(path=tmp_path / "a.npy")
    assert sum(described.open().info.counts.values()) == 30


def test_notes_are_stored_with_the_data(tmp_path):
    described = describe_data((pictures(9), np.arange(9) % 2), limit=8, split=ALL)
    stored = described.stored(tmp_path / "data.npz")
    one, other = described.open(), stored.open()
    assert other.info == one.info.replace(name="data")
    assert "8 of 9 examples were kept" in one.info.notes[0]
    assert torch.equal(everything(one)[0], everything(other)[0])
    plain = describe_data(noise(9, 9, 9)).stored(tmp_path / "b.npz")
    with np.load(plain.path) as content:
        assert content.files == ["x"]


def test_a_run_on_a_list_of_pictures_goes_on_to_the_same_bits(tmp_path):
    run = saddlepoint.recipes.gan(data=describe_data(pictures(12), size=8, channels=1), steps=4)
    run = run.replace(training=run.training.replace(batch_size=4))
    saddlepoint.train(run, tmp_path / "whole", quiet=True)
    data = open_own_data(tmp_path / "whole")
    assert data.info.notes[0].startswith("12 images of 2 size(s) were scaled to cover 8×8")
    half = run.replace(training=run.training.replace(steps=2))
    saddlepoint.train(half, tmp_path / "parts", quiet=True)
    saddlepoint.resume(tmp_path / "parts", steps=4, quiet=True)
    states = [
        (tmp_path / name / "checkpoints" / "step-00000004" / "state.safetensors").read_bytes()
        for name in ("whole", "parts")
    ]
    assert states[0] == states[1]
