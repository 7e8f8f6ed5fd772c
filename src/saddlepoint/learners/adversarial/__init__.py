"""A generator against a critic, and the parts that techniques are made of."""
