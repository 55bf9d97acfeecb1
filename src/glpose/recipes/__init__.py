"""Named, complete training runs: `RECIPES` lists them, `load_recipe` builds one.

A name stands for a function and its arguments, so that an ablation is the main recipe with one
change.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module

from glpose.errors import BadConfig
from glpose.files import did_you_mean
from glpose.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Entry:
    """How a recipe is built: `make` is MODULE.FUNCTION in `glpose.recipes`.

    `line` says what it trains, `row` which row of the paper's tables it reproduces, if any.
    """

    make: str
    line: str
    row: str = ""
    arguments: dict[str, object] = field(default_factory=dict)


def _paper() -> dict[str, Entry]:
    make, base = "paper.posetrack17", "glpose_w48_posetrack17"
    what = "GLPose on PoseTrack 2017"
    return {
        base: Entry(make, f"{what}, k = 4, n = 6", "tables 1 and 4: complete, k=4, n=6, 3x3 head"),
        "glpose_w48_posetrack18": Entry("paper.posetrack18", "GLPose on PoseTrack 2018", "table 2"),
        **{
            f"glpose_w48_subjhmdb{split}": Entry(
                "paper.subjhmdb",
                f"GLPose on Sub-JHMDB, split {split}",
                f"table 3: split {split}",
                {"split": split},
            )
            for split in (1, 2, 3)
        },
        **{
            f"{base}_k{k}": Entry(
                make, f"{what}, {2 * k} local frames", f"table 4: k={k}", {"k": k}
            )
            for k in range(4)
        },
        **{
            f"{base}_n{n}": Entry(make, f"{what}, {n} global frames", f"table 4: n={n}", {"n": n})
            for n in range(6)
        },
        f"{base}_no_enhancement": Entry(
            make,
            f"{what}, fused features as they are",
            "table 4: without feature enhancement",
            {"enhanced": False},
        ),
        f"{base}_mlp": Entry(
            make, f"{what}, a perceptron as head", "table 4: MLP head", {"head": "mlp"}
        ),
        f"{base}_mlp_aggregated": Entry(
            make,
            f"{what}, a perceptron as head that reads S, not F",
            "table 4: MLP head, as its text has it",
            {"head": "mlp", "head_input": "aggregated"},
        ),
        f"{base}_conv5x5": Entry(
            make, f"{what}, a 5x5 convolution as head", "table 4: 5x5 head", {"head": "conv5x5"}
        ),
    }


def _jhmdb() -> dict[str, Entry]:
    lines = {
        "complete": ("k = 4, n = 6, enhancement, 3x3 head", {}),
        "k0": ("without local frames", {"k": 0}),
        "n0": ("without global frames", {"n": 0}),
        "one": ("without any other frames", {"k": 0, "n": 0}),
        "no_enhancement": ("without the enhancement module", {"enhanced": False}),
        "mlp": ("a perceptron for each pixel as head", {"head": "mlp"}),
        "conv5x5": ("a 5x5 convolution as head", {"head": "conv5x5"}),
        "paper_start": ("weights drawn as in the paper", {"start": "paper"}),
        "undamaged": ("trained on whole pictures only", {"damage_share": 0.0}),
        "dot": ("similarity by products, as in the paper", {"similarity": "dot"}),
        "queries": ("joint queries, without global frames", {"queries": True}),
        "stride3": ("every third frame as local frames", {"stride": 3}),
    }
    return {
        f"jhmdb_{name}": Entry("jhmdb.short", f"fusion on JHMDB, our split: {line}", "", arguments)
        for name, (line, arguments) in lines.items()
    }


def _baselines() -> dict[str, Entry]:
    layers = (50, 101, 152)
    return {
        **{
            f"hrnet_w{width}_coco": Entry(
                "baselines.hrnet_coco",
                f"HRNet-W{width}, single frame, on COCO",
                "",
                {"width": width},
            )
            for width in (32, 48)
        },
        **{
            f"hrnet_w48_posetrack{year % 100}": Entry(
                "baselines.hrnet_posetrack",
                f"HRNet-W48, single frame, on PoseTrack {year}, from hrnet_w48_coco",
                "table 1: HRNet" if year == 2017 else "",
                {"year": year},
            )
            for year in (2017, 2018)
        },
        **{
            f"simple_baseline_r{n}_coco": Entry(
                "baselines.simple_baseline_coco",
                f"Simple Baselines with ResNet-{n} on COCO",
                "",
                {"layers": n},
            )
            for n in layers
        },
        **{
            f"clnet_r50_coco{suffix}": Entry(
                "baselines.clnet_coco",
                f"CLNet's idea with ResNet-50 on COCO{what}",
                "",
                {"lateral": lateral},
            )
            for suffix, what, lateral in (("", "", False), ("_lateral", ", with C4 added", True))
        },
        **{
            f"clnet_hourglass{n}_coco": Entry(
                "baselines.clnet_hourglass_coco",
                f"CLNet's idea with {n} stacked hourglasses on COCO",
                "",
                {"num_stacks": n},
            )
            for n in (2, 4, 8)
        },
        **{
            f"simple_baseline_r{n}_posetrack17": Entry(
                "baselines.simple_baseline_posetrack17",
                f"Simple Baselines with ResNet-{n} on PoseTrack 2017, from the same on COCO",
                "" if n == 101 else f"table 1: SimpleBaseline, ResNet-{n}",
                {"layers": n},
            )
            for n in layers
        },
    }


RECIPES: dict[str, Entry] = {
    "person_small": Entry("detect.person_small", "the person detector that is shipped"),
    "person_longer": Entry("detect.person_longer", "the same carried on, for minutes of a GPU"),
    "person_sunlit": Entry(
        "detect.person_sunlit", "the same with lights that shine into the camera"
    ),
    "warmup_small": Entry(
        "pretrain.warmup_small", "EfficientNet-Lite0, single frame, on small crops"
    ),
    "pretrain_small": Entry("pretrain.pretrain_small", "the same at full size, from warmup_small"),
    "finetune_small": Entry("pretrain.finetune_small", "the same unfrozen, from pretrain_small"),
    "enlarge_small": Entry("pretrain.enlarge_small", "larger crops, from finetune_small"),
    "longer_small": Entry("pretrain.longer_small", "the same once more, from enlarge_small"),
    "longest_small": Entry("pretrain.longest_small", "the same once more, for minutes of a GPU"),
    "broader_small": Entry(
        "pretrain.broader_small", "once more, with less of JHMDB than of others"
    ),
    "leaning_small": Entry("pretrain.leaning_small", "once more, with more of people who lean"),
    "sharper_small": Entry(
        "pretrain.sharper_small", "larger crops for pictures, from leaning_small"
    ),
    "crowded_small": Entry("pretrain.crowded_small", "once more, with neighbours beside people"),
    "sunlit_small": Entry(
        "pretrain.sunlit_small", "once more, with lights that shine into the camera"
    ),
    "composite_small": Entry(
        "pretrain.composite_small", "Lite0 with coarse heatmaps and offsets (CLNet's idea)"
    ),
    "glpose_small": Entry("fuse.glpose_small", "GLPose at small size, from crowded_small"),
    "queries_small": Entry("fuse.queries_small", "joint queries on the same features"),
    "flowing_small": Entry("fuse.flowing_small", "heatmaps of neighbours merged along the flow"),
    "flowing_small_unaligned": Entry(
        "fuse.flowing_small", "the same without flow, to compare", "", {"align": "none"}
    ),
    "lift_small": Entry("lift.lift_small", "poses in space from tracks of joints (DG-Net's idea)"),
    **{
        f"dgnet_h36m_{frames}": Entry(
            "lift.dgnet_h36m",
            f"DG-Net's idea on Human3.6M, {frames} frames, joints by CPN",
            "",
            {"frames": frames},
        )
        for frames in (27, 81, 243)
    },
    "dgnet_humaneva": Entry("lift.dgnet_humaneva", "DG-Net's idea on HumanEva-I, three actions"),
    "dgnet_3dhp": Entry("lift.dgnet_3dhp", "DG-Net's idea on MPI-INF-3DHP"),
    "dkd_small": Entry(
        "dkd.dkd_small", "dynamic kernels on leaning_small's network, half the size"
    ),
    **{
        f"dkd_r50_subjhmdb{split}": Entry(
            "dkd.dkd_r50_subjhmdb",
            f"DKD, ResNet-50 and ResNet-18, on Sub-JHMDB, split {split}",
            "",
            {"split": split},
        )
        for split in (1, 2, 3)
    },
    "css_small": Entry("css.css_small", "features from videos without labels, see glpose pretrain"),
    "css_r50": Entry("css.css_r50", "the same with ResNet-50, at the published sizes"),
    **_paper(),
    **_baselines(),
    **_jhmdb(),
}


def load_recipe(name: str) -> Recipe:
    """The recipe of this name. Raises BadConfig, suggesting the nearest name."""
    if name not in RECIPES:
        hint = did_you_mean(name, RECIPES, "list them with: glpose recipes")
        raise BadConfig(f"unknown recipe '{name}'; {hint}")
    entry = RECIPES[name]
    module, _, function = entry.make.partition(".")
    make = getattr(import_module(f"glpose.recipes.{module}"), function)
    return replace(make(**entry.arguments), name=name)
