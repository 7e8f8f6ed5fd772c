"""A look at a user's data, what it tells, and what to do after a training."""
