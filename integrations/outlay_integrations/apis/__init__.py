"""Wire formats, each a table of paths."""
