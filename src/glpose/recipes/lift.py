"""Complete training runs of networks that lift tracks of joints to poses in space."""

from typing import Literal

from glpose.systems.dg_net.spec import DgNetConfig, MotionConfig, Settings
from glpose.train.recipe import Optimizer, Recipe


def lift_small() -> Settings:
    """DG-Net at small size, on motion capture and procedural figures; all numbers are ours.

    Errors of joints are about half of those measured on JHMDB, whose people are small and often cut
    off.
    """
    return Recipe(
        name="lift_small",
        system="dg_net",
        model=DgNetConfig(strides=(3, 3, 3), width=32),
        data=MotionConfig(noise=0.022, gross_share=0.08),
        optimizer=Optimizer(lr=4e-3, weight_decay=1e-3, warmup_steps=100),
        batch_size=64,
        num_steps=1000,
        ema_decay=0.998,
        precision="fp32",
        validate_every=250,
    )


# As Pavllo et al., CVPR 2019, train on these sets: Adam at 0.001, less by a factor each epoch. The
# paper of DG-Net was not at hand; 128 channels and strides of 3 are our reading of it. They decay the
# momentum of batch norms, for which our averaged weights stand.


def dgnet_h36m(frames: Literal[27, 81, 243] = 27) -> Settings:
    """DG-Net's idea on Human3.6M, joints by its fine-tuned CPN; `--set data.points=gt` for true ones."""
    strides = {27: (3, 3, 3, 1), 81: (3, 3, 3, 3), 243: (3, 3, 3, 3, 3)}[frames]
    how = MotionConfig(sources=("h36m",), points="cpn_ft_h36m_dbb", held_samples=4000)
    return _published("h36m17", strides, how, num_epochs=80, batch_size=1024, gamma=0.95)


def dgnet_humaneva() -> Settings:
    """DG-Net's idea on HumanEva-I: one network for three actions, 27 frames, true joints."""
    how = MotionConfig(sources=("humaneva",), held_samples=4000)
    return _published("humaneva15", (3, 3, 3, 1), how, num_epochs=1000, batch_size=128, gamma=0.996)


def dgnet_3dhp() -> Settings:
    """DG-Net's idea on MPI-INF-3DHP: 27 frames, true joints."""
    how = MotionConfig(sources=("3dhp",), held_samples=4000)
    return _published("mpi17", (3, 3, 3, 1), how, num_epochs=80, batch_size=1024, gamma=0.95)


def _published(
    skeleton: str,
    strides: tuple[int, ...],
    how: MotionConfig,
    *,
    num_epochs: int,
    batch_size: int,
    gamma: float,
) -> Settings:
    model = DgNetConfig(
        skeleton=skeleton, root=("pelvis",), strides=strides, width=128, num_neighbours=3,
        static_beside_motion=True, dropout=0.25, frame="camera",
    )  # fmt: skip
    each_epoch = tuple(range(1, num_epochs))
    optimizer = Optimizer(
        kind="adam", lr=1e-3, weight_decay=0.0, warmup_steps=0, decay="steps",
        epoch_milestones=each_epoch, gamma=gamma,
    )  # fmt: skip
    return Recipe(
        name="dgnet",
        system="dg_net",
        model=model,
        data=how,
        optimizer=optimizer,
        batch_size=batch_size,
        num_epochs=num_epochs,
        precision="fp32",
    )
