"""Runs that differ in a few options, as a grid or as a search, and which of them is better."""
