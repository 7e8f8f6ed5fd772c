"""Warnings that a training gives while it runs: what is wrong, by which figures, what to do."""
