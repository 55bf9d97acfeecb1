"""Makes the stored official numbers of the 200 random cases; run it where poseval is installed.

    PYTHONPATH=FOLDER_OF_POSEVAL python tests/parity/make_posetrack_expected.py COMMIT [NOTE]

`COMMIT` is that of poseval, which has no versions; `NOTE` says what else is to be known. Writes `posetrack_expected.npz`, and beside it
the `.toml` that says what it was made with. poseval needs motmetrics, shapely, tqdm and click.
"""

import contextlib
import importlib
import importlib.metadata
import io
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from posetrack_cases import NUM_CASES, Case, make_case, write_case

HERE = Path(__file__).parent
EXPECTED = HERE / "posetrack_expected.npz"
NO_MATCHES = ("RAW", "TRANSFER", "ASCEND", "MIGRATE")


def official_scores(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What poseval says of a case's files: (ap, pre, rec), (mota, motp, pre, rec), correct motp.

    16 numbers each. The last is poseval's MOTP with the events that old motmetrics did not have
    left out of the table, as it was with the motmetrics it was written for.
    """
    helpers: Any = importlib.import_module("poseval.eval_helpers")
    ap_module: Any = importlib.import_module("poseval.evaluateAP")
    mot_module: Any = importlib.import_module("poseval.evaluateTracking")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        truth, guess = write_case(case, Path(folder))
        arguments = ["", f"{truth}/", f"{guess}/"]
        ap = ap_module.evaluateAP(*helpers.load_data_dir(arguments), folder, False, False)
        mot = mot_module.evaluateTracking(*helpers.load_data_dir(arguments), folder, False, False)
        with _only_matches():
            right = mot_module.evaluateTracking(
                *helpers.load_data_dir(arguments), folder, False, False
            )
    for name in ("mota", "pre", "rec"):
        np.testing.assert_array_equal(mot[name], right[name])
    order = ("mota", "motp", "pre", "rec")
    return np.stack(ap)[..., 0], np.stack([mot[name][0] for name in order]), right["motp"][0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _only_matches() -> Iterator[None]:
    accumulator: Any = importlib.import_module("motmetrics").MOTAccumulator
    events = accumulator.events
    matches = property(lambda self: (df := events.fget(self))[~df.Type.isin(NO_MATCHES)])
    accumulator.events = matches
    try:
        yield
    finally:
        accumulator.events = events


def main() -> None:
    """Score all cases and store the numbers."""
    cases = [make_case(seed) for seed in range(NUM_CASES)]
    scores = [official_scores(case) for case in cases]
    ap, mot, right_motp = (np.stack(column) for column in zip(*scores, strict=True))
    digest = np.array([case.digest() for case in cases], np.uint32)
    np.savez_compressed(EXPECTED, ap=ap, mot=mot, right_motp=right_motp, digest=digest)
    versions = {name: importlib.metadata.version(name) for name in ("motmetrics", "numpy", "scipy")}
    versions["shapely"] = importlib.metadata.version("shapely")
    EXPECTED.with_suffix(".toml").write_text(
        "# What made posetrack_expected.npz: official numbers of the cases of posetrack_cases.py.\n"
        '# ap: "ap", "pre", "rec"; mot: "mota", "motp", "pre", "rec"; of 15 joints and the total.\n'
        "# right_motp: motp without the events that motmetrics 1.0.2 did not yet record.\n"
        'repository = "leonid-pishchulin/poseval"\n'
        f'commit = "{sys.argv[1]}"\n'
        f'command = "python tests/parity/make_posetrack_expected.py {sys.argv[1]}"\n'
        f'note = "{" ".join(sys.argv[2:])}"\n'
        f"cases = {NUM_CASES}\n\n[versions]\n"
        + "".join(f'{name} = "{version}"\n' for name, version in sorted(versions.items())),
        "utf-8",
    )


if __name__ == "__main__":
    main()
