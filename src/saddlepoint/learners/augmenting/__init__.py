"""Changes of images that an augmented critic sees: geometry, colours, and squares left out."""
