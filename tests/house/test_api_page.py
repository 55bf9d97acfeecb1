"""docs/api.md is what the source says, and the public face says what everything is."""

import re

import api_page

import glpose


def test_the_page_is_current():
    assert api_page.PAGE.read_text("utf-8") == api_page.page(), "docs/api.md is old; run: make api"


def test_the_page_has_every_public_name_with_a_text():
    sections = re.findall(
        r"^##+ (\S+)\n\n```python\n(.*?)```\n\n(.*?)\n", api_page.page(), re.MULTILINE | re.DOTALL
    )
    assert {title for title, _, _ in sections if title.isidentifier()} == set(glpose.__all__)
    assert [title for title, _, text in sections if not text.strip()] == []


def test_nothing_public_is_of_any_type():
    assert not re.search(r"\bAny\b", api_page.page())


def test_long_signatures_have_a_line_for_each_argument():
    code = api_page.page().split("```python\nglpose.run(\n")[1].split("```")[0]
    assert "    *,\n" in code
    assert "    start_s: float | None = None,\n" in code
