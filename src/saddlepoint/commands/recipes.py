"""``saddlepoint recipes``: what can be trained."""

from __future__ import annotations

import inspect

from tyro.conf import Positional


def recipes(name: Positional[str | None] = None) -> None:
    """List what can be trained, or print one recipe's whole description.

    Args:
        name: A recipe.
    """
    from saddlepoint.recipes import RECIPES, find

    if name is not None:
        print(find(name)())
        return
    width = max(map(len, RECIPES))
    for each, function in RECIPES.items():
        print(f"{each:<{width}}  {inspect.cleandoc(function.__doc__ or '').splitlines()[0]}")
