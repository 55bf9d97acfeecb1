"""From torch to `.onnx`: `onnx` writes one graph with its card, `pose` a checked pair."""
