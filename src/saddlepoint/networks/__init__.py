"""Networks: generators (vector to example) and backbones (example to features)."""
