"""Autoencoders trained by the evidence lower bound."""
