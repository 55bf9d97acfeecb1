"""The smallest HRNet, for tests that need one of some width."""

from glpose.nets.spec import HRNetConfig


def tiny_hrnet(width: int = 8) -> HRNetConfig:
    """One module and one block a stage."""
    return HRNetConfig(
        width=width,
        stem_width=width,
        first="basic",
        first_width=width,
        first_blocks=1,
        num_modules=(1, 1),
        num_blocks=1,
    )
