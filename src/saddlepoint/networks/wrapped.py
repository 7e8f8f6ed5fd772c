"""Names of a network's tensors that do not depend on what stands around the network.

A module that stands around a network says under which name it holds it, in its attribute
``behind``: without that part of their names, tensors of a network that is told classes bear those
that they have where it is told none.
"""

from __future__ import annotations

from torch import nn


def bare_names(module: nn.Module) -> dict[str, str]:
    """The tensors of a module's state by their names, each with the name that it has unwrapped.

    Where two would then have the same, all keep theirs.
    """
    around = _around(module)
    names: dict[str, str] = {}
    for name in module.state_dict():
        bare = name
        for prefix, inner in reversed(around):  # the innermost first, while prefixes still hold
            start = f"{prefix}{inner}."
            if bare.startswith(start):
                bare = prefix + bare.removeprefix(start)
        names[name] = bare
    return names if len({*names.values()}) == len(names) else {name: name for name in names}


def told_columns(module: nn.Module) -> dict[str, int]:
    """How many inputs more the network of a tensor has because labels stand beside them.

    By the tensor's bare name; those of networks that are told none are left out.
    """
    bare = bare_names(module)
    found: dict[str, int] = {}
    for name, inner in module.named_modules():
        start = f"{name}{'.' * bool(name)}{getattr(inner, 'behind', '')}."
        columns = getattr(inner, "told_columns", 0)
        found |= {bare[each]: columns for each in bare if columns and each.startswith(start)}
    return found


def _around(module: nn.Module) -> list[tuple[str, str]]:
    """Where something stands around a network, and the network's name there; outer ones first."""
    return [
        (f"{name}{'.' * bool(name)}", inner.behind)
        for name, inner in module.named_modules()
        if isinstance(getattr(inner, "behind", None), str)
    ]
