"""Whether two samples come from one distribution: tests, a registry of them, and their power."""
