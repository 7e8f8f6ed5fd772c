"""Autoencoders that learn classes from few labels and many examples without one."""
