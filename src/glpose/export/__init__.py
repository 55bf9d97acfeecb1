"""From torch to `.onnx`, and from published weights to ours.

`onnx` writes one graph with its card, `pose` a checked pair. `published` has the other way: `files`
reads other projects' checkpoints, `port` brings them to a network of ours, `imported` writes what
came of it. `unfold` reads weights back from our own `.onnx`.
"""
