"""The mean of two runs that train a fusion, for a network between the two that they were trained on.

    python bench/between.py RUN RUN NETWORK -o NEW_RUN
    glpose export NEW_RUN ...

What the runs share with NETWORK (a run folder, e.g. of `average.py`, or a checkpoint) is taken from
there, all else is their mean (Wortsman et al., Model Soups, ICML 2022). Both have to have the same
recipe, but for the network that they start from. Needs the training extra.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from average import check_new, mixed, save_average, told
from scripts import run_script

from glpose.errors import BadInput
from glpose.jobs.origin import sets_seen_by
from glpose.train.initial import load_initial

_LAST, _RECORD = "last.pt", "recipe.json"


def main() -> None:
    """Write the run folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs=2)
    parser.add_argument("network", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    one, other = (load_initial(run / _LAST) for run in given.runs)
    records = [_record(run / _RECORD) for run in given.runs]
    # Runs that start from different networks have the same recipe but for that, and what these saw.
    seen = list(sets_seen_by(str(given.network)) or ())
    for record in records:
        seen += record["recipe"].pop("pretrained_on", ())
        record["recipe"]["init_from"] = str(given.network)
    if records[0]["recipe"] != records[1]["recipe"]:
        parser.error(f"{given.runs[0]} and {given.runs[1]} have different recipes")
    records[0]["recipe"]["pretrained_on"] = list(dict.fromkeys(seen))
    check_new(given.output)
    network = load_initial(given.network)
    weights = mixed(one, other, 0.5)
    # GLPose has the head of the single frame beside its own.
    network |= {
        f"single_{name}": value for name, value in network.items() if name.startswith("head.")
    }
    shared = network.keys() & weights.keys()
    if not shared:
        parser.error(
            f"{given.network} has no weights of the runs; expected a network of their kind"
        )
    weights |= {name: network[name] for name in shared}
    parts = " and ".join(f"0.5 of {told(run / _LAST)}" for run in given.runs)
    average = f"{parts}; {len(shared)} of {len(weights)} weights are those of {told(given.network)}"
    save_average(given.output, weights, records[0]["recipe"], average)
    (given.output / _RECORD).write_text(json.dumps(records[0], indent=1), "utf-8")
    print(f"wrote {given.output}: {len(shared)} of {len(weights)} weights are the network's")


def _record(path: Path) -> dict[str, Any]:
    """The record of a run, with its recipe."""
    try:
        record = json.loads(path.read_text("utf-8"))
        return {**record, "recipe": dict(record["recipe"])}
    except (KeyError, TypeError, ValueError) as problem:
        raise BadInput(
            f"{path}: not the record of a training run; expected recipe.json of one"
        ) from problem


if __name__ == "__main__":
    run_script(main)
