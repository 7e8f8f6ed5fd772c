"""The typed, validated, printable description of a whole run (torch-free)."""
