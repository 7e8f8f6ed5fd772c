"""The game: two players, their costs, and what their steps do."""
