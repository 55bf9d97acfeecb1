"""The result of scoring: its lines are lines."""

from glpose.evaluation.scoring.report import Report


def test_a_table_of_several_lines_is_several_lines() -> None:
    assert Report(["AP", "Head  Total\n 10.0   20.0", ""], {}).lines == [
        "AP",
        "Head  Total",
        " 10.0   20.0",
        "",
    ]
