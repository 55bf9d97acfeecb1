"""`glpose recipes`: all recipes, each with its row in the paper's tables."""

from glpose.cli.output import say


def recipes() -> int:
    """List the recipes for glpose train: what each trains, and the table row it stands for."""
    from glpose.recipes import RECIPES

    width = max(len(name) for name in RECIPES)
    say(
        *(
            f"{name:<{width}}  {entry.line}" + (f"  [{entry.row}]" if entry.row else "")
            for name, entry in RECIPES.items()
        ),
        "",
        "Rows are those of Jiao et al., ACM TOMM 2022. Train one with: glpose train NAME",
    )
    return 0
