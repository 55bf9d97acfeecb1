"""The driver of mutants: what it leaves out, how it draws and tells; mutmut itself is not needed."""

import tomllib

import mutants
import pytest

SOURCE = """
def share(part: int, whole: int) -> float:
    assert part <= whole
    if whole == 0:
        raise ValueError(
            f"{part} of 100% of nothing"
        )
    return part / whole
"""


def test_the_core_and_its_tests_are_there() -> None:
    for file, tests in mutants.CORE.items():
        for path in (file, *tests):
            assert (mutants.ROOT / path).exists(), path


def test_messages_and_asserts_are_left_out_and_nothing_else() -> None:
    assert [line.strip() for line in mutants.left_out(SOURCE)] == [
        "assert part <= whole",
        "raise ValueError(",
        'f"{part} of 100% of nothing"',
        ")",
    ]


def test_the_settings_are_toml_for_one_file_and_its_tests() -> None:
    for file, tests in mutants.CORE.items():
        table = tomllib.loads(mutants.settings(file, SOURCE))["tool"]["mutmut"]
        assert table["only_mutate"] == [file]
        quick = table["pytest_add_cli_args_test_selection"]
        assert quick == [test for test in tests if test != mutants.TRAINING]
        assert quick
        assert len(table["do_not_mutate_patterns"]) == 4


def test_results_are_read_and_drawn_alike_for_a_seed() -> None:
    said = "    a.x_f__mutmut_1: killed\n    a.x_f__mutmut_2: no tests\nother line: 3\n"
    found = mutants.statuses(said)
    assert found == {"a.x_f__mutmut_1": "killed", "a.x_f__mutmut_2": "no tests"}
    names = [f"m{i}" for i in range(50)]
    assert mutants.draw(names, 9, "0 a") == mutants.draw(names[::-1], 9, "0 a")
    assert mutants.draw(names, 9, "0 a") != mutants.draw(names, 9, "1 a")
    assert len(set(mutants.draw(names, 9, "0 a"))) == 9
    assert sorted(mutants.draw(names, 99, "0 a")) == sorted(names)


def test_a_change_is_told_by_its_line() -> None:
    after = SOURCE.replace("part / whole", "part * whole")
    assert mutants.change(SOURCE, after) == "8 return part / whole -> return part * whole"
    with pytest.raises(ValueError, match="does not differ"):
        mutants.change(SOURCE, SOURCE)


def test_a_score_counts_what_survived() -> None:
    score = mutants.Score("a.py", 9, 5, ("a.py:3 x -> y",))
    assert str(score) == "a.py: 5 of 9 tried, 4 killed, 1 survived"
