"""HRNet on single frames: pre-trains the encoder of GLPose. `spec`, `net`, `system`."""
