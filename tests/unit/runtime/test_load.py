"""Sessions, loading with all its refusals, and the estimator, on tiny graphs made here."""

import hashlib
import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_onnx
from glpose.errors import BadWeights
from glpose.files import file_digest
from glpose.runtime import load
from glpose.runtime.card import KeySlot, Shared, Starter, StateSlot
from glpose.runtime.engine import EngineSpec, Graph
from glpose.runtime.engines.open import open_graph
from glpose.runtime.estimator import OnnxEstimator
from glpose.runtime.load import load_detector, load_estimator, open_detector, open_estimator
from glpose.types import CropSpec
from tiny_onnx import (
    CROP_HW,
    MAP_HW,
    SLOTS,
    encoder_card,
    pose_card,
    slots,
    starter_card,
    summary_card,
    write_detector,
    write_encoder,
    write_fusion,
    write_starter,
    write_states,
    write_summary,
)

ONE = EngineSpec(threads=1)


def graph_of(path: Path) -> Graph:
    return open_graph(path, path.read_bytes(), ONE)


@pytest.fixture
def folder(tiny_weights: Path, tmp_path: Path) -> Path:
    """A copy of the tiny weights that a test may spoil."""
    return Path(shutil.copytree(tiny_weights, tmp_path / "weights"))


def test_a_session_tells_what_is_in_the_file_and_runs_it(tiny_weights: Path) -> None:
    session = graph_of(tiny_weights / "tiny.encoder.onnx")
    assert session.inputs["crops"].shape == ("n", *CROP_HW, 3)
    assert session.inputs["crops"].dtype == "tensor(uint8)"
    assert "glpose.card" in session.metadata
    crops = np.full((2, *CROP_HW, 3), 51, np.uint8)
    (features,) = session.run({"crops": crops}, ["features"])
    np.testing.assert_allclose(features, np.full((2, 1, *MAP_HW), 0.2), rtol=1e-6)


def test_a_session_that_fails_names_the_shapes(tiny_weights: Path) -> None:
    session = graph_of(tiny_weights / "tiny.encoder.onnx")
    with pytest.raises(BadWeights, match=r"crops \(1, 8, 8, 3\)"):
        session.run({"crops": np.zeros((1, 8, 8, 3), np.uint8)}, ["features"])


@pytest.mark.parametrize("name", ["", "tiny.encoder.onnx", "tiny.fusion.onnx"])
def test_an_estimator_is_found_by_folder_or_by_either_file(tiny_weights: Path, name: str) -> None:
    estimate = load_estimator(tiny_weights / name, ONE)
    assert estimate.card.kind == "fusion"
    assert estimate.card.slots == SLOTS


def test_outputs_of_many_chunks_are_in_memory_once() -> None:
    def graph(inputs: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        shapes = {"embedding": (2,), "features": (1, 64, 64), "heatmaps": (15, *MAP_HW)}
        return [np.ones((len(inputs["crops"]), *shapes[name]), np.float32) for name in outputs]

    estimate = OnnxEstimator(graph, graph, tiny_onnx.pose_card(answers=True))
    crops = np.zeros((256, *CROP_HW, 3), np.uint8)
    tracemalloc.start()
    try:
        encoded = estimate.encode(crops)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert encoded.maps is not None
    arrays = (encoded.features, encoded.embedding, *encoded.maps.values())
    assert [len(array) for array in arrays] == [256] * 3
    assert most < 1.2 * sum(array.nbytes for array in arrays)


def test_chunks_change_nothing(tiny_weights: Path) -> None:
    whole = load_estimator(tiny_weights, ONE)
    parts = OnnxEstimator(whole._encode, whole._solve, whole.card, chunk=2)
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (5, *CROP_HW, 3), np.uint8)
    filled = rng.random((5, 2, 1, *MAP_HW), np.float32)
    weight = rng.random((5, 2, 1), np.float32)
    features, embedding, *_ = whole.encode(crops)
    for a, b in zip(parts.encode(crops)[:2], (features, embedding), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    inputs = {"crop": features, "around": filled, "alike": filled, "alikeness": weight}
    expected = whole.solve(inputs)["heatmaps"]
    np.testing.assert_allclose(parts.solve(inputs)["heatmaps"], expected, rtol=1e-6)
    assert expected.shape == (5, 15, *MAP_HW)


def test_a_single_frame_model_has_no_slots(tmp_path: Path) -> None:
    tiny_onnx.write_pose(tmp_path, slots=slots())
    estimate = load_estimator(tmp_path, ONE)
    key = np.ones((3, 1, *MAP_HW), np.float32)
    heatmaps = estimate.solve({"crop": key})["heatmaps"]
    np.testing.assert_allclose(heatmaps[:, 0], 0.5, rtol=1e-6)


def test_a_detector_finds_the_person_in_the_middle(tiny_weights: Path) -> None:
    detect = load_detector(tiny_weights / "finder.onnx", ONE)
    found = detect(np.full((200, 300, 3), 200, np.uint8))
    np.testing.assert_allclose(found.xyxy, [[90, 20, 210, 180]], atol=2)
    assert len(detect(np.zeros((200, 300, 3), np.uint8))) == 0


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def no_card(folder: Path) -> None:
    path = folder / "tiny.fusion.onnx"
    model = tiny_onnx.onnx.load(path)
    del model.metadata_props[:]
    tiny_onnx.onnx.save(model, path)


def rewrite_card(path: Path, **changes: object) -> None:
    model = tiny_onnx.onnx.load(path)
    (entry,) = model.metadata_props
    entry.value = json.dumps(json.loads(entry.value) | changes)
    tiny_onnx.onnx.save(model, path)


def write_sums(folder: Path) -> None:
    digest = hashlib.sha256(b"another").hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  tiny.fusion.onnx\n")


FUSION_FILE, ENCODER_FILE = "tiny.fusion.onnx", "tiny.encoder.onnx"
BAD_PAIRS: dict[str, tuple[Callable[[Path], object], str]] = {
    "half is missing": (lambda f: (f / FUSION_FILE).unlink(), "fusion.onnx: no such file"),
    "truncated": (lambda f: spoil(f / FUSION_FILE), "not a graph that can be opened"),
    "text": (lambda f: (f / FUSION_FILE).write_text("hello"), "not a graph that can be opened"),
    "empty": (lambda f: (f / FUSION_FILE).write_bytes(b""), "not a graph that can be opened"),
    "no card": (no_card, "has no card"),
    "digest": (write_sums, "SHA-256"),
    "kind": (lambda f: write_detector(f / FUSION_FILE), "kind 'detector', expected 'fusion'"),
    "version": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(card_version=9)),
        "version 9, expected 2 or 1",
    ),
    "partner": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(partner="xyz")),
        "not exported together",
    ),
    "joints": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(), num_joints=14),
        r"'heatmaps' is .*\?x14x16x12, but its card says .*\?x15x16x12",
    ),
    "skeleton": (
        # A card that cannot be made here: written by a later glpose.
        lambda f: rewrite_card(f / FUSION_FILE, skeleton="octopus"),
        "unknown skeleton 'octopus'",
    ),
    "slots": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(), pose_card(slots=slots((1,), 2))),
        r"'around' is .*\?x1x1x16x12",
    ),
    "an input too many": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(slots=slots()), pose_card()),
        "does not account for",
    ),
    "an input too few": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(), pose_card(slots=slots())),
        "has no input 'around'",
    ),
    "crop size": (
        lambda f: write_encoder(f / ENCODER_FILE, encoder_card(), (32, 32)),
        r"'crops' is .*\?x32x32x3",
    ),
    "crops differ": (
        lambda f: write_encoder(f / ENCODER_FILE, encoder_card(crop=CropSpec((64, 48), 1.5))),
        "are not those of its partner",
    ),
}


@pytest.mark.parametrize("case", BAD_PAIRS)
def test_bad_weights_say_what_is_wrong(case: str, folder: Path) -> None:
    change, message = BAD_PAIRS[case]
    change(folder)
    with pytest.raises(BadWeights, match=message) as caught:
        load_estimator(folder / ENCODER_FILE, ONE)
    assert "\n" not in str(caught.value)


STATE = StateSlot("before", "after", (2, 3, 4))
STARTED = {"slots": (KeySlot("crop"), STATE), "order": "in_time", "starter": Starter()}
STARTER_FILE = "tiny.starter.onnx"


@pytest.mark.parametrize("name", ["", ENCODER_FILE, FUSION_FILE, STARTER_FILE])
def test_a_starter_belongs_to_its_pair_and_any_file_stands_for_all(
    tmp_path: Path, name: str
) -> None:
    tiny_onnx.write_pose(tmp_path, **STARTED)
    opened = open_estimator(tmp_path / name, ONE)
    assert set(opened.record["sha256"]) == {ENCODER_FILE, FUSION_FILE, STARTER_FILE}
    assert load.weights_in(tmp_path)[0].files[2] == tmp_path / STARTER_FILE
    found = opened.network.start(np.full((3, *CROP_HW, 3), 51, np.uint8))
    assert set(found) == {"heatmaps", "after"}
    np.testing.assert_allclose(found["after"], np.full((3, 2, 3, 4), 0.2), rtol=1e-6)
    np.testing.assert_allclose(found["heatmaps"][:, 0], 0.1, rtol=1e-6)
    inputs = {"crop": np.ones((3, 1, *MAP_HW), np.float32), "before": found["after"]}
    np.testing.assert_allclose(opened.network.solve(inputs)["after"], found["after"] + 1)


def refused(
    folder: Path, settings: dict[str, Any], change: Callable[[Path], object], message: str
) -> None:
    """A model with these settings of its card is refused after the change, in one line."""
    tiny_onnx.write_pose(folder, **settings)
    change(folder)
    with pytest.raises(BadWeights, match=message) as caught:
        open_estimator(folder / FUSION_FILE, ONE)
    assert "\n" not in str(caught.value)


def wrong_state(folder: Path) -> None:
    like = pose_card(
        slots=(KeySlot("crop"), StateSlot("before", "after", (2, 3, 5))), order="in_time"
    )
    write_starter(folder / STARTER_FILE, starter_card(), like)


BAD_STARTERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (
        lambda f: (f / STARTER_FILE).unlink(),
        "tiny.starter.onnx: no such file in .*people are started by it",
    ),
    "not asked for": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(slots=STARTED["slots"], order="in_time")),
        "tiny.starter.onnx: tiny.fusion.onnx starts nobody by it",
    ),
    "partner": (
        lambda f: write_starter(f / STARTER_FILE, starter_card(partner="x"), pose_card(**STARTED)),
        "tiny.starter.onnx and tiny.fusion.onnx were not exported together",
    ),
    "crops": (
        lambda f: write_starter(
            f / STARTER_FILE, starter_card(crop=CropSpec((64, 48), 1.5)), pose_card(**STARTED)
        ),
        "tiny.starter.onnx: its crops .* are not those of its partner",
    ),
    "kind": (
        lambda f: write_encoder(f / STARTER_FILE, encoder_card()),
        "kind 'encoder', expected 'starter'",
    ),
    "no maps": (
        lambda f: write_encoder(f / STARTER_FILE, starter_card()),
        "has no output 'heatmaps'",
    ),
    "state": (wrong_state, r"'after' is .*\?x2x3x5, but its card says .*\?x2x3x4"),
    "digest": (
        lambda f: (f / "SHA256SUMS").write_text(f"{'0' * 64}  {STARTER_FILE}\n"),
        "tiny.starter.onnx: its SHA-256",
    ),
}


@pytest.mark.parametrize("case", BAD_STARTERS)
def test_a_bad_starter_says_what_is_wrong(case: str, tmp_path: Path) -> None:
    refused(tmp_path, STARTED, *BAD_STARTERS[case])


SUMMARY_FILE = "tiny.summary.onnx"
SUMMARISED = {"slots": slots((-1, 1)), "answers": True, "summarises": True}


@pytest.mark.parametrize("name", ["", ENCODER_FILE, FUSION_FILE, SUMMARY_FILE])
def test_crops_are_summarised_once_for_all_keys(tmp_path: Path, name: str) -> None:
    tiny_onnx.write_pose(tmp_path, **SUMMARISED)
    opened = open_estimator(tmp_path / name, ONE)
    assert set(opened.record["sha256"]) == {ENCODER_FILE, FUSION_FILE, SUMMARY_FILE}
    estimate = opened.network
    encoded = estimate.encode(levels(51, 102))
    # 0.65 is the mean share of the maps.
    assert encoded.summary is not None
    np.testing.assert_allclose(encoded.summary.ravel(), [0.2 * 1.65, 0.4 * 1.65], rtol=1e-5)
    assert encoded.for_neighbours is encoded.summary
    around = np.stack([encoded.for_neighbours[:1], encoded.for_neighbours[1:]], 1)
    maps = estimate.solve({"crop": encoded.features[:1], "around": around})["heatmaps"]
    expected = 0.2 + 0.05 * (0.2 + 0.4) * 1.65 / 2
    np.testing.assert_allclose(maps[:, 0], np.full((1, *MAP_HW), 0.5 * expected), rtol=1e-5)
    parts = OnnxEstimator(
        estimate._encode, estimate._solve, estimate.card, 1, summarise=estimate._summarise
    )
    np.testing.assert_allclose(parts.encode(levels(51, 102)).summary, encoded.summary, rtol=1e-6)
    nobody = estimate.encode(np.zeros((0, *CROP_HW, 3), np.uint8))
    assert nobody.features.shape == (0, 1, *MAP_HW)
    assert nobody.for_neighbours.shape == (0, 1, 1, 1)


BAD_SUMMARIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (
        lambda f: (f / SUMMARY_FILE).unlink(),
        "tiny.summary.onnx: no such file in .*crops are summarised by it",
    ),
    "not asked for": (
        lambda f: write_fusion(f / FUSION_FILE, pose_card(slots=slots((-1, 1)))),
        "tiny.summary.onnx: tiny.fusion.onnx summarises nothing by it",
    ),
    "partner": (
        lambda f: write_summary(f / SUMMARY_FILE, summary_card(partner="x")),
        "tiny.summary.onnx and tiny.fusion.onnx were not exported together",
    ),
    "kind": (
        lambda f: write_summary(f / SUMMARY_FILE, encoder_card()),
        "kind 'encoder', expected 'summary'",
    ),
    "other maps": (
        lambda f: write_summary(f / SUMMARY_FILE, summary_card(), of="fields"),
        "has no input 'heatmaps'",
    ),
    "no summary": (
        lambda f: write_summary(f / SUMMARY_FILE, summary_card(), out="result"),
        "has no output 'summary'",
    ),
    "channels": (
        lambda f: write_summary(f / SUMMARY_FILE, summary_card(), channels=3),
        "tiny.summary.onnx: gives 3 channels, but tiny.fusion.onnx expects 1",
    ),
    "features": (
        lambda f: write_summary(f / SUMMARY_FILE, summary_card(), seen=2),
        "tiny.encoder.onnx: gives 1 channels, but tiny.summary.onnx expects 2",
    ),
    "no answers": (
        lambda f: write_encoder(f / ENCODER_FILE, encoder_card()),
        "has no output 'heatmaps'",
    ),
}


@pytest.mark.parametrize("case", BAD_SUMMARIES)
def test_a_bad_summary_says_what_is_wrong(case: str, tmp_path: Path) -> None:
    refused(tmp_path, SUMMARISED, *BAD_SUMMARIES[case])


SHARED_FILE = "other.encoder.onnx"


def write_shared(folder: Path, **changes: object) -> Shared:
    """Another model's encoder; its output "half" is half of its features."""
    maps = {"half": 1, "heatmaps": 15}
    path = write_encoder(folder / SHARED_FILE, encoder_card(partner="x", **changes), answers=maps)
    return Shared(path.name, file_digest(path), "half")


def share_encoder(folder: Path, **changes: object) -> Path:
    """A solver without an encoder of its own, but for that of another model."""
    shared = write_shared(folder, **changes)
    own = pose_card(slots=(KeySlot("crop"),), answers=True, encoder=shared)
    return write_fusion(folder / FUSION_FILE, own)


def share_initializer(folder: Path, **changes: object) -> Path:
    """A model whose starter makes states of another model's maps."""
    tiny_onnx.write_pose(folder, **STARTED)
    own = starter_card(initializer=write_shared(folder, **changes))
    return write_states(folder / STARTER_FILE, own, pose_card(**STARTED))


def levels(*of: int) -> np.ndarray:
    return np.stack([np.full((*CROP_HW, 3), level, np.uint8) for level in of])


def test_a_solver_sees_the_output_of_another_models_encoder(tmp_path: Path) -> None:
    share_encoder(tmp_path)
    opened = open_estimator(tmp_path / FUSION_FILE, ONE)
    assert set(opened.record["sha256"]) == {FUSION_FILE, SHARED_FILE}
    encoded = opened.network.encode(levels(51, 102))
    np.testing.assert_allclose(encoded.features[:, 0, 3, 4], [0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(encoded.maps["heatmaps"][:, -1, 3, 4], [0.16, 0.32], rtol=1e-6)


def test_a_starter_makes_states_of_another_models_maps(tmp_path: Path) -> None:
    share_initializer(tmp_path)
    opened = open_estimator(tmp_path / ENCODER_FILE, ONE)
    files = {ENCODER_FILE, FUSION_FILE, STARTER_FILE, SHARED_FILE}
    assert set(opened.record["sha256"]) == files
    found = opened.network.start(levels(51, 102))
    assert set(found) == {"heatmaps", "after"}
    np.testing.assert_allclose(found["heatmaps"][:, -1, 3, 4], [0.16, 0.32], rtol=1e-6)
    # 0.65 is the mean share of the maps.
    np.testing.assert_allclose(found["after"][:, 1, 2, 3], [0.2 * 1.65, 0.4 * 1.65], rtol=1e-5)


def test_a_shared_file_may_be_that_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, package = tmp_path / "own", tmp_path / "package"
    for folder in (own, package):
        folder.mkdir()
    share_encoder(own)
    (own / SHARED_FILE).rename(package / SHARED_FILE)
    monkeypatch.setattr(load, "_package_folder", lambda: package)
    assert load_estimator(own, ONE).card.name == "tiny"
    # Another file of that name beside the model is passed over.
    write_encoder(own / SHARED_FILE, encoder_card())
    assert load_estimator(own / FUSION_FILE, ONE).card.name == "tiny"


def no_shared(folder: Path) -> None:
    (folder / SHARED_FILE).unlink()


def another_shared(folder: Path) -> None:
    write_encoder(folder / SHARED_FILE, encoder_card())


BAD_SHARED: dict[str, tuple[Callable[[Path], object], str]] = {
    "encoder missing": (
        lambda f: (share_encoder(f), no_shared(f)),
        "tiny.fusion.onnx: runs on the network in other.encoder.onnx .* but it was not found; put",
    ),
    "encoder is another": (
        lambda f: (share_encoder(f), another_shared(f)),
        "but only another file of that name was found; put the one that tiny.fusion.onnx was exp",
    ),
    "an encoder too many": (
        lambda f: (share_encoder(f), write_encoder(f / ENCODER_FILE, encoder_card())),
        "tiny.encoder.onnx: tiny.fusion.onnx runs on other.encoder.onnx instead",
    ),
    "crops of the encoder": (
        lambda f: share_encoder(f, crop=CropSpec(CROP_HW, 1.5)),
        "other.encoder.onnx: its crops .* are not those of its partner",
    ),
    "initializer missing": (
        lambda f: (share_initializer(f), no_shared(f)),
        "tiny.starter.onnx: runs on the network in other.encoder.onnx .* was not found",
    ),
    "crops of the initializer": (
        lambda f: share_initializer(f, crop=CropSpec(CROP_HW, 1.5)),
        "other.encoder.onnx: its crops .* are not those of its partner",
    ),
    "a starter of crops": (
        lambda f: (
            share_initializer(f),
            write_starter(
                f / STARTER_FILE,
                starter_card(initializer=Shared(SHARED_FILE, "0" * 64)),
                pose_card(**STARTED),
            ),
        ),
        "tiny.starter.onnx: has no input 'features'",
    ),
}


@pytest.mark.parametrize("case", BAD_SHARED)
def test_bad_shared_graphs_say_what_is_wrong(case: str, tmp_path: Path) -> None:
    spoil_it, message = BAD_SHARED[case]
    spoil_it(tmp_path)
    with pytest.raises(BadWeights, match=message) as caught:
        load_estimator(tmp_path / FUSION_FILE, ONE)
    assert "\n" not in str(caught.value)


def test_a_right_digest_is_accepted(folder: Path) -> None:
    digest = hashlib.sha256((folder / "finder.onnx").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  finder.onnx\n")
    assert load_detector(folder, ONE).card.kind == "detector"
    assert open_detector(folder, ONE).record["sha256"] == {"finder.onnx": digest}


def test_the_other_use_is_refused(tiny_weights: Path) -> None:
    with pytest.raises(BadWeights, match="kind 'detector', expected pose weights"):
        load_estimator(tiny_weights / "finder.onnx")
    with pytest.raises(BadWeights, match="kind 'encoder', expected detector weights"):
        load_detector(tiny_weights / "tiny.encoder.onnx")


def test_names_that_are_not_known(monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    monkeypatch.setattr(load, "_package_folder", lambda: tiny_weights)
    with pytest.raises(BadWeights, match="unknown pose weights 'huge'; known: tiny"):
        load_estimator("huge")
    with pytest.raises(BadWeights, match="no such file or folder"):
        load_estimator("somewhere/huge.encoder.onnx")
    assert load_estimator("tiny", ONE).card.name == "tiny"


def test_a_folder_with_two_models_is_ambiguous(folder: Path) -> None:
    tiny_onnx.write_pose(folder, "other")
    with pytest.raises(BadWeights, match="found other, tiny"):
        load_estimator(folder)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_weights_with_changed_bytes_open_or_are_refused_in_one_line(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        own = Path(folder)
        tiny_onnx.write_pose(own)
        path = own / data.draw(st.sampled_from(["tiny.encoder.onnx", "tiny.fusion.onnx"]))
        raw = bytearray(path.read_bytes())
        card = raw.index(b"glpose.card")
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(card, len(raw) - 1) | st.integers(0, len(raw) - 1))
            raw[place] = data.draw(st.integers(0, 255))
        path.write_bytes(raw)
        said = ""
        try:
            open_estimator(own / "tiny.encoder.onnx")
        except BadWeights as problem:
            said = str(problem)
        assert "\n" not in said


def test_weights_that_give_nan_say_so_and_find_not_nobody(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = tiny_onnx.write_pose(tmp_path)
    model = onnx.load(path)
    (scale,) = (c for c in model.graph.initializer if c.name == "scale")
    scale.CopyFrom(numpy_helper.from_array(np.array(np.nan, np.float32), "scale"))
    onnx.save(model, path)
    network = open_estimator(path).network
    with pytest.raises(BadWeights, match="output 'features' is not finite"):
        network.encode(np.zeros((1, *tiny_onnx.CROP_HW, 3), np.uint8))
