"""What is wrong with how a command was called, in plain words, and where its help is."""

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnusedCliTokensError,
)

_VALUES = {int: "a whole number", float: "a number", bool: "yes or no"}


def usage_error(problem: CycloptsError) -> str:
    """One line about a call that cannot be understood, which ends in the help to look into."""
    help_page = " ".join(["glpose", *(problem.command_chain or ()), "-h"])
    return f"{_in_words(problem)} See: {help_page}"


def _in_words(problem: CycloptsError) -> str:
    said = " ".join(str(problem).split())
    match problem:
        case MissingArgumentError(argument=argument) if argument is not None:
            needs = f"{problem.keyword} needs a value." if problem.keyword else ""
            _, mark, near = said.partition(" Did you mean ")
            return f"{needs or f'{argument.name} is missing.'}{mark}{near}"
        case CoercionError(token=token, target_type=kind) if token and kind in _VALUES:
            name = token.keyword or (problem.argument and problem.argument.name)
            return f"{name} is '{token.value}'; expected {_VALUES[kind]}."
        case RepeatArgumentError():
            return f"{problem.token.keyword} is given twice, or with its opposite; expected one."
        case UnusedCliTokensError(unused_tokens=tokens) if tokens:
            return f"'{' '.join(tokens)}' is more than the command takes."
        case _:
            return said
