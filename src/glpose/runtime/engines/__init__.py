"""Engines, one module each, which alone imports the engine's package. Opened by `runtime.engine`."""
