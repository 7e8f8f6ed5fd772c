"""Measures of how good samples are; each is a pure function of arrays."""
