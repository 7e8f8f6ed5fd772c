"""Pyramids of games: a small image, and at each level what doubling its size leaves out."""
