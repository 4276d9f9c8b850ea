"""The comment of a pull request: its first line, its size, and no value that becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from generator.render.report import MARKER, Footer, diff_markdown
from generator.render.report_escape import code_span, escape_prose
from tests.render.test_diff import diff
from tests.render.test_pods import deployment, edited
from tests.render.test_report import changed, hostile


def tokens(markdown: str) -> list[Token]:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown)


def test_the_comment_starts_with_verdict_and_marker() -> None:
    """The first line is what a mail shows; the marker in it is how the comment is found again."""
    first, *rest = diff_markdown([changed()], footer=Footer(usual_duration="6 min")).split("\n")
    assert first.startswith("`prod/chat r7 → r8`: **restarted, routed: 3 pods restart")
    assert first.endswith(f", usually 6 min {MARKER}")
    assert "| image | `registry.local/vllm:v0.10.0` | `registry.local/x:2` | **restarts** |" in rest
    assert "| route | `llm.local/llm/chat` | `llm.local/x` | no restart |" in rest
    kinds = [token.type for token in tokens("\n".join([first, *rest]))]
    assert kinds[0] == "paragraph_open"
    assert "html_block" not in kinds


def test_the_footer_tells_base_head_and_what_came_of_it() -> None:
    """Slots that the caller fills; the renderer knows no clock."""
    footer = Footer("abc", "def", "2026-01-01 10:00", "diff.txt", outcome=("healthy after 5 min", "@all"), stale=True)
    text = diff_markdown([changed()], footer=footer)
    assert "base `abc` · head `def` · rendered `2026-01-01 10:00` · full difference `diff.txt`" in text
    assert "- healthy after 5 min\n- @\u200ball\n" in text
    assert "**Stale:**" in text


def inline_tokens(markdown: str) -> list[Token]:
    return [child for token in tokens(markdown) for child in (token.children or [])]


@given(value=hostile, other=hostile)
def test_no_value_becomes_markup(value: str, other: str) -> None:
    """The table keeps its shape, and what is not code holds no link, no image, no HTML and no mention."""
    found = changed(image=value, value=other, route=value)
    found = replace(found, replaces=(value,), environment=other)
    parsed = tokens(diff_markdown([found, found], footer=Footer(value, other, value, other, value, (value, other))))
    allowed = {"text", "code_inline", "strong_open", "strong_close", "html_inline", "softbreak", "text_special"}
    for token in parsed:
        assert token.type not in ("html_block", "fence", "code_block", "heading_open", "hr", "blockquote_open")
        for child in token.children or []:
            assert child.type in allowed
            assert child.type != "html_inline" or child.content == MARKER
            if child.type in ("text", "text_special"):
                assert not re.search(r"@\w|#\w|://", child.content)
    widths = [len(re.findall("t[dh]_open", " ".join(row))) for row in table_rows(parsed)]
    assert widths
    assert set(widths) == {4}


def table_rows(parsed: list[Token]) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in parsed:
        if token.type == "tr_open":
            rows.append([])
        elif rows:
            rows[-1].append(token.type)
    return rows


@given(text=hostile)
def test_code_spans_hold_their_text(text: str) -> None:
    """A Markdown parser finds one span and nothing else, within a table as well."""
    cell = f"| a |\n|---|\n| {code_span(text)} |"
    found = [token for token in inline_tokens(cell) if token.type != "text" or token.content.strip()]
    assert [token.type for token in found[1:]] == ["code_inline"]


def test_prose_is_defused() -> None:
    """Nobody is called, nothing links, nothing is bold."""
    assert escape_prose("@a #1 https://x www.y *b* <i>") == (
        "@\u200ba #\u200b1 https:\u200b//x www\u200b.y \\*b\\* &lt;i&gt;"
    )


@pytest.mark.parametrize("size", [0, 512, 2000, 8192, 65_536])
def test_a_comment_is_never_larger_than_asked_and_counts_what_is_left_out(size: int) -> None:
    """Forges cut without a word; this says how much is missing, and keeps what restarts first."""
    many = [replace(changed(image="ü" * 300), name=f"chat-{number}") for number in range(60)]
    quiet = [replace(diff([deployment()], [deployment(4)]), name=f"quiet-{number}") for number in range(60)]
    text = diff_markdown([*quiet, *many], max_bytes=size)
    assert len(text.encode()) <= max(size, 512)
    assert text.split("\n")[0].endswith(MARKER)
    assert "120 of 120 endpoints changed, 60 of them restart" in text
    if 2000 <= size < 65_536:
        shown = len(re.findall(r"^`prod/(chat|quiet)-", text, re.MULTILINE))
        left = re.search(r"(\d+) more endpoints \((\d+) of which restart\)", text)
        assert left
        assert int(left[1]) + shown == 120
        assert int(left[2]) + shown == 60


def test_fields_that_do_not_fit_are_counted() -> None:
    """One endpoint with very many changes."""
    body = deployment()
    for number in range(400):
        body = edited(body, f"metadata/labels/label-{number}", "x")
    found = diff([deployment()], [body])
    text = diff_markdown([found])
    left = re.search(r"left out for size: (\d+) more fields\.", text)
    assert left
    assert int(left[1]) + len(re.findall(r"^\| `Deployment`", text, re.MULTILINE)) == 400
    assert 7000 < len(text.encode()) <= 8192


def test_endless_footers_do_not_burst_the_comment() -> None:
    """Slots are cut; if nothing else fits, the verdict stays."""
    footer = Footer(*["ü" * 9999] * 5, outcome=("ü" * 9999,) * 99)
    for size in (0, 512, 8192):
        text = diff_markdown([changed()], max_bytes=size, footer=footer)
        assert MARKER in text.split("\n")[0]
        assert len(text.encode()) <= max(size, 512)
