"""What is remarked on data that were made so on purpose, and the silence on those that are well."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kit.pictures import Pixels, glance_at, smooth_pictures
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.planning.class_sizes import sub_folders, unequal_classes
from saddlepoint.planning.framing import cropping, enlarged_before, framing_of, upscaled
from saddlepoint.planning.glance import Glance, Sizes, glance
from saddlepoint.planning.near_duplicates import clusters, near_duplicates, one_of_each
from saddlepoint.planning.odd_ones import blank_ones, grey_among_colour, odd_ones
from saddlepoint.planning.remarks import (
    OBSERVATIONS,
    Observation,
    few_images,
    observe,
    see_through,
)


def seen(found: Observation | None) -> Observation:
    assert found is not None
    return found


def digits() -> Pixels:
    return (load_digits().images[:, None] * 15.9375).round().astype(np.uint8)


def noise(n: int, side: int = 32, channels: int = 3) -> Pixels:
    shape = (n, channels, side, side)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def in_folder(sizes: dict[tuple[int, int], int], side: int = 64, **folder: object) -> Glance:
    """A glance at a folder with these sizes of files."""
    counted: Sizes = Counter(sizes)
    description = Folder(path=Path("photos"), **folder)  # type: ignore[arg-type]
    images = smooth_pictures(3, side)
    known = {"sizes": counted, "surveyed": counted.total(), "smallest": ("a/small.png",)}
    return glance_at(images, description=description, **known | {"total": counted.total()})


HEALTHY = {
    "digits": digits,
    "smooth": lambda: smooth_pictures(600),
    "smooth and grey": lambda: smooth_pictures(600, 32, 1),
    "noise": lambda: noise(500),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_of_healthy_data_nothing_is_said_but_of_left_and_right(name: str) -> None:
    said = observe(glance_at(HEALTHY[name]()))
    assert {each.name for each in said} <= {"left and right"}


def test_copies_are_found_whatever_was_done_to_their_brightness() -> None:
    x = smooth_pictures(400)
    random = np.random.default_rng(0)
    darker = (x[:30] * 0.7 + 20).astype(np.int16) + random.integers(-4, 5, x[:30].shape)
    all_of_them = np.concatenate([x, np.clip(darker, 0, 255).astype(np.uint8), x[30:40], x[:5]])
    found = clusters(glance_at(all_of_them))
    originals, copies = found[:30], found[400:430]
    assert np.array_equal(originals, copies)
    assert np.array_equal(found[30:40], found[430:440])
    assert len(set(found.tolist())) == 400
    assert np.array_equal(one_of_each(glance_at(all_of_them)), np.arange(400))
    names = tuple(f"{number:03}.png" for number in range(len(all_of_them)))
    said = seen(near_duplicates(glance_at(all_of_them, names=names)))
    assert said.figures == {"pictures": 85, "groups": 40, "largest": 3}
    assert "85 of 445 images repeat another one nearly (30 in every pixel)" in said.sentence
    assert "000.png, 400.png, 440.png" in said.sentence


def test_exact_copies_are_named_even_where_they_are_few() -> None:
    x = np.concatenate([smooth_pictures(20), smooth_pictures(20)[:1]])
    said = seen(near_duplicates(glance_at(x)))
    assert "2 of 21 images equal another one in every pixel, in 1 group(s)" in said.sentence


def test_of_a_sample_it_says_how_many_copies_it_sees() -> None:
    x = np.concatenate([smooth_pictures(90), smooth_pictures(90)[:10]])
    said = seen(near_duplicates(glance_at(x, total=1000)))
    assert "20 of 100 images looked at" in said.sentence
    assert "in 10 % of cases" in said.sentence


@pytest.mark.parametrize("strangers", [1, 8])
def test_pictures_of_another_kind_are_odd(strangers: int) -> None:
    x = np.concatenate([smooth_pictures(300), noise(strangers)])
    names = tuple(f"{number:03}.png" for number in range(len(x)))
    said = seen(odd_ones(glance_at(x, names=names)))
    assert said.figures is not None
    assert said.figures["pictures"] == strangers
    assert len(re.findall(r"\.png", said.sentence)) == min(strangers, 3)
    assert all(int(each) >= 300 for each in re.findall(r"(\d+)\.png", said.sentence))


def test_inverted_digits_are_odd() -> None:
    x = digits()
    said = seen(odd_ones(glance_at(np.concatenate([x, 255 - x[:4]]))))
    assert said.figures is not None
    assert said.figures["pictures"] == 4


def test_blank_and_grey_pictures() -> None:
    x = smooth_pictures(100)
    x[7] = 255
    x[8:11] = x[8:11, :1]
    found = glance_at(x, names=tuple(f"{number}.png" for number in range(100)))
    assert "1 of 100 images show nothing but one colour (7.png)" in seen(blank_ones(found)).sentence
    said = seen(grey_among_colour(found))
    assert (
        "3 of 100 images (3.0 %) have no colour, unlike the others (8.png, 9.png" in said.sentence
    )
    assert grey_among_colour(glance_at(x[:, :1])) is None, "all are grey"
    assert grey_among_colour(glance_at(np.repeat(x[:, :1], 3, 1))) is None, "nearly all are grey"


def test_what_the_crop_loses_is_exact() -> None:
    one = framing_of(Counter({(100, 200): 1}), 64, 64)
    assert one.lost == pytest.approx(0.5)
    assert (one.upright, one.wide, one.square) == (0, 1, 0)
    both = framing_of(Counter({(100, 200): 1, (300, 100): 1, (50, 50): 2}), 64, 64)
    assert both.lost == pytest.approx((1 / 2 + 2 / 3) / 4)
    assert both.worst == pytest.approx(2 / 3)
    assert (both.upright, both.wide, both.square) == (1, 1, 2)
    # Of a size of the pictures' own shape nothing is lost.
    assert framing_of(Counter({(100, 200): 3}), 32, 64).lost == pytest.approx(0)


def test_a_rule_of_one_in_a_hundred_decides_the_worst() -> None:
    sizes: Sizes = Counter({(100, 100): 995, (100, 1000): 5})
    assert framing_of(sizes, 64, 64).worst == pytest.approx(0)
    assert framing_of(Counter({(100, 100): 95, (100, 1000): 5}), 64, 64).worst > 0.89


def test_shapes() -> None:
    mixed = {(100, 200): 50, (200, 100): 50, (100, 100): 20}
    said = seen(cropping(in_folder(mixed)))
    assert "50 upright, 50 wide and 20 square pictures" in said.sentence
    assert "loses 42 % of a picture on average, at worst 50 %" in said.sentence
    assert said.option.startswith("--data.resize pad")
    assert cropping(in_folder(mixed, resize="stretch")) is None
    assert "padding makes up 42 %" in seen(cropping(in_folder(mixed, resize="pad"))).sentence
    assert cropping(in_folder({(100, 100): 9, (104, 100): 9})) is None
    option = seen(cropping(in_folder({(200, 300): 30, (400, 600): 40, (210, 305): 2}))).option
    height, width = map(int, re.findall(r"\d+", option))
    assert width / height == pytest.approx(1.5, rel=0.05)
    assert 0.75 < height * width / 64**2 < 1.3


def test_small_pictures_would_be_enlarged() -> None:
    said = seen(upscaled(in_folder({(32, 32): 80, (100, 100): 20})))
    assert "80 of 100 pictures are smaller than 64×64" in said.sentence
    assert "(small.png)" in said.sentence
    assert said.option == "--data.size 32 enlarges hardly any."
    few = seen(upscaled(in_folder({(9, 9): 10, (100, 100): 90})))
    assert few.option == "Remove those that are too small."
    # A larger size would enlarge them more.
    three = seen(upscaled(in_folder({(40, 40): 3, (200, 200): 97})))
    assert three.option == "Remove those that are too small."
    assert upscaled(in_folder({(64, 64): 99, (640, 64): 1})) is None
    # Padded, a picture is enlarged only if both of its sides are too short.
    narrow = {(100, 30): 10}
    assert upscaled(in_folder(narrow)) is not None
    assert upscaled(in_folder(narrow, resize="pad")) is None


def enlarged(x: Pixels) -> Pixels:
    """The same pictures brought to half the size and back."""

    def again(each: Pixels) -> Pixels:
        image = Image.fromarray(each.transpose(1, 2, 0))
        small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    return np.stack([again(each) for each in x])


def test_pictures_enlarged_before_hold_nothing_fine() -> None:
    x = smooth_pictures(200, 64)
    assert enlarged_before(glance_at(x)) is None
    some = np.concatenate([x[:150], enlarged(x[150:])])
    said = seen(enlarged_before(glance_at(some)))
    assert said.figures is not None
    assert said.figures["share"] == pytest.approx(0.25, abs=0.03)
    every = seen(enlarged_before(glance_at(enlarged(x))))
    assert every.option == "Half the size would lose little."
    flat = np.full((50, 3, 64, 64), 9, np.uint8)
    assert enlarged_before(glance_at(flat)) is None


def sorted_into(classes: dict[str, int], deeper: dict[str, int] | None = None, **folder: object):
    found = in_folder({(64, 64): sum(classes.values())}, **folder)
    return glance_at(
        found.images,
        description=found.description,
        total=sum(classes.values()),
        classes=classes,
        deeper=deeper or {},
    )


def test_sub_folders_are_proposed_as_classes() -> None:
    said = seen(sub_folders(sorted_into({"cats": 300, "dogs": 200})))
    assert "2 sub-folders (cats 300, dogs 200)" in said.sentence
    assert said.option.startswith("--conditional learns them")
    few = seen(sub_folders(sorted_into({f"person {n}": 5 for n in range(40)})))
    assert "5 a folder on average" in few.sentence
    loose = replace(sorted_into({"cats": 300, "dogs": 200}), loose=7)
    assert "500" not in seen(sub_folders(loose)).sentence
    assert seen(sub_folders(loose)).sentence.endswith("200), 7 outside any.")
    assert "once every image lies in one" in seen(sub_folders(loose)).option
    assert sub_folders(sorted_into({"cats": 300, "dogs": 200}, labels=True)) is None
    assert sub_folders(sorted_into({})) is None
    assert sub_folders(sorted_into({"images": 300})) is None


def test_parts_of_the_data_are_no_classes() -> None:
    assert sub_folders(sorted_into({"train": 300, "val": 30})) is None
    assert unequal_classes(sorted_into({"train": 300, "val": 30})) is None
    for top in ({"train": 300, "Test": 30}, {"images": 330}):
        said = seen(sub_folders(sorted_into(top, {"cats": 200, "dogs": 130})))
        assert "2 sub-folders (cats, dogs)" in said.sentence
        assert said.option.startswith("--conditional --data.label-level 2")


def test_classes_of_very_unequal_size() -> None:
    counts = {"cats": 900, "dogs": 700, "newts": 20}
    said = seen(unequal_classes(sorted_into(counts, labels=True)))
    assert "cats has 56 % of the images (900), newts 1.2 % (20)" in said.sentence
    assert "1 of 3 have fewer than 50" in said.sentence
    assert said.figures == {"ratio": 45.0, "few": 1.0}
    assert unequal_classes(sorted_into({"cats": 900, "dogs": 700}, labels=True)) is None
    even = sorted_into({"cats": 30, "dogs": 30}, labels=True)
    assert "The smallest class, cats, has 30 images" in seen(unequal_classes(even)).sentence


def test_too_few_to_be_compared() -> None:
    few = glance_at(smooth_pictures(3), total=200)
    assert few_images(few) is not None
    option = seen(few_images(few)).option
    share = float(re.findall(r"0\.\d+", option)[0])
    enough = few.description.replace(split=Split(test=share))
    assert few_images(glance_at(smooth_pictures(3), total=200, description=enough)) is None
    assert "there are too few" in seen(few_images(glance_at(smooth_pictures(3), total=60))).sentence
    assert few_images(glance_at(smooth_pictures(3), total=400)) is None
    counts = {"train": 90, "validation": 10, "test": 200}
    own = glance_at(smooth_pictures(3), total=300, counts=counts, official_test=True)
    assert few_images(own) is None
    small = few_images(replace(own, counts={**counts, "test": 20}))
    assert "has 20 images" in seen(small).sentence
    assert "--data.split" not in str(small)


def test_transparent_pictures() -> None:
    description = Folder(path=Path("photos"))
    found = glance_at(smooth_pictures(3), description=description, transparent=2)
    assert (
        "2 of 3 images are transparent somewhere, and RGB 255 255 255"
        in seen(see_through(found)).sentence
    )
    assert see_through(glance_at(smooth_pictures(3, channels=4), transparent=2)) is None


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with something to remark on everywhere."""
    root = tmp_path_factory.mktemp("bad")
    x = smooth_pictures(120, 64)
    x[:100] = enlarged(x[:100])
    x[5:10] = x[5]
    x[11] = 0
    x[12:15] = x[12:15, :1]
    for number, each in enumerate(x):
        place = root / ("many" if number > 20 else "few")
        place.mkdir(exist_ok=True)
        image = Image.fromarray(each.transpose(1, 2, 0))
        if number % 3 == 0:
            image = image.crop((0, 0, 64, 24))
        if number % 10 == 0:
            image = image.convert("RGBA")
            image.putalpha(254)
        image.save(place / f"{number:03}.png")
    return root


def test_every_remark_is_short_and_names_options_that_exist(bad_folder: Path) -> None:
    said = observe(glance(Folder(path=bad_folder)))
    assert {each.name for each in said} >= {
        *("few images", "near-duplicates", "blank", "grey among colour", "transparent"),
        *("too small", "shapes", "sub-folders", "unequal classes"),
    }
    assert len(said) <= len(OBSERVATIONS)
    for each in said:
        text = str(each)
        assert len(text) < 260, text
        assert "\n" not in text
        assert each.sentence.endswith(".")
        assert "{" not in text
        for option in re.findall(r"--data\.([\w-]+)", text):
            assert option.replace("-", "_") in Folder.model_fields


def test_a_folder_is_the_same_twice(bad_folder: Path) -> None:
    first, second = (observe(glance(Folder(path=bad_folder))) for _ in range(2))
    assert first == second


def test_tiny_folders_are_looked_at_without_a_stumble(tmp_path: Path) -> None:
    for number in range(2):
        image = Image.fromarray(np.full((8, 8), 100 * number, np.uint8))
        image.save(tmp_path / f"{number}.png")
        observe(glance(Folder(path=tmp_path, size=8)))
