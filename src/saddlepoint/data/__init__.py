"""Sources of examples: each becomes a stream of ``Batch``."""
