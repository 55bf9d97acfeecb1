"""Moving figures with exact truth: clothed, lit people in scenes drawn by lot. No data needed.

Start with `scene.py` (`SceneSpec`, `render_scene`, `render_person`) and `demo.py` (`demo_scene`).
`figure.py` is the skeleton, `motion.py` and `ground.py` what it does and where, `mesh.py`,
`body.py` and `wardrobe.py` how it looks,
`camera.py`, `backdrop.py` and `props.py` what surrounds it, `render.py` and `effects.py` pixels.
`labels.py` is all that can be labelled in a picture; `layouts/` writes whole sets as others do.
"""

from glpose.synth.demo import demo_scene
from glpose.synth.scene import Scene, SceneSpec, render_person, render_scene

__all__ = ["Scene", "SceneSpec", "demo_scene", "render_person", "render_scene"]
