"""What `glpose evaluate` does: `sets` knows the official sets, `weights` opens what is evaluated.

`job` runs it over the sequences and scores their predictions as `glpose score` does.
"""
