"""The feature spaces that a user can name, in one word (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from saddlepoint.errors import BadInput, did_you_mean

Kind = Literal["auto", "pixels", "classifier", "efficientnet-lite0", "inception", "onnx", "python"]

#: What each word means, for help texts and messages.
SPACES: dict[str, str] = {
    "auto": "the classifier if the data are images with labels, else EfficientNet-Lite0 if its "
    "weights are installed, else the pixels; vectors as they are",
    "pixels": "the pixels themselves, at most 32×32; vectors as they are",
    "classifier": "a small classifier, trained once on the labels of the data's training split",
    "efficientnet-lite0": "EfficientNet-Lite0 with ImageNet weights, saddlepoint[features]",
    "inception": "Inception-v3 as papers use it, saddlepoint[inception]; the only space whose "
    "Fréchet distance is called FID",
}
_FORMS = "a file that ends in .onnx, or package.module:name of a torch module of yours"


@dataclass(frozen=True)
class FeatureWord:
    """What one word asks for.

    Attributes:
        kind: A name of ``SPACES``; or ``onnx`` for a file, or ``python`` for an importable object.
        target: The path of the ONNX file, or ``module:attribute``; empty for a name.
    """

    kind: Kind
    target: str = ""


def parse_features(word: str) -> FeatureWord:
    """Read one word: a name of ``SPACES``, the path of an ONNX file, or ``module:attribute``.

    Nothing is imported and no file is opened, but an ONNX file must be there.

    Raises:
        BadInput: The word is none of these; the sentence suggests the nearest name.
    """
    match word.strip().lower():
        case "auto" | "pixels" | "classifier" | "efficientnet-lite0" | "inception" as kind:
            return FeatureWord(kind)
    word = word.strip()
    if word.lower().endswith(".onnx"):
        path = Path(word).expanduser()
        if not path.is_file():
            raise BadInput(
                f"the feature network {word} is not a file: give the path of an ONNX "
                "file that is there."
            )
        return FeatureWord("onnx", str(path))
    module, colon, attribute = word.partition(":")
    if colon and _dotted(module) and _dotted(attribute):
        return FeatureWord("python", word)
    raise BadInput(
        f"'{word}' names no feature space: use {', '.join(SPACES)}, {_FORMS}."
        f"{did_you_mean(word, SPACES)}"
    )


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))
