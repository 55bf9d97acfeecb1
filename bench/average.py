"""Average the weights of two exported networks, of which one was trained on from the other.

    python bench/average.py FIRST.onnx SECOND.onnx -o OUT.onnx [--share 0.75]

`--share` is that of SECOND, whose card the average has, without scores. Of such networks the
average often finds more than either, since each has forgotten something else: Wortsman et al.,
Robust Fine-Tuning of Zero-Shot Models, CVPR 2022. The shipped detector is one, see CARDS.md.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from glpose.files import file_digest
from glpose.runtime.card import CARD_KEY


def averaged(first: onnx.ModelProto, second: onnx.ModelProto, share: float) -> onnx.ModelProto:
    """`second` with its weights moved towards those of `first`; batch norms must be folded.

    Raises: ValueError if they are not the same network.
    """
    others = {weight.name: numpy_helper.to_array(weight) for weight in first.graph.initializer}
    shapes = {weight.name: tuple(weight.dims) for weight in second.graph.initializer}
    steps = [[node.op_type for node in model.graph.node] for model in (first, second)]
    if shapes != {name: value.shape for name, value in others.items()} or steps[0] != steps[1]:
        raise ValueError("the files hold different networks; expected one network, trained twice")
    out = onnx.ModelProto()
    out.CopyFrom(second)
    for weight in out.graph.initializer:
        own, other = numpy_helper.to_array(weight), others[weight.name]
        if np.issubdtype(own.dtype, np.floating):
            mixed = share * own.astype(np.float64) + (1 - share) * other.astype(np.float64)
            weight.CopyFrom(numpy_helper.from_array(mixed.astype(own.dtype), weight.name))
    return out


def main() -> None:
    """Write the average with its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.75)
    given = parser.parse_args()
    first, second = onnx.load(str(given.first)), onnx.load(str(given.second))
    model = averaged(first, second, given.share)
    (entry,) = (entry for entry in model.metadata_props if entry.key == CARD_KEY)
    card = json.loads(entry.value)
    (before,) = (json.loads(e.value) for e in first.metadata_props if e.key == CARD_KEY)
    recipe = before["made_by"].get("recipe", before["name"])
    card["made_by"]["averaged"] = (
        f"{given.share:g} of these weights and {1 - given.share:g} of those of {recipe}, "
        f"sha256 {file_digest(given.first)[:16]} (bench/average.py)"
    )
    card["scores"] = {}
    entry.value = json.dumps(card)
    onnx.checker.check_model(model)
    onnx.save(model, str(given.out))
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
