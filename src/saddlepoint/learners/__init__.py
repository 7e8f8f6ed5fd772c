"""Model families; each is one file, and no other room branches on which one it is."""
