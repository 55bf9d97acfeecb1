"""What a file is that was given in place of text: a video, a picture, a table."""

from pathlib import Path

from glpose.errors import BadInput

HEAD = 512
"""How many bytes tell it."""

_STARTS = {
    "a picture": (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"),
    "a video": (b"\x1aE\xdf\xa3", b"OggS", b"FLV\1", b"\0\0\1\xba", b"\0\0\1\xb3", b"0&\xb2u"),
    "a table": (b"PAR1",),
}
_BOXES_OF_MP4 = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_TABLES = (".csv", ".tsv", ".parquet", ".xls", ".xlsx", ".ods")


def kind_of(path: Path, head: bytes) -> str | None:
    """What a file is by its first bytes, or its name, in words; None if it may be text such as JSON."""
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return None
    for kind, starts in _STARTS.items():
        if head.startswith(starts):
            return kind
    if head.startswith(b"RIFF"):
        return "a picture" if head[8:12] == b"WEBP" else "a video"
    if head[4:8] in _BOXES_OF_MP4 or (head[:1] == head[188:189] == b"G" and b"\0" in head):
        return "a video"
    if path.suffix.lower() in _TABLES:
        return "a table"
    return "no text" if b"\0" in head else None


def check_kind(path: Path, head: bytes, expected: str) -> None:
    """Raises: BadInput for a file whose first bytes say that it is something else."""
    if kind := kind_of(path, head[:HEAD]):
        raise BadInput(f"{path}: is {kind}; expected {expected}")
