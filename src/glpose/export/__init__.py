"""From torch to `.onnx`, and from published weights to ours.

`onnx` writes one graph with its card, `pose` a checked estimator. `published` does the import: `files`
reads other projects' checkpoints, `port` maps them to a network of ours, `imported` writes the
result. `unfold` reads weights back from our own `.onnx`.
"""
