"""From detections to people with identities. Start with `tracker`; `cuts` finds new scenes.

`assign` matches, `motion` predicts; neither depends on tracks.
"""
