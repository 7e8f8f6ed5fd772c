"""The cases of the fuzzer, by kind: each a command line and the files that it meets."""

from __future__ import annotations

import copy
import functools
import io
import json
import random
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_material import FORMATS, RUNS, USER, encoded, picture

Random = random.Random
Expectation = Callable[[int | None, Path], str]


@dataclass
class Case:
    """A command line in a folder that was made for it.

    Attributes:
        words: The command line.
        deeds: What was done to the files, for the printed finding.
        expectation: More than what holds for all: from the exit code and the folder to a problem.
    """

    words: list[str]
    deeds: list[str] = field(default_factory=list)
    expectation: Expectation | None = None


def make(kind: str, rng: Random, prepared: Path, work: Path) -> Case:
    """Fill the folder ``work`` and say what is run there."""
    shutil.copytree(prepared / USER, work / USER)
    if kind in ("words", "run-json", "checkpoints"):
        for name in RUNS:
            shutil.copytree(prepared / name, work / name)
    return _MAKERS[kind](rng, work)


# --- command lines ---

_TRAIN = "--steps 1 --device cpu --quiet --out new"
TEMPLATES = [
    f"train gan --data ring --batch-size 16 {_TRAIN}",
    f"train gan --data {USER}/vectors.npy --batch-size 16 --dynamics extragradient {_TRAIN}",
    f"train gan --data grid --seeds 2 --batch-size 8 {_TRAIN} --objective minimax",
    f"train dcgan --data digits --width 4 --batch-size 16 {_TRAIN} --data.limit 100",
    f"train dcgan --data {USER}/pictures --width 4 --batch-size 8 {_TRAIN} --data.size 16",
    f"train dcgan --data {USER}/pictures.zip --width 4 --batch-size 8 {_TRAIN} --strict",
    f"train vae --data {USER}/images.npy --batch-size 8 {_TRAIN} --data.layout NHWC",
    f"train wgan-gp-mlp --data ring --batch-size 16 {_TRAIN}",
    f"train gan --data ring --learner.critic-regularisers r1 drift --batch-size 16 {_TRAIN}",
    f"train ring/run.json {_TRAIN}",
    f"train digits --seed 3 {_TRAIN}",
    "resume ring --steps 6 --quiet",
    "resume digits --steps 5 --reschedule --device cpu --quiet",
    f"resume pictures --steps 5 --data {USER}/pictures --quiet",
    "resume vectors --steps 4 --quiet",
    "sample ring --n 70 --seed 1 --out new.npy --member 1",
    "sample digits --n 9 --out new.png --checkpoint 2",
    "sample digits --n 9 --out pngs --checkpoint latest --device cpu",
    f"sample digits --n 9 --out {USER}/samples.png --overwrite",
    f"sample vectors --out {USER}/new.npz --quiet",
    "evaluate ring --n 60 --features pixels --scores frechet sliced --quiet",
    f"evaluate --real {USER}/vectors.npy --fake vectors --n 50 --features pixels --quiet",
    f"evaluate --real {USER}/pictures --fake {USER}/pictures.zip --features pixels --size 8 "
    "--channels 1 --out verdict --quiet",
    "evaluate other --n 50 --features auto --scores all --quiet",
    "compare ring other --features auto --n 50 --scores all --quiet",
    "compare ring vectors --features pixels --n 50 --quiet",
    "compare ring ring --features pixels --n 50 --checkpoint 2 --out verdict --quiet",
    "report ring --out page.html",
    f"report digits --out {USER}/page.html --overwrite",
    "report vectors",
    "recipes gan",
    "recipes",
    "train gan --help",
    "train dcgan --help --all",
    "lab --help",
    "lab mode-collapse --fast --seeds 2",
    "completion bash",
    "--help",
    "--version",
]
_ONE_WORD = """
-1 0 1 2 0.5 1e999 -1e999 nan 1e308 1e-320 -0.0 1e18 1_000 0x10 +1 10000000 ² １２
4294967296 9223372036854775807 9223372036854775808 -9223372036854775809 ü 日本 -- - -x
cosine: cosine:1:0 cosine:0.1->0 piecewise:0=1:0=2 piecewise: linear:nan plateau:0 --help
nowhere/x nowhere.png ring ring/run.json user user/notes.txt user/pictures user/empty --all
user/samples.png user/idx user/labelled.npz . .. ~ ~nosuchuser/x --overwrite true false None
null auto [] {} { $HOME * %s {0} ring,grid 1,2 ' "
"""
_EXTREMES = [
    *_ONE_WORD.split(),
    *("", " ", " 1", "-1 -2", "a b", "a\nb", "\x1b[31mred", "\udc80", "\U0001f600", str(10**30)),
    *("a" * 5000, "x" * 300, "a/" * 200),
]
# What only takes long, as asked, is no finding.
_PATIENT = re.compile(
    r"steps|horizon|seconds|every|minutes|unroll|iterations|power|examples|repeats|^--n$|seeds|"
    r"(data|evaluation)\.(train|validation|test)$|threads|workers|features$"
)
_MODEST = ["-1", "0", "1", "2", "0.5", "nan", "", "ü", "a" * 300, "²", "1e999", "x", "--", "None"]


def _words(rng: Random, work: Path) -> Case:
    words = rng.choice(TEMPLATES).split()
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        words = _mutated(rng, words)
    return Case(_bounded(words))


def _mutated(rng: Random, words: list[str]) -> list[str]:
    words = list(words)
    deed = rng.randrange(9)
    if deed == 0 or not words:  # an option more
        name = rng.choice(_all_options())
        words += [name, _value(rng, name)]
        return words
    at = rng.randrange(len(words))
    if deed == 1:
        del words[at]
    elif deed == 2:
        words.insert(at, words[at])
    elif deed == 3:
        other = rng.randrange(len(words))
        words[at], words[other] = words[other], words[at]
    elif deed == 4:
        words[at] = _mistyped(rng, words[at])
    elif deed == 5:
        words.insert(at, rng.choice(rng.choice(TEMPLATES).split()))
    else:
        values = [i for i in range(1, len(words)) if not words[i].startswith("--")] or [at]
        at = rng.choice(values)
        words[at] = _value(rng, words[at - 1] if at else "")
    return words


def _mistyped(rng: Random, word: str) -> str:
    at = rng.randrange(len(word) + 1)
    letter = rng.choice("abcxyz019-._=/: éA")
    return rng.choice((word[:at] + letter + word[at:], word[:at] + word[at + 1 :], word.upper()))


def _value(rng: Random, option: str) -> str:
    return rng.choice(_MODEST if _PATIENT.search(option) else _EXTREMES)


@functools.cache
def _all_options() -> list[str]:
    from saddlepoint import flags
    from saddlepoint.data.folder import Folder
    from saddlepoint.recipes import RECIPES

    names: dict[str, None] = {}
    for recipe in RECIPES.values():
        names |= dict.fromkeys(flags.names(recipe()))
    folder = RECIPES["dcgan-two-core"]().replace(data=Folder(path=Path(".")))
    names |= dict.fromkeys(flags.names(folder))
    members = ("critic-regularisers.r1.weight", "constraints.0.limit", "critic.kind")
    names |= {f"--learner.{member}": None for member in members}
    commands = ("n", "seed", "out", "checkpoint", "member", "device", "scores", "features", "size")
    return [*names, *(f"--{name}" for name in (*commands, "data", "resize", "value-range"))]


def _bounded(words: list[str]) -> list[str]:
    """The same, where what was lost would only make the command long."""
    command = words[0] if words else ""
    if command in ("train", "resume") and "--steps" not in words:
        words = [*words, "--steps", "5" if command == "resume" else "1"]
    if command == "lab" and len(words) > 1:
        words = [*words, "--help"]
    if command in ("evaluate", "compare") and "--features" not in words:
        words = [*words, "--features", "pixels"]
    return words


# --- bytes ---


def _damaged(rng: Random, path: Path, *, head: int | None = None) -> str:
    """Break a file; says how. ``head``: most of the flips hit the first so many bytes."""
    content = bytearray(path.read_bytes())
    name = path.name
    deed = rng.randrange(10)
    if not content or deed == 0:
        content = bytearray(rng.randbytes(rng.choice((0, 1, 10, 1000))))
        said = f"{name} became {len(content)} random bytes"
    elif deed == 1:
        share = rng.random()
        content = content[: int(share * len(content))]
        said = f"{name} was cut to {len(content)} bytes"
    elif deed == 2:
        at, length = int(rng.random() * len(content)), rng.choice((1, 4, 64))
        content[at : at + length] = rng.choice((b"\x00", b"\xff")) * length
        said = f"{length} bytes of {name} were blanked at {at}"
    elif deed == 3:
        at, length = int(rng.random() * len(content)), rng.choice((1, 4, 64))
        part = content[at : at + length]
        content[at:at] = part
        said = f"{length} bytes of {name} were doubled at {at}"
    else:
        flips = rng.choice((1, 1, 1, 2, 8))
        span = min(head or len(content), len(content)) if rng.random() < 0.8 else len(content)
        places = [int(rng.random() * span) for _ in range(flips)]
        bits = [rng.randrange(8) for _ in range(flips)]
        for at, bit in zip(places, bits, strict=True):
            content[at] ^= 1 << bit
        said = f"bits of {name} were flipped: {list(zip(places, bits, strict=True))}"
    path.write_bytes(bytes(content))
    return said


def _training(rng: Random, recipe: str, data: str) -> list[str]:
    words = ["train", recipe, "--data", data, "--steps", "1"]
    words += ["--device", "cpu", "--quiet", "--out", "new"]
    if rng.random() < 0.7:
        words += ["--batch-size", rng.choice((*"11223344", "1000"))]
    if recipe != "gan":
        return [*words, "--width", "4"] if recipe == "dcgan" else words
    return [*words, "--learner.generator.hidden", "8", "--learner.critic.hidden", "8"]


# --- run.json ---

_JSON_EXTREMES: list[Any] = [
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 10**30, 2**63, float("nan"), float("inf")),
    *("", "x", "1", "nan", "ring", "cosine:1:0", "../..", "/", "cpu", "cuda", "\ud800", "\x00"),
    *("a\nb", "ü" * 400, [], {}, [[]], [None], [1] * 300, {"": 1}, {"kind": "x"}, {"a": {"b": []}}),
]
_JSON_MODEST: list[Any] = [None, True, 0, -1, 1, 2, 0.5, "", "x", [], {}, [1], float("nan"), "2"]


_DEEPEST = 60


def _paths(value: Any) -> list[tuple[Any, ...]]:
    """Where something stands, not deeper than that many levels: what nests deeper is one thing."""
    paths: list[tuple[Any, ...]] = []
    left: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while left:
        at, part = left.pop()
        if not isinstance(part, dict | list) or len(at) == _DEEPEST:
            continue
        entries = part.items() if isinstance(part, dict) else enumerate(part)
        inner = [((*at, key), each) for key, each in entries]
        paths += [path for path, _ in inner]
        left += inner
    return paths


def _altered(rng: Random, whole: dict[str, Any]) -> str:
    path = rng.choice(_paths(whole) or [()])
    if not path:
        return "nothing"
    parent: Any = whole
    for key in path[:-1]:
        parent = parent[key]
    key, deed = path[-1], rng.randrange(6)
    where = ".".join(map(str, path))
    if deed == 0:
        del parent[key]
        return f"{where} was dropped"
    if deed == 1 and isinstance(parent, dict):
        fresh = _mistyped(rng, str(key))
        parent[fresh] = parent.pop(key)
        return f"{where} was renamed {fresh!r}"
    if deed == 2:
        other = rng.choice(_paths(whole))
        value: Any = whole
        for each in other:
            value = value[each]
        parent[key] = json.loads(json.dumps(value))
        return f"{where} became {'.'.join(map(str, other))}"
    values = _JSON_MODEST if _PATIENT.search(str(key)) else _JSON_EXTREMES
    value = copy.deepcopy(rng.choice(values))  # the next alteration may be inside it
    if deed == 3:
        for _ in range(rng.choice((1, 3, 200))):
            value = [value] if rng.random() < 0.5 else {str(key): value}
    parent[key] = value
    return f"{where} became {value!r}"[:300]


def _broken_text(rng: Random, text: str) -> bytes:
    whole = text.encode()
    at = int(rng.random() * len(whole))
    return rng.choice(
        (
            whole[:at],
            whole[:at] + b"\xff\xfe" + whole[at:],
            b"\xef\xbb\xbf" + whole,
            text.encode("utf-16"),
            b"[" * 100_000,
            b'{"given":' * 100_000,
            whole.replace(b"0", b"9" * 5000, 1),
            whole.replace(b'"', b"'"),
            b"",
            b"null",
            b"[]",
            b'"given"',
            b'{"given": null, "resolved": null}',
            b'{"given": [], "resolved": []}',
            b"{}",
            whole + whole,
            rng.randbytes(200),
        )
    )


def _run_json(rng: Random, work: Path) -> Case:
    run = rng.choice(RUNS)
    path = work / run / "run.json"
    deeds = []
    if rng.random() < 0.2:
        path.write_bytes(_broken_text(rng, path.read_text()))
        deeds.append(f"{run}/run.json became {path.read_bytes()[:200]!r}")
    elif rng.random() < 0.75:
        whole = json.loads(path.read_text())
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            deeds.append(f"{run}/run.json: {_altered(rng, whole)}")
        path.write_text(json.dumps(whole))
    else:
        deeds += _disturbed(rng, work / run)
    words = rng.choice(
        (
            ["train", f"{run}/run.json", "--steps", "1", "--out", "new"],
            ["train", run, "--steps", "1", "--out", "new", "--seed", "1"],
            ["resume", run, "--steps", "5"],
            ["resume", run],
            ["sample", run, "--n", "5", "--out", "new.npy"],
            ["sample", run, "--n", "5"],
            ["evaluate", run, "--n", "50", "--features", "pixels"],
            ["report", run],
            ["report", run],
            ["compare", "ring", run, "--n", "50", "--features", "pixels"],
        )
    )
    return Case(words if words[0] == "report" else [*words, "--quiet"], deeds)


def _disturbed(rng: Random, run: Path) -> list[str]:
    """Break another file of a run directory, or take it away."""
    files = sorted(path for path in run.rglob("*") if path.name != "run.json")
    path = rng.choice(files)
    deed = rng.randrange(4)
    name = path.relative_to(run.parent)
    if deed == 0 or path.is_dir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if deed == 1:
            path.write_text("A file in the place of a folder.\n")
            return [f"{name} became a file"]
        return [f"{name} was removed"]
    if deed == 1:
        path.unlink()
        path.mkdir()
        return [f"{name} became a folder"]
    if deed == 2 and path.suffix in (".json", ".jsonl"):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        at = rng.randrange(len(lines))
        whole = {"line": json.loads(lines[at])}
        said = _altered(rng, whole)
        lines[at] = json.dumps(whole.get("line"))
        path.write_text("\n".join(lines) + "\n")
        return [f"{name}, line {at}: {said}"]
    return [f"{name}: {_damaged(rng, path)}"]


# --- pictures ---


def _images(rng: Random, work: Path) -> Case:
    folder = work / USER / "pictures"
    deeds = _break_pictures(rng, folder)
    data = f"{USER}/pictures"
    if rng.random() < 0.15:
        words = ["evaluate", "--real", data, "--fake", f"{USER}/pictures.zip", "--quiet"]
        return Case([*words, "--features", "pixels", "--out", "verdict"], deeds)
    words = _training(rng, rng.choice(("dcgan", "dcgan", "gan", "vae")), data)
    return Case(words + _folder_options(rng), deeds)


def _folder_options(rng: Random) -> list[str]:
    words = []
    for name, values in (
        ("size", ("8", "16", "7", "0", "-1", "16 8", "1 2 3", "5000000", "20000", "nan", "8.5")),
        ("channels", ("1", "2", "3", "4", "auto", "0", "5", "x")),
        ("limit", ("1", "2", "10", "0", "-1", "1000000000000")),
        ("resize", ("crop", "pad", "stretch")),
        ("memory-gib", ("0", "0", "1e-9", "1e300", "-1")),
        ("bits", ("8", "12", "16", "17")),
        ("background", ("0 0 0", "-1 0 0", "256 0 0", "1 2", "9999999999999999999999 0 0")),
        ("label-level", ("1", "2", "64")),
        ("workers", ("1", "2", "64")),
    ):
        if rng.random() < 0.08:
            words += [f"--data.{name}", *rng.choice(values).split()]
    return words + ["--strict"] * (rng.random() < 0.1) + ["--data.labels"] * (rng.random() < 0.2)


def _break_pictures(rng: Random, folder: Path) -> list[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if rng.random() < 0.3:  # only a few are left
        kept = rng.sample(files, rng.choice((1, 2, 5)))
        for path in files:
            if path not in kept:
                path.unlink()
        files = kept
    broken = files if rng.random() < 0.15 else rng.sample(files, min(len(files), rng.randint(1, 8)))
    deeds = []
    for path in broken:
        deed = rng.randrange(8)
        if deed == 0:
            suffix, form, modes = rng.choice(FORMATS)
            sizes = ((1, 1), (1, 300), (40, 3), (13, 8), (200, 200))
            mode, size = rng.choice(modes), rng.choice(sizes)
            image = picture(np.random.default_rng(rng.randrange(2**32)), mode, size)
            wrong = rng.random() < 0.3
            path.write_bytes(encoded(image, form))
            deeds.append(f"{path.name} holds {form} {mode} {size}")
            if not wrong:
                path.rename(path.with_suffix(f".{suffix}"))
        elif deed == 1 and path.suffix == ".png":
            deeds.append(_lying_png(rng, path))
        else:
            deeds.append(_damaged(rng, path, head=64))
    return deeds


def _lying_png(rng: Random, path: Path) -> str:
    """Another size in the header, with the right checksum."""
    import struct
    import zlib

    content = bytearray(path.read_bytes())
    sides = [rng.choice((0, 1, 13, 1000, 20_000, 2**31 - 1)) for _ in range(2)]
    depth, colour = rng.choice((1, 2, 8, 16, 3)), rng.choice((0, 2, 3, 4, 6, 9))
    content[16:26] = struct.pack(">IIBB", *sides, depth, colour)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    return f"{path.name} claims {sides}, depth {depth}, colour {colour}"


# --- arrays ---


def _arrays(rng: Random, work: Path) -> Case:
    user = work / USER
    names = ("images.npy", "floats.npy", "vectors.npy", "labelled.npz", "packed.npz")
    name = rng.choice((*names, "official.npz"))
    if rng.random() < 0.65:
        deeds = [_damaged(rng, user / name, head=rng.choice((12, 128)))]
    else:
        name, deed = _odd_array(rng, user)
        deeds = [deed]
    data = f"{USER}/{name}"
    if rng.random() < 0.2:
        fake = rng.choice((data, f"{USER}/vectors.npy", f"{USER}/images.npy"))
        words = ["evaluate", "--real", data, "--fake", fake, "--features", "pixels", "--quiet"]
        return Case([*words, "--out", "verdict"], deeds)
    words = _training(rng, rng.choice(("gan", "gan", "vae", "dcgan")), data)
    for option, values in (
        ("layout", ("auto", "NHWC", "NCHW", "NHW", "ND")),
        ("value-range", ("auto", "0..255", "0..1", "-1..1")),
        ("key", ("x", "images", "y", "", "x_test", "nothing")),
        ("limit", ("1", "50", "100000000000000")),
    ):
        if rng.random() < 0.06:
            words += [f"--data.{option}", rng.choice(values)]
    return Case(words, deeds)


def _odd_array(rng: Random, user: Path) -> tuple[str, str]:
    generator = np.random.default_rng(rng.randrange(2**32))
    shapes = (
        (),
        (0,),
        (5,),
        (50, 3),
        (50, 0),
        (0, 8, 8, 3),
        (50, 8, 8),
        (50, 8, 8, 3),
        (1, 8, 8, 1),
    )
    more = (
        (50, 3, 8, 8),
        (3, 8, 8, 3),
        (50, 8, 0, 1),
        (50, 2, 2, 1),
        (2, 2, 2, 2, 2),
        (50, 1),
        (2, 9),
    )
    shape = rng.choice(shapes + more)
    kinds = (
        "u1",
        "i1",
        "i8",
        "u8",
        "f2",
        "f4",
        "f8",
        "g",
        "c8",
        "?",
        "S3",
        "U2",
        "M8[s]",
        "O",
        "V4",
    )
    kind = rng.choice((*kinds, ">f4", ">i4", "m8[D]", "i4,f8"))
    values = (generator.random(shape) * rng.choice((1, 255, 1e6, -1, 1e308))).astype("f8")
    with np.errstate(all="ignore"):
        try:
            array = values.astype(kind)
        except (TypeError, ValueError):
            array = np.zeros(shape, kind)
    if array.dtype.kind == "f" and array.size and rng.random() < 0.3:
        array.flat[0] = rng.choice((np.nan, np.inf, -np.inf))
    said = f"an array of {kind} {shape}"
    if rng.random() < 0.5:
        np.save(user / "odd.npy", array, allow_pickle=True)
        if rng.random() < 0.3:
            said += f"; {_lying_npy(rng, user / 'odd.npy')}"
        return "odd.npy", said
    labels = rng.choice(
        (
            np.zeros(len(array) if shape else 1, int),
            np.arange(3),
            np.full(50, 10**12),
            np.full(50, np.nan),
            np.array(["a"] * 50),
            np.full(50, -1),
            generator.integers(0, 2**63 - 1, 50),
            np.array([None] * 50),
            np.full(50, 2**64 - 1, dtype="u8"),
        )
    )
    np.savez(user / "odd.npz", **{rng.choice(("x", "images", "z")): array, "y": labels})
    return "odd.npz", f"{said} with labels {labels.dtype} {labels.shape} {labels[:1]}"


def _lying_npy(rng: Random, path: Path) -> str:
    content = path.read_bytes()
    shapes = (
        "(10000000000, 3)",
        "(-5, 3)",
        "(2**99,)",
        "(9" + "9" * 40 + ",)",
        "(True, 3)",
        "(1.5, 3)",
    )
    shape = rng.choice((*shapes, "((((", "[5, 3]", "(5, 3)" + " " * 100_000))
    fresh = re.sub(rb"'shape': [^}]*", b"'shape': " + shape.encode() + b", ", content, count=1)
    fresh = fresh.replace(b"'fortran_order': False", rng.choice((b"'fortran_order': True ",) * 3))
    path.write_bytes(fresh)
    return f"its header claims {shape[:40]}"


# --- archives ---


def _archives(rng: Random, work: Path) -> Case:
    which = rng.choice(("zip", "zip", "idx", "cifar"))
    user = work / USER
    if which == "idx":
        path = rng.choice(sorted((user / "idx").iterdir()))
        deeds = [_packed(rng, path) if rng.random() < 0.5 else _damaged(rng, path, head=20)]
        data = rng.choice(("mnist", "fashion-mnist", "stacked-fashion-mnist"))
        words = [*_training(rng, "gan", data), "--data.root", f"{USER}/idx"]
        return Case([*words, "--data.no-download"], deeds)
    if which == "cifar":
        path = next((user / "cifar").iterdir())
        deeds = [_packed(rng, path) if rng.random() < 0.6 else _damaged(rng, path, head=20)]
        words = [*_training(rng, "gan", "cifar10"), "--data.root", f"{USER}/cifar"]
        return Case([*words, "--data.no-download"], deeds)
    deeds = [_odd_zip(rng, user) if rng.random() < 0.4 else _damaged(rng, user / "pictures.zip")]
    words = _training(rng, rng.choice(("dcgan", "gan")), f"{USER}/pictures.zip")
    return Case(words + _folder_options(rng), deeds)


def _packed(rng: Random, path: Path) -> str:
    """Break what is inside a gzip file, and pack it again."""
    import gzip

    path.write_bytes(gzip.decompress(path.read_bytes()))
    said = _damaged(rng, path, head=rng.choice((16, 600)))
    path.write_bytes(gzip.compress(path.read_bytes(), 1))
    return f"inside: {said}"


def _odd_zip(rng: Random, user: Path) -> str:
    path = user / "pictures.zip"
    png = (user / "pictures" / "a" / "00.png").read_bytes()
    deed = rng.randrange(8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if deed == 0:
            for name in (
                "../../outside.png",
                "/outside.png",
                "a/../../b.png",
                "C:\\x.png",
                "a//b.png",
            ):
                archive.writestr(name, png)
        elif deed == 1:
            archive.writestr("bomb.png", png + bytes(300_000_000))
            archive.writestr("good.png", png)
        elif deed == 2:
            for number in range(50):
                archive.writestr(f"{'deep/' * number}{number}.png", png)
        elif deed == 3:
            archive.writestr("x.png", buffer.getvalue() or b"PK")
            archive.writestr("notes.txt", "no picture")
        elif deed == 4:
            for name in (
                "é.png",
                "\U0001f600.png",
                "a\nb.png",
                "\x1b[31m.png",
                " .png",
                "-x.png",
                ".png",
            ):
                archive.writestr(name, rng.choice((png, png, b"damaged")))
        elif deed == 5:
            for number in range(12):
                archive.writestr(f"{number}.png", png, rng.choice((0, 8, 12, 14)))
        elif deed == 6:
            for number in range(12):
                archive.writestr(f"{number}.png", png)
    content = buffer.getvalue()
    if deed == 7:  # encrypted, as its flags say
        content = path.read_bytes().replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
        )
    if deed == 6:  # sizes that lie, in the directory at the end
        at = content.rfind(b"PK\x01\x02")
        lie = rng.choice((b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\xfe\xff\xff\x7f"))
        offset = at + rng.choice((20, 24, 42))
        content = content[:offset] + lie + content[offset + 4 :]
    path.write_bytes(content)
    return f"an archive of kind {deed}"


# --- checkpoints ---


def _checkpoints(rng: Random, work: Path) -> Case:
    run = rng.choice(RUNS)
    folder = work / run / "checkpoints"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    deeds = []
    newest = max(path.parent.name for path in files if path.parent != folder)
    hurt = set()
    for path in rng.sample(files, rng.choice((1, 1, 1, 2, 3))):
        before = path.read_bytes()
        deed = rng.randrange(5)
        name = str(path.relative_to(work))
        if deed == 0:
            path.unlink()
            deeds.append(f"{name} was removed")
        elif deed == 1 and path.suffix == ".json":
            whole = json.loads(path.read_text())
            deeds.append(f"{name}: {_altered(rng, whole)}")
            path.write_text(json.dumps(whole))
        elif deed == 2:
            other = rng.choice(files)
            if other.exists():
                path.write_bytes(other.read_bytes())
            deeds.append(f"{name} became {other.relative_to(work)}")
        else:
            deeds.append(f"{name}: {_damaged(rng, path, head=400)}")
        if path.parent.name == newest and (not path.exists() or path.read_bytes() != before):
            hurt.add(path.suffix)
    words = rng.choice(
        (
            ["resume", run, "--steps", "5"],
            ["resume", run, "--steps", "5"],
            ["sample", run, "--n", "5", "--out", "new.npy", "--quiet"],
            ["sample", run, "--n", "5", "--out", "new.npy", "--quiet", "--checkpoint", "latest"],
            ["sample", run, "--n", "5", "--out", "new.npy", "--checkpoint", "best"],
            ["sample", run, "--n", "5", "--out", "new.npy", "--checkpoint", str(int(newest[5:]))],
            ["evaluate", run, "--n", "50", "--features", "pixels", "--quiet"],
            ["report", run],
        )
    )

    def names_it(code: int | None, folder: Path) -> str:
        """A newest checkpoint that cannot be used is named by who goes on without it."""
        best = (folder / "work" / run / "checkpoints" / "best.json").is_file()
        takes = words[0] == "resume" or "latest" in words or (words[0] == "sample" and not best)
        if code != 0 or ".safetensors" not in hurt or not takes:
            return ""
        said = (folder / "stdout").read_text() + (folder / "stderr").read_text()
        return "" if newest in said else "a damaged checkpoint was passed over without a word"

    return Case(words, deeds, names_it)


_MAKERS: dict[str, Callable[[Random, Path], Case]] = {
    "words": _words,
    "run-json": _run_json,
    "images": _images,
    "arrays": _arrays,
    "archives": _archives,
    "checkpoints": _checkpoints,
}
KINDS = tuple(_MAKERS)
