"""A page over the directory of one run: self-contained, readable offline and on a phone."""
