"""From two sources of examples to a table of scores with intervals and controls."""
