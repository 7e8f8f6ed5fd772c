"""Labels that a learner has no use for: said when they were asked for, refused when sampling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import saddlepoint as sp
from kit.tiny import command, tiny
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import Digits
from saddlepoint.data.source import DataSource
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.training.notices import idle_labels
from saddlepoint.training.record import read_record
from saddlepoint.training.trained import Trained


class Labelled(LatentLearner):
    """Its samples are their labels."""

    headline, averaged, phases = (), (), ()
    columns, players, optimisers = ("z",), {}, {}
    frequencies = (1,) * 10

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1)

    @property
    def decoder(self) -> nn.Module:
        return self.network

    def decode_block(self, z: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return label[:, None, None, None].float().expand(-1, 1, 8, 8)


@pytest.mark.parametrize(
    ("source", "option"),
    [
        (Digits(), None),
        (Digits(labelled=100), "--data.labelled"),
        (Digits(labelled=100, labelled_in_batch=8), "--data.labelled"),
        (Folder(path="x", labels=True), "--data.labels"),
        (Folder(path="x"), None),
    ],
    ids=str,
)
def test_the_option_that_asks_for_labels_is_named(source: DataSource, option: str | None) -> None:
    sentence = idle_labels(source, uses_labels=False, learner="vae")
    assert source.labels_asked_for == option
    assert (sentence is None) == (option is None)
    if option is not None:
        assert sentence.startswith(
            f"{option} asks for labels, and the learner 'vae' learns from none"
        )
    assert idle_labels(source, uses_labels=True, learner="vae") is None


def test_a_run_says_once_that_its_labels_serve_evaluation_alone(tmp_path: Path) -> None:
    run = tiny("gan", data=Digits(labelled=100))
    sp.train(run, tmp_path / "run", quiet=True)
    sp.resume(tmp_path / "run", steps=14, quiet=True)
    events = read_record(tmp_path / "run").events
    said = [event for event in events if "asks for labels" in str(event)]
    assert len(said) == 1


def test_samples_of_a_class(tmp_path: Path) -> None:
    sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    refused = command(
        "sample", str(tmp_path / "run"), "--class", "3", "--out", str(tmp_path / "s.npz")
    )
    assert refused.returncode == 2
    assert (
        "was trained without labels, so samples of the class '3' cannot be asked for"
        in refused.stderr
    )
    assert not (tmp_path / "s.npz").exists()

    model: Trained = replace(sp.load(tmp_path / "run"), learner=Labelled())
    label = model.of_class("3", 70)
    assert torch.equal(label, torch.full((70,), 3))
    drawn = torch.cat(list(model.batches(70, seed=1, label=label, block=64)))
    assert torch.equal(drawn, torch.full((70, 1, 8, 8), 3.0))
    assert torch.equal(drawn, model.sample(70, seed=1, label=label))
    with pytest.raises(sp.BadInput, match=r"there is no class '10' in .* \(there are: 0, 1,"):
        model.of_class("10", 1)
