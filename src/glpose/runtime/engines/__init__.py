"""Engines, one module each, which alone imports the package of its engine; `open` selects one."""
