"""The command line: `main` has the commands, one file each; `job` does a run over sources."""
