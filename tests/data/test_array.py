"""Arrays: layouts, types, ranges, labels, files, and every way they can be wrong."""

import numpy as np
import pytest
import torch

from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import Split
from saddlepoint.data.splitting import divide
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
ALL = Split(validation=0, test=0)


def opened(values, labels=None, **options):
    description = Array(split=ALL, **options)
    description._values, description._labels = values, labels
    return description.open()


def everything(data):
    """All examples in the order of the array: the split's shuffle undone."""
    n = data.info.counts["train"]
    batch = data.take("train", n, CPU)
    back = np.argsort(divide(n, ALL)["train"])
    label = None if batch.label is None else batch.label[back]
    return batch.x[back], label


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "layout", "result"),
    [
        ((5, 9, 12), "NHW", (1, 9, 12)),
        ((5, 9, 12, 3), "NHWC", (3, 9, 12)),
        ((5, 9, 12, 2), "NHWC", (2, 9, 12)),
        ((5, 4, 9, 12), "NCHW", (4, 9, 12)),
    ],
)
def test_layouts_are_recognised_and_said(shape, layout, result):
    values = images(*shape)
    data = opened(values)
    assert data.info.shape == result
    assert layout in data.info.notes[0]
    x, _ = everything(data)
    expected = torch.from_numpy(values).float() / 127.5 - 1
    if layout != "NCHW":
        expected = expected.reshape(*shape[:3], -1).permute(0, 3, 1, 2)
    assert torch.equal(x, expected)


@pytest.mark.parametrize("shape", [(5, 3, 9, 3), (5, 9, 9, 9)])
def test_ambiguous_layouts_are_refused_with_the_way_out(shape):
    with pytest.raises(BadInput, match=r"pass layout='NHWC' or layout='NCHW'"):
        opened(images(*shape))


def test_a_given_layout_is_obeyed():
    assert opened(images(5, 3, 9, 8), layout="NCHW").info.shape == (3, 9, 8)
    with pytest.raises(BadInput, match="9 channels"):
        opened(images(5, 9, 9, 9), layout="NHWC")
    with pytest.raises(BadInput, match=r"layout NHW needs 3"):
        opened(images(5, 9, 9, 3), layout="NHW")


def test_vectors_are_kept_as_they_are():
    values = np.random.default_rng(0).normal(size=(20, 7)) * 1000
    data = opened(values)
    assert data.info.shape == (7,)
    assert not data.info.images
    assert "ND" in data.info.notes[0]
    assert torch.equal(everything(data)[0], torch.from_numpy(values.astype(np.float32)))
    assert torch.equal(
        everything(opened(np.arange(12).reshape(6, 2)))[0], torch.arange(12.0).reshape(6, 2)
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize(
    ("low", "high", "said"), [(0, 1, "0..1"), (-1, 1, "-1..1"), (0, 255, "0..255")]
)
def test_float_ranges_are_recognised_and_end_in_minus_one_to_one(dtype, low, high, said):
    values = np.linspace(low, high, 2 * 8 * 8).reshape(2, 8, 8).astype(dtype)
    data = opened(values)
    assert any(said in note for note in data.info.notes)
    x, _ = everything(data)
    assert x.dtype == torch.float32
    assert x.min() == -1
    assert x.max() == 1
    assert torch.allclose(x.flatten(), torch.linspace(-1, 1, 128), atol=2e-3)


def test_a_given_range_is_obeyed_also_for_integers():
    quarter = np.full((2, 8, 8), 0.25)
    assert everything(opened(quarter, value_range="-1..1"))[0][0, 0, 0, 0] == 0.25
    ones = np.ones((2, 8, 8), dtype=np.uint8)
    assert everything(opened(ones, value_range="0..1"))[0].min() == 1
    assert any("almost black" in note for note in opened(ones).info.notes)
    assert everything(opened(ones * 255))[0].min() == 1


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.full((2, 8, 8), 300.0), {}, r"from 300 to 300.*pass value_range"),
        (np.full((2, 8, 8), -3.0), {}, r"none of 0\.\.1, -1\.\.1 and 0\.\.255"),
        (np.full((2, 8, 8), 2.0), {"value_range": "0..1"}, r"outside value_range 0\.\.1"),
        (np.full((2, 8, 8), 300), {}, r"int64 values from 300 to 300"),
        (np.full((2, 8, 8), -1, dtype=np.int8), {}, r"int8 values from -1"),
        (np.full((2, 8, 8), 1j), {}, r"complex128 values"),
        (np.full((2, 8, 8), "a"), {}, r"<U1 values"),
        (np.full((2, 8, 8), None), {}, r"object values"),
        (np.zeros((2, 7, 8)), {}, r"7×8 pixels.*at least 8"),
        (np.zeros((2, 8)), {"layout": "NHW"}, r"needs 3"),
        (np.zeros(9), {}, r"has 1 axes"),
        (
            np.zeros((9, 2)),
            {"value_range": "0..1"},
            r"vectors.*leave out --data\.value-range",
        ),
        (np.float64(3), {}, r"has 0 axes"),
        (np.zeros((1, 8, 8)), {}, r"at least 2 are needed"),
        (np.zeros((0, 8, 8)), {}, r"holds no images"),
        (np.zeros((5, 0)), {}, r"no dimensions"),
        (np.full((5, 2), 1e300), {}, r"too large for float32"),
        (np.zeros((5, 2)), {"flip": True}, r"cannot be mirrored"),
    ],
)
def test_unsuitable_arrays_are_refused_in_one_sentence(values, options, sentence):
    with pytest.raises(BadInput, match=sentence) as caught:
        opened(values, **options)
    assert "\n" not in str(caught.value)


def test_other_integers_within_range_and_booleans_are_taken_and_said():
    values = images(4, 8, 8)
    data = opened(values.astype(np.int64))
    assert torch.equal(everything(data)[0], everything(opened(values))[0])
    assert any("int64 values" in note for note in data.info.notes)
    data = opened(values > 127)
    assert set(everything(data)[0].unique().tolist()) == {-1.0, 1.0}
    assert any("0 and 255" in note for note in data.info.notes)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_counted_and_located(bad):
    values = np.zeros((4, 8, 8))
    values[2, 3, 4] = values[3, 0, 0] = bad
    with pytest.raises(BadInput, match=r"2 value\(s\).*first at index \(2, 3, 4\)"):
        opened(values)


def test_torch_tensors_work_too():
    values = torch.rand(4, 3, 8, 8, requires_grad=True)
    x, label = everything(opened(values, torch.tensor([0, 1, 2, 1])))
    assert torch.allclose(x, values.detach() * 2 - 1, atol=1e-6)
    assert label.tolist() == [0, 1, 2, 1]
    assert everything(opened(torch.ones(4, 8, 8, dtype=torch.bfloat16)))[0].min() == 1


def test_changing_the_array_afterwards_changes_nothing():
    for values in (images(4, 8, 8), np.zeros((4, 3), dtype=np.float32)):
        data = opened(values)
        before = everything(data)[0].clone()
        values[:] = 7
        assert torch.equal(everything(data)[0], before)


def test_labels_come_as_a_pair_and_negative_ones_are_unknown():
    data = describe_data((images(20, 8, 8), np.arange(20) % 4)).open()
    assert data.info.classes == ("0", "1", "2", "3")
    _, label = everything(opened(images(4, 8, 8), np.array([2.0, 0.0, 1.0, 1.0])))
    assert label.tolist() == [2, 0, 1, 1]
    data = opened(images(4, 8, 8), np.array([[-5], [0], [1], [1]]))
    assert everything(data)[1].tolist() == [-1, 0, 1, 1]
    assert data.take("train", 4, CPU).labelled.sum() == 3
    assert any("1 of 4 labels are unknown" in note for note in data.info.notes)
    data = opened(images(4, 8, 8), np.full(4, -1))
    assert everything(data)[1] is None
    assert any("none are used" in note for note in data.info.notes)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros(3, int), r"shape \(3,\), and 4 examples need \(4,\)"),
        (np.zeros((4, 2), int), r"shape \(4, 2\)"),
        (np.array(["a"] * 4), r"<U1 values: number the classes"),
        (np.array([0.5, 1, 2, 3]), r"not whole numbers"),
        (np.array([np.nan, 1, 2, 3]), r"not whole numbers"),
        (np.array([10**9, 1, 2, 3]), r"go up to 1,000,000,000"),
    ],
)
def test_unsuitable_labels_are_refused(labels, sentence):
    with pytest.raises(BadInput, match=sentence):
        opened(images(4, 8, 8), labels)


def test_npz_and_npy_files(tmp_path):
    values, labels = images(6, 8, 9, 3), np.arange(6) % 2
    np.savez(tmp_path / "a.npz", x=values, y=labels)
    np.savez_compressed(tmp_path / "b.npz", images=values, labels=labels)
    np.savez(tmp_path / "c.npz", faces=values, y=labels)
    np.savez(tmp_path / "d.npz", x_train=values, y_train=labels, x_test=values, y=labels[:2])
    np.save(tmp_path / "e.npy", values)
    results = [
        everything(Array(path=tmp_path / name, key=key, split=ALL).open())
        for name, key in [("a.npz", None), ("b.npz", None), ("c.npz", None), ("d.npz", "x_train")]
    ]
    for x, label in results:
        assert torch.equal(x, results[0][0])
        assert label.tolist() == labels.tolist()
    data = Array(path=tmp_path / "e.npy", split=ALL).open()
    assert torch.equal(everything(data)[0], results[0][0])
    assert everything(data)[1] is None
    assert data.info.name == "e"
    np.savez(tmp_path / "f.npz", one=values, other=values, y=labels)
    with pytest.raises(BadInput, match=r"one, other, y, and none is called x.*key='one'"):
        Array(path=tmp_path / "f.npz").open()
    with pytest.raises(BadInput, match=r"no array 'face', only faces, y\. Did you mean 'faces'"):
        Array(path=tmp_path / "c.npz", key="face").open()
    with pytest.raises(BadInput, match=r"one array without a name"):
        Array(path=tmp_path / "e.npy", key="x").open()


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "x_test", "y_train", "y_test"),
        ("images_train", "images_test", "labels_train", "labels_test"),
        ("train_images", "test_images", "train_labels", "test_labels"),
    ],
)
def test_an_official_test_set_in_a_file_stays_one(tmp_path, names):
    train, test = np.full((20, 9, 9), 100, np.uint8), np.full((5, 9, 9), 200, np.uint8)
    labels = np.arange(20)[:, None] % 3, np.arange(5)[:, None] % 4
    np.savez(tmp_path / "a.npz", **dict(zip(names, (train, test, *labels), strict=True)), z=train)
    data = Array(path=tmp_path / "a.npz").open()
    assert data.info.counts == {"train": 18, "validation": 2, "test": 5}
    assert data.info.classes == ("0", "1", "2", "3")
    assert data.info.notes[:2] == (
        f"{names[1]} is the official test set: 5 of 25 examples.",
        "Not read: z.",
    )
    for split, level in (("train", 100), ("validation", 100), ("test", 200)):
        assert (((data.take(split, 99, CPU).x + 1) * 127.5).round() == level).all()
    assert sorted(data.take("test", 9, CPU).label.tolist()) == [0, 0, 1, 2, 3]
    alone = Array(path=tmp_path / "a.npz", key=names[0]).open()
    assert sum(alone.info.counts.values()) == 20
    cut = Array(path=tmp_path / "a.npz", limit=10).open()
    assert cut.info.counts == {"train": 7, "validation": 1, "test": 2}


def test_one_range_is_found_over_training_and_test(tmp_path):
    train, test = np.full((20, 9, 9), 0.5), np.full((5, 9, 9), -0.5)
    np.savez(tmp_path / "a.npz", x_train=train, x_test=test)
    data = Array(path=tmp_path / "a.npz").open()
    assert data.info.guessed_range == "-1..1"
    assert (data.take("train", 1, CPU).x == 0.5).all()
    stated = Array(path=tmp_path / "a.npz", value_range="-1..1").open()
    assert stated.info.guessed_range is None
    assert describe_data(images(9, 8, 8)).open().info.guessed_range is None


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (
            {"x_test": np.zeros((5, 9, 8))},
            r"float64 of shape \(5, 9, 8\): make them alike, or pass",
        ),
        ({"x_test": np.zeros((5, 9, 9), np.uint8)}, r"and uint8 of shape"),
        ({"x_test": np.zeros((0, 9, 9))}, r"x_test in .* holds no examples"),
        ({"x_test": np.float64(3)}, r"of shape \(\)"),
        ({"x_test": np.zeros((5, 9, 9)), "y_train": np.zeros(20)}, r"holds y_train, and no labels"),
        ({"x_test": np.zeros((5, 9, 9)), "y_test": np.zeros(5)}, r"holds y_test, and no labels"),
        (
            {"x_test": np.zeros((5, 9, 9)), "y_test": np.zeros(4), "y_train": np.zeros(20)},
            r"y_test in .* has the shape \(4,\), and 5 examples need",
        ),
    ],
)
def test_test_sets_that_do_not_fit_are_refused(tmp_path, arrays, sentence):
    np.savez(tmp_path / "a.npz", x_train=np.zeros((20, 9, 9)), **arrays)
    with pytest.raises(BadInput, match=sentence):
        Array(path=tmp_path / "a.npz").open()


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_is_ever_unpickled(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.savez(tmp_path / "a.npz", x=trap)
    np.save(tmp_path / "b.npy", trap)
    (tmp_path / "c.npy").write_bytes(trap.dumps())
    for name in ("a.npz", "b.npy", "c.npy"):
        with pytest.raises(BadInput, match="never unpickled"):
            Array(path=tmp_path / name).open()
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(BadInput, match="object values, which cannot be stored safely"):
        describe_data(trap).stored(tmp_path / "kept.npz")
    assert not (tmp_path / "kept.npz").exists()


def test_damaged_and_missing_files_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=images(20, 8, 8))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    bent = bytearray(whole)
    bent[len(whole) // 2] ^= 0xFF
    (tmp_path / "bent.npz").write_bytes(bytes(bent))
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("cut.npz", "bent.npz", "empty.npy"):
        with pytest.raises(BadInput, match=f"{name}.*cannot be read"):
            Array(path=tmp_path / name).open()
    with pytest.raises(BadInput, match="is not a file"):
        Array(path=tmp_path / "none.npz").open()


def test_an_array_in_memory_is_stored_and_read_back_the_same(tmp_path):
    for values in (images(6, 3, 8, 9), np.random.default_rng(0).normal(size=(6, 2))):
        description = Array(split=ALL)
        description._values, description._labels = values, np.arange(6) % 2
        path = tmp_path / "deep" / "data.npz"
        stored = description.stored(path)
        assert stored.path == path
        one, other = description.open(), stored.open()
        assert one.info.fingerprint == other.info.fingerprint
        assert torch.equal(everything(one)[0], everything(other)[0])
        assert [file.name for file in path.parent.iterdir()] == ["data.npz"]
    with pytest.raises(BadInput, match="nothing in memory"):
        Array(path=path).stored(tmp_path / "x.npz")


def test_text_under_an_array_name_is_not_called_python_objects_alone(tmp_path):
    (tmp_path / "words.npz").write_text("not an image")
    with pytest.raises(BadInput, match="is damaged, no array file, or holds"):
        describe_data(tmp_path / "words.npz").open()
