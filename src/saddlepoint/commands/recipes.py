"""``saddlepoint recipes``: what can be trained."""

from __future__ import annotations

import shutil

from tyro.conf import Positional


def recipes(name: Positional[str | None] = None) -> None:
    """List what can be trained, or print one recipe's whole description.

    Args:
        name: A recipe.
    """
    from saddlepoint.recipes import find, table

    if name is not None:
        print(find(name)())
        return
    print(table.plain(min(100, shutil.get_terminal_size().columns)))
