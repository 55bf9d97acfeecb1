"""Training: settings in `recipe`, the contract in `system`, the loop in `loop`; data beside it."""
