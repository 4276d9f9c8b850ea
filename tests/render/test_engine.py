"""Claims about templates: values stay values, mistakes are placed, and nobody gets out of the sandbox."""

from __future__ import annotations

import pytest

from generator.errors import RenderFailed
from generator.render.engine import TemplateSet


def render(source: str, **values: object) -> object:
    return TemplateSet({}, {"t.yaml.j2": source}).render_object("t.yaml.j2", values)


def failure(source: str, **values: object) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        render(source, **values)
    assert caught.value.violations[0].file == "templates/t.yaml.j2"
    assert caught.value.violations[0].fix
    return caught.value


def line_of(error: RenderFailed) -> int:
    return error.violations[0].line


def test_a_value_alone_keeps_its_type() -> None:
    data = render("a: {{ n }}\nb: {{ m }}\nc: {{ t }}\nd: {{ s }}\n", n=1, m={"x": [1, "2"]}, t=True, s="8080")
    assert data == {"a": 1, "b": {"x": [1, "2"]}, "c": True, "d": "8080"}


def test_a_value_in_quotes_or_in_text_is_text() -> None:
    assert render('a: "{{ n }}"\nb: {{ n }}s\n', n=5) == {"a": "5", "b": "5s"}


@pytest.mark.parametrize(
    "hostile", ["x\n  hostNetwork: true", "a: b", "# c", "{{ 7*7 }}", "{% raw %}", "&a *a", "!!x", ""]
)
def test_a_value_cannot_become_structure(hostile: str) -> None:
    data = render("a: {{ v }}\nb: x-{{ v }}\n{{ v }}-k: 1\n", v=hostile)
    assert data == {"a": hostile, "b": f"x-{hostile}", f"{hostile}-k": 1}


def test_what_is_empty_leaves_its_field_out() -> None:
    source = "a: {{ none }}\nb:\n  c: {{ map }}\n  d:\n    - {{ none }}\ne: {}\nf: {{ zero }}\ng: {{ no }}\nh:\ni: ''\n"
    assert render(source, none=None, map={}, zero=0, no=False) == {"e": {}, "f": 0, "g": False, "i": ""}


def test_macros_captured_blocks_and_includes_are_text_of_the_template() -> None:
    source = (
        "{% macro pair(k, v) %}{{ k }}: {{ v }}{% endmacro %}"
        "{% set line %}b: {{ x }}{% endset %}{{ pair('a', x) }}\n{{ line }}\n"
        "c:\n{% filter indent(2) %}{% include 'piece.j2' %}{% endfilter %}"
    )
    templates = TemplateSet({"piece.j2": "d: {{ x }}\ne: 1\n"}, {"t.yaml.j2": source})
    hostile = "1\ninjected: true"
    expected = {"a": hostile, "b": hostile, "c": {"d": hostile, "e": 1}}
    assert templates.render_object("t.yaml.j2", {"x": hostile}) == expected


def test_a_captured_block_joined_with_a_value_is_no_structure() -> None:
    data = render("{% set t %}b: 1{% endset %}a: {{ t ~ x }}\n", x="\nc: 2")
    assert data == {"a": "b: 1\nc: 2"}


def test_an_unknown_name_is_placed_and_answered_with_the_known_ones() -> None:
    error = failure("a: 1\nb: {{ imagee }}\n", image="x")
    assert line_of(error) == 2
    assert "imagee" in error.message
    assert "image" in error.violations[0].fix
    nested = failure("a: 1\n\nb: {{ pod.labelz }}\n", pod={"labels": {}})
    assert line_of(nested) == 3
    assert "labels" in nested.message


def test_a_syntax_error_is_placed() -> None:
    assert line_of(failure("a: 1\nb: {{ x\n")) == 2
    assert line_of(failure("a: 1\n{% endif %}\nb: 1\n")) == 2


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a: 1\n{% if true %}\nb: 2\n{% endif %}\na: 3\n", 5),
        ("{# comment\n on two lines #}\n{% if true %}\n{% endif %}\na: [1\n", 6),
        ("a: 1\nb: &x 1\nc: *x\n", 2),
        ("a: !!python/object:os.system x\n", 1),
        ("a: 1\nb: on\n", 2),
        ("a: 1\nb: 0o14\n", 2),
        ("a: 1\nb: 1e3\n", 2),
        ("a: 1\n---\nb: 1\n", 2),
        ("a: 1\nb: 2026-01-01\n", 2),
        ("a: 1\nb: {{ v }}{{ m }}\n", 2),
        ("a: 1\n{% for i in l %}\nx: {{ i }}\n{% endfor %}\n", 3),
        ("a: 1\nb: {{ 1.5 }}\n", 2),
        ("a: 1\nb: {{ 2 ** 64 }}\n", 2),
        ("a: 1\nb: {{ surrogate }}\n", 2),
    ],
)
def test_broken_yaml_is_placed_at_the_template_line(source: str, line: int) -> None:
    assert line_of(failure(source, v="x", m={"a": 1}, l=[1, 2], surrogate="\ud800")) == line


def test_a_problem_inside_an_included_piece_names_the_piece() -> None:
    templates = TemplateSet({"piece.j2": "d: 1\ne: on\n"}, {"t.yaml.j2": "a: 1\n{% include 'piece.j2' %}\n"})
    with pytest.raises(RenderFailed) as caught:
        templates.render_object("t.yaml.j2", {})
    assert caught.value.violations[0].place == "revstamp:templates/piece.j2:2:0"


def test_a_field_after_an_indented_piece_is_placed() -> None:
    """The text with marks is the same text: a piece that ends with a line break moves nothing behind it."""
    source = "a:\n{% filter indent(2) %}\n{% include 'piece.j2' %}\n{% endfilter %}\n{% if x %}\n  c: 1\n{% endif %}\n"
    templates = TemplateSet({"piece.j2": "b:\n{% if none %}\n- 1\n{% endif %}\n"}, {"t.yaml.j2": source})
    assert templates.render_object("t.yaml.j2", {"x": 1, "none": None}) == {"a": {"c": 1}}
    assert templates.find_place("t.yaml.j2", {"x": 1, "none": None}, ("a", "c")) == ("templates/t.yaml.j2", 6)


def test_a_missing_piece_is_named_with_those_that_are_there() -> None:
    error = failure("a: 1\n{% include 'nope.j2' %}\n")
    assert "nope.j2" in error.message
    assert line_of(error) == 2
    assert "t.yaml.j2" in error.violations[0].fix


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__class__ }}",
        "{{ x|attr('__class__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ range.__globals__ }}",
        "{{ m.items.__self__ }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ x.format() }}",
        "{{ m.update({'a': 1}) }}",
        "{{ m.pop('a') }}",
        "{{ namespace.__init__ }}",
        "{{ lipsum() }}",
        "{{ cycler.__init__ }}",
        "{{ x|tojson|safe }}",
        "{% import 'os' as os %}{{ os }}",
        "{{ x() }}",
        "{{ loop }}",
        "{% for i in m %}{{ loop.__init__ }}{% endfor %}",
        "{{ self }}",
        "{% macro q() %}{{ caller.__globals__ }}{% endmacro %}{% call q() %}{% endcall %}",
        "{% macro q() %}x{% endmacro %}{{ q._func }}",
        "{% include x %}",
        "{% include '../../etc/passwd' %}",
        "{% set m.a = 1 %}",
    ],
)
def test_a_template_cannot_reach_python(source: str) -> None:
    failure(f"a: {source}\n", x="text", m={"a": 1})


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ range(10 ** 9) }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x'.ljust(999999999) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% include 't.yaml.j2' %}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{{ x }}{% endfor %}{% endfor %}",
        "{% macro m(s, n) %}{% if n %}{{ m(s ~ s, n - 1) }}{% endif %}{% endmacro %}{{ m('xxxxxxxx', 60) }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1, 2]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% macro m(s, n) %}{% if n %}{{ m([s, s], n - 1) }}{% else %}{{ s }}{% endif %}{% endmacro %}{{ m([1], 50) }}",
        "{{ 'a'|replace('a', 'b' ~ x)|indent(999999999) ~ (1 // 0) }}",
    ],
)
def test_a_runaway_template_ends_with_an_error(source: str) -> None:
    failure(f"a: 1\nb: {source}\n", x="x" * 100, r=range(999))


def test_shipped_templates_are_replaced_one_by_one() -> None:
    shipped = {"a.j2": "x: {% include 'b.j2' %}", "b.j2": "shipped\n"}
    assert TemplateSet(shipped).render_object("a.j2", {}) == {"x": "shipped"}
    assert TemplateSet(shipped, {"b.j2": "ours\n"}).render_object("a.j2", {}) == {"x": "ours"}


def test_the_digest_is_of_names_and_texts_only() -> None:
    one = TemplateSet({"a": "1", "b": "2"})
    assert one.digest == TemplateSet({"b": "2"}, {"a": "1"}).digest
    assert one.digest != TemplateSet({"a": "12", "b": ""}).digest
    assert one.digest.startswith("sha256:")


def test_rendering_twice_gives_equal_data_that_share_nothing_with_the_values() -> None:
    values = {"m": {"a": [1]}}
    templates = TemplateSet({"t": "x: {{ m }}\n"})
    first = templates.render_object("t", values)
    assert first == templates.render_object("t", values)
    assert first["x"] is not values["m"]


def test_private_use_characters_in_values_are_kept_and_in_templates_refused() -> None:
    assert render("a: {{ v }}\n", v="\ue0000\ue001") == {"a": "\ue0000\ue001"}
    failure("a: \ue0007\ue001\n")
