"""Likelihood and distances: what it means that two distributions are near."""
