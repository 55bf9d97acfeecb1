"""Published checkpoints: `files` reads, `port` maps to our weights, `imported` writes."""
