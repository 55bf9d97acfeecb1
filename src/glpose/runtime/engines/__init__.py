"""Engines, one module each: the only importer of its package. `open` chooses among them."""
