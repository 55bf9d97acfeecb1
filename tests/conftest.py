"""Makes the helpers beside it, e.g. `bad_videos`, importable from all tests."""
