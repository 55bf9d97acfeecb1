"""Published checkpoints: `files` opens them, `port` maps their weights to ours, `imported` writes them."""
