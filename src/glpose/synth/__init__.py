"""Rendered people with exact ground truth: clothed, lit, in random scenes. Needs no data.

Start with `scene.py` (`SceneSpec`, `render_scene`, `render_person`) and `demo.py` (`demo_scene`).
`figure.py` is the skeleton; `motion.py` and `ground.py` move and place it; `mesh.py`, `body.py`
and `wardrobe.py` give it a clothed body; `camera.py`, `backdrop.py` and `props.py` build the scene;
`render.py` and `effects.py` make the pixels. `labels.py` gives every label of a picture; `layouts/`
writes whole data sets in official formats.
"""

from glpose.synth.demo import demo_scene
from glpose.synth.scene import Scene, SceneSpec, render_person, render_scene

__all__ = ["Scene", "SceneSpec", "demo_scene", "render_person", "render_scene"]
