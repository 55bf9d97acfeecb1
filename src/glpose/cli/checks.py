"""What several commands check of their options."""

from glpose.errors import BadInput


def check_count(option: str, value: int | None) -> None:
    """Raises: BadInput, naming the option as it is typed, for a number below 1."""
    if value is not None and value < 1:
        raise BadInput(f"{option} is {value}; expected 1 or more")
