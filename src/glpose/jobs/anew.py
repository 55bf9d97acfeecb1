"""What makes files of results anew, for messages."""

from pathlib import Path

from glpose.errors import pasted
from glpose.files import resolved
from glpose.jobs.writers import (
    OVERLAY,
    OVERLAY_PICTURE,
    POSES_3D,
    REPORT,
    SMOOTH,
    SMOOTH_3D,
    TABLE,
)


def how_anew(path: Path, private: object) -> str:
    """How to make a file anew of the poses beside it: some words, then the command, to be pasted.

    `private` is the setting of the run.
    """
    folder, file = pasted(path.parent), pasted(path)
    if path.name in (OVERLAY, OVERLAY_PICTURE):
        if private == "blur":
            return (
                "as faces are blurred, only a run draws it anew, and undoes glpose link and drop: "
                f"{run_again(path.parent, private)}"
            )
        return f"draw it anew with: glpose drop {folder} --video VIDEO"
    smooth = pasted(path.with_name(SMOOTH))
    makers = {
        TABLE: f"glpose table {folder} -o {file} --overwrite",
        POSES_3D: f"glpose lift {folder} --overwrite",
        SMOOTH: f"glpose smooth {folder} --overwrite",
        SMOOTH_3D: f"glpose lift {smooth} --overwrite",
        REPORT: f"glpose report {folder} --overwrite",
    }
    return f"make it anew with: {makers.get(path.name, f'glpose angles {folder} --overwrite')}"


def run_again(folder: Path, private: object) -> str:
    """The command that makes all results of a folder anew."""
    # The last part of `.` and `..` is not the name of the folder.
    output = (folder if folder.name not in ("", "..") else resolved(folder)).parent
    hidden = "" if private is None else f" --private {private}"
    return f"glpose run VIDEO -o {pasted(output)}{hidden} --overwrite"
