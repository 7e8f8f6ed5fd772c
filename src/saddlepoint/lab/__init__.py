"""The lab: one module per classic experiment; each runs it, measures it and draws it."""
