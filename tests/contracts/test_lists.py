"""The lists of parts are whole, and the kit has an instance and a place for everything in them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from pydantic_core import PydanticUndefined

import saddlepoint
from kit.pairs import FACTORS
from kit.parts import BASE, KINDS, LISTS, PLACES, TINY, at
from saddlepoint.description import Description, Part

every_kind = pytest.mark.parametrize(
    ("name", "kind"), KINDS, ids=[" ".join(each) for each in KINDS]
)


def below(base: type[Description]) -> Iterator[type[Description]]:
    """Everything in the package that derives from ``base``; tests define parts of their own."""
    for part in base.__subclasses__():
        if part.__module__.startswith("saddlepoint."):
            yield part
        yield from below(part)


def everything() -> None:
    for module in pkgutil.walk_packages(saddlepoint.__path__, "saddlepoint."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_list_has_tiny_instances_of_its_kinds_and_no_others() -> None:
    assert set(TINY) == set(KINDS)
    assert set(PLACES) == set(LISTS)


def test_every_part_of_the_package_is_in_a_list() -> None:
    everything()
    listed = {part for parts in LISTS.values() for part in parts}
    # a kind has its word; what only helps to describe kinds has none
    kinds = {
        part for part in below(Part) if part.model_fields["kind"].default is not PydanticUndefined
    }
    assert kinds == listed


@pytest.mark.parametrize("name", LISTS)
def test_no_two_kinds_of_a_list_have_the_same_word(name: str) -> None:
    words = [part.word() for part in LISTS[name]]
    assert len(set(words)) == len(words)


@every_kind
def test_a_kind_is_a_leaf_and_says_what_it_is(name: str, kind: str) -> None:
    (part,) = (part for part in LISTS[name] if part.word() == kind)
    assert not inspect.isabstract(part)
    assert list(below(part)) == []
    assert "__doc__" in vars(part)
    assert (part.__doc__ or "").strip()
    assert type(TINY[name, kind]) is part


@every_kind
def test_a_place_holds_the_part_that_is_put_there(name: str, kind: str) -> None:
    for place in PLACES[name].values():
        run = place.put(TINY[name, kind])
        assert [at(run, path) for path in place.paths] == [TINY[name, kind]] * len(place.paths)


def test_every_family_and_every_kind_meets_others_in_the_pairs() -> None:
    assert set(FACTORS) == {kind for name, kind in KINDS if name == "families"}
    met = {
        type(value).word()
        for factors in FACTORS.values()
        for values in factors.values()
        for changes in values.values()
        for value in changes.values()
        if isinstance(value, Part)
    }
    assert met == {kind for name, kind in KINDS if name != "families"}


def test_conduct_names_fields() -> None:
    everything()
    declared = [each for each in below(Description) if each.conduct]
    assert type(BASE.training) in declared
    for each in declared:
        assert each.conduct <= each.model_fields.keys(), each.__name__
