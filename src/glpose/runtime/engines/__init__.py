"""Engines, one module each: the only importer of its package. `runtime.engine` opens them."""
