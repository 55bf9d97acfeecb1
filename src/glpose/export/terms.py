"""What each data set is and may be used for, as best known: every card repeats it."""

TERMS = {
    "lspet": "Leeds Sports Pose Extended (images from Flickr): research only",
    "coco": "COCO 2017 keypoints, all of it or a part: labels CC BY 4.0, images under Flickr terms",
    "imagenet": "ImageNet-1k, by a published network that training starts from: research only",
    "jhmdb": "JHMDB, 375 training clips of 14 actions (clips from HMDB51): research only",
    "posetrack17": "PoseTrack 2017: research only",
    "posetrack18": "PoseTrack 2018: research only",
    **{
        f"subjhmdb{split}": f"Sub-JHMDB, training part of split {split} (clips from HMDB51): "
        "research only"
        for split in (1, 2, 3)
    },
    "person_boxes": "VOC 2012 subset and Penn-Fudan pedestrians: research only",
    "synth": "synthetic figures rendered by glpose: no restriction",
}

LICENCE = "Apache-2.0 as far as the authors of glpose can grant it; see the terms of the data"

RESEARCH_NOTE = (
    "Trained partly on data whose terms allow research only; whether weights inherit such terms is "
    "not settled law. For commercial use ask a lawyer, or train on data of your own."
)


def describe(sources: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The lines on data of a card, and the note on its terms."""
    lines = tuple(TERMS[source] for source in sources)
    restricted = any("research" in line for line in lines)
    return lines, RESEARCH_NOTE if restricted else "No restriction from training data."
