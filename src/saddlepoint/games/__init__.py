"""The rules of two-player games: objectives as pure functions of scores."""
