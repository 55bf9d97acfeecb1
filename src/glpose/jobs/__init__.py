"""Whole jobs as functions: what the commands do, without a command line. They report, never print."""
