"""Poses as motion: people over time, filters on true timestamps, angles, and gait."""
