"""What the commands do, as functions without a command line. They report and never print."""
