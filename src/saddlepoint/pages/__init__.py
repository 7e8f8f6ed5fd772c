"""Self-contained HTML pages: their pieces, their look and the document around them (torch-free)."""
