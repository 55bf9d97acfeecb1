"""A small one-stage person detector, trained from scratch. Read README.md first, then `net`."""
