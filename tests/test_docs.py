"""The documents say all that the code can do, and nothing that it cannot."""

from __future__ import annotations

import http.client
import importlib
import inspect
import pkgutil
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel

import generator
import generator.errors
from generator.api import (
    endpoint_routes,
    redeployment_routes,
    streams,
    webhook_route,
)
from generator.cli.main import COMMANDS, cli
from generator.errors import RevstampError
from generator.reconciler.metrics import Metrics
from generator.reconciler.server import FaceServer
from generator.render.context import TEMPLATE_KINDS
from generator.render.shipped import shipped_templates
from generator.render.stamp import Stamp
from generator.settings import Settings
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.repository_file import RepositoryFile
from generator.store.retention import KEPT
from generator.store.states import TRANSITIONS, Kind, State
from generator.store.tables import OWN

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SHARED = (
    "Options of every command",
    "Options of every change",
    "Options of every rollout",
    "Options of commands that reach a cluster",
    "Fields of an endpoint",
)


@cache
def page(name: str) -> str:
    """One document."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def sections(name: str) -> dict[str, str]:
    """Heading → text of a document's sections, without the backticks of the heading."""
    parts = re.split(r"^#{2,3} (.+)$", page(name), flags=re.MULTILINE)
    return {heading.strip("` "): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def command(name: str) -> click.Command:
    """A command, imported."""
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def options(of: click.Command) -> set[str]:
    """The long options of a command, and of those below it."""
    below = list(of.commands.values()) if isinstance(of, click.Group) and of is not cli else []
    return {
        text
        for parameter in (*of.params, *(parameter for each in below for parameter in each.params))
        if isinstance(parameter, click.Option)
        for text in (*parameter.opts, *parameter.secondary_opts)
        if text.startswith("--")
    }


def errors(base: type[RevstampError] = RevstampError) -> Iterator[type[RevstampError]]:
    """The tree of errors."""
    for each in base.__subclasses__():
        yield each
        yield from errors(each)


# Commands and options


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_section_with_an_example(name: str) -> None:
    """docs/command-line.md says what a command is for and shows a call."""
    text = sections("docs/command-line.md").get(f"revstamp {name}", "")
    assert text, f"docs/command-line.md has no section for revstamp {name}"
    assert f"revstamp {name}" in text, f"the section on {name} has no example"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_documented(name: str) -> None:
    """In the command's section, or among the options that many commands share."""
    text = sections("docs/command-line.md")
    shared = " ".join(text[heading] for heading in SHARED)
    missing = {option for option in options(command(name)) if f"`{option}" not in text[f"revstamp {name}"] + shared}
    assert not missing, f"docs/command-line.md does not document {sorted(missing)} of revstamp {name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_documented_option_exists(name: str) -> None:
    """What a section names in backticks, its command takes."""
    named = set(re.findall(r"`(--[a-z][a-z-]*)", sections("docs/command-line.md")[f"revstamp {name}"]))
    assert named <= options(command(name)) | {"--help"}, (
        f"revstamp {name} has no {sorted(named - options(command(name)))}"
    )


def test_shared_options_are_options_of_some_command() -> None:
    """No shared section keeps an option that is gone."""
    known = set().union(*(options(command(name)) for name in COMMANDS)) | options(cli) | {"--help", "--version"}
    for heading in SHARED:
        named = set(re.findall(r"`(--[a-z][a-z-]*)", sections("docs/command-line.md")[heading]))
        assert named <= known, f"{heading}: no command has {sorted(named - known)}"


def calls(text: str) -> Iterator[list[str]]:
    """The calls of revstamp in console examples, without what follows a pipe or a comment."""
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (.+)$", block, flags=re.MULTILINE):
            yield from split_calls(line)


def split_calls(line: str) -> Iterator[list[str]]:
    """The calls of revstamp in one line of shell."""
    words = shlex.split(line, comments=True)
    call: list[str] = []
    for word in [*words, ";"]:
        if word in ("|", "&&", "||", ";"):
            if call and call[0] == "revstamp":
                yield call[1:]
            call = []
        else:
            call.append(word)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_console_examples_use_commands_and_options_that_exist(path: Path) -> None:
    """A person who copies an example gets no usage error."""
    for words in calls(path.read_text(encoding="utf-8")):
        check_call(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_examples_use_options_that_exist(name: str) -> None:
    """The examples under `--help` are as true as those of the documents."""
    text = inspect.cleandoc(command(name).help or "").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("revstamp ") or "| revstamp" in line]
    assert lines, f"revstamp {name} --help shows no example"
    for line in lines:
        for words in split_calls(line):
            check_call(words)


def check_call(words: list[str]) -> None:
    """The command and every option of a call exist."""
    while words and words[0] in ("-C", "--repository"):
        words = words[2:]
    if not words or words[0].startswith("-"):
        assert set(words[:1]) <= {"--help", "--version", "-h"}, words
        return
    assert words[0] in COMMANDS, f"revstamp {words[0]} does not exist"
    given = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    known = options(command(words[0])) | {"--help"}
    assert given <= known, f"revstamp {' '.join(words)}: no {sorted(given - known)}"


# Exit codes, errors, settings


def test_each_exit_code_is_in_the_table() -> None:
    """Scripts depend on them."""
    table = {int(code) for code in re.findall(r"^\| `?(\d+)`? \|", page("docs/command-line.md"), re.MULTILINE)}
    assert table == {0, 2, 130, *(error.exit_code for error in errors())}


@pytest.mark.parametrize("error", sorted(set(errors()), key=lambda error: error.code), ids=lambda error: error.code)
def test_each_error_is_documented_with_its_exit_code(error: type[RevstampError]) -> None:
    """docs/errors.md has a row of code and exit code for each error of the tree."""
    assert re.search(rf"^\| `{error.code}` \| {error.exit_code} \|", page("docs/errors.md"), re.MULTILINE), error.code


def test_each_setting_is_documented_and_each_documented_one_exists() -> None:
    """docs/settings.md names every REVSTAMP_ variable with its default."""
    text = page("docs/settings.md")
    known = {f"REVSTAMP_{item.name.upper()}" for item in fields(Settings)}
    assert known == set(re.findall(r"^\| `(REVSTAMP_[A-Z_]+)` \|", text, re.MULTILINE))
    everywhere = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert set(re.findall(r"REVSTAMP_(?!TEST)[A-Z_]+", everywhere)) <= known


def test_each_variable_of_the_testbed_is_documented_and_each_documented_one_exists() -> None:
    """What a machine says to the tests stands in a table of some document."""
    everywhere = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    named = set(re.findall(r"^\| `(REVSTAMP_TEST[A-Z_]+)` \|", everywhere, re.MULTILINE))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/testbed").rglob("*.py"))
    assert named == set(re.findall(r"REVSTAMP_TEST[A-Z_]+", code))


# The ledger


def test_each_state_kind_and_event_of_the_ledger_is_documented() -> None:
    """docs/ledger.md has a row for each, with what may follow and what is kept, and for no other."""
    parts = sections("docs/ledger.md")
    states = dict(re.findall(r"^\| `([a-z]+)` \| ([^|]+) \|", parts["States"], re.MULTILINE))
    assert {name: tuple(re.findall(r"`([a-z]+)`", states.get(name, ""))) for name in State} == {
        before.value: tuple(after.value for after in TRANSITIONS[before]) for before in State
    }
    kinds = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| (yes|only)[^|]*\|$", parts["States"], re.MULTILINE))
    assert kinds == {kind.value: "yes" if kind.may_interrupt else "only" for kind in Kind}
    events = {
        name: kept
        for names, kept in re.findall(r"^\| (`[a-z`, -]+`) \| [^|]+ \|( yes|) \|$", parts["Events"], re.MULTILINE)
        for name in re.findall(r"[a-z-]+", names)
    }
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "generator").rglob("*.py"))
    assert set(events) == set(re.findall(r'Note\(\s*"([a-z-]+)"', code))
    assert {name for name, kept in events.items() if kept} == set(KEPT)


def test_each_table_of_the_ledger_is_documented() -> None:
    """And no other."""
    named = re.findall(r"^\| `([a-z_]+)` \|", sections("docs/ledger.md")["Tables"], re.MULTILINE)
    assert {f"revstamp_{name}" for name in named} == set(OWN.tables)


# Metrics and HTTP


def test_each_metric_is_documented_with_its_type_and_labels_and_each_documented_one_exists() -> None:
    """docs/metrics.md has a row for each metric, under the name that Prometheus shows."""
    rows = re.findall(r"^\| `(revstamp_[a-z_]+)` \| (\w+) \|([^|]*)\|", page("docs/metrics.md"), re.MULTILINE)
    documented = {name: (kind, tuple(re.findall(r"`([a-z]+)`", labels))) for name, kind, labels in rows}
    assert documented == dict(registered_metrics())
    used = set(re.findall(r"\brevstamp_[a-z_]+", "".join(path.read_text(encoding="utf-8") for path in PAGES)))
    assert used <= documented.keys()


def registered_metrics() -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    """Name, type and labels of everything that the reconciler counts."""
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, (family.type, metric._labelnames)


def test_each_route_of_the_reconciler_is_documented_and_each_documented_one_is_answered() -> None:
    """docs/reconciler.md names method and path; what it names is no 404."""
    named = set(re.findall(r"^\| `(GET|POST) (/[a-z]+)` \|", page("docs/reconciler.md"), re.MULTILINE))
    code = (ROOT / "generator/reconciler/server.py").read_text(encoding="utf-8")
    assert {path for _, path in named} == set(re.findall(r'"(/[a-z]+)"', code))
    face = FaceServer(("127.0.0.1", 0), Metrics(), lambda: {"ready": True}, lambda: None, branch="main")
    face.start()
    try:
        answers = {(method, path): ask(face.port, method, path) for method, path in named}
    finally:
        face.close()
    assert 404 not in answers.values()


def test_each_route_of_the_api_is_documented_and_each_documented_one_exists() -> None:
    """docs/api.md names revstamp's own and the probes; those of the platform are the platform's to document."""
    known = set()
    modules = (endpoint_routes, redeployment_routes, streams, webhook_route)
    for route in (each for module in modules for each in module.router.routes):
        known |= {(method, route.path) for method in route.methods}
    probes = {("GET", path) for path in ("/healthz", "/readyz", "/metrics")}
    assert set(re.findall(r"`(GET|POST|PATCH|DELETE) (/[a-z0-9{}/]+)`", page("docs/api.md"))) == known | probes


def test_each_attack_names_a_test_that_exists() -> None:
    """docs/security.md claims nothing that no test shows."""
    named = set(re.findall(r"\| `(test_[a-z_]+)` \|$", page("docs/security.md"), re.MULTILINE))
    files = [path for room in ("api", "page") for path in (ROOT / "tests" / room).glob("test_*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    assert len(named) > 10
    assert named <= set(re.findall(r"^def (test_[a-z_]+)\(", code, re.MULTILINE))


def ask(port: int, method: str, path: str) -> int:
    """The status of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body=b"{}" if method == "POST" else None)
    return connection.getresponse().status


def test_each_input_of_the_workflows_is_documented() -> None:
    """docs/pull-requests.md names each reusable workflow with what it is given."""
    text = page("docs/pull-requests.md")
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        call = yaml.safe_load(path.read_text(encoding="utf-8")).get(True, {}).get("workflow_call")
        if call is None:
            continue
        assert f"| `{path.name}` |" in text, path.name
        for name in call["inputs"]:
            assert re.search(rf"^\| `{name}` \| (all|`{path.stem}`) \|", text, re.MULTILINE), f"{path.name}: {name}"
        for name in call.get("secrets", {}):
            assert f"| secret `{name}` | `{path.stem}` |" in text, f"{path.name}: {name}"


# File formats and templates


def file_fields(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> Iterator[tuple[str, str]]:
    """Model and name, as in a file, of every field below a model."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield model.__name__, field.alias or name
        for below in models_in(field.annotation):
            yield from file_fields(below, seen)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


@pytest.mark.parametrize("model", [Endpoint, Environment, RepositoryFile], ids=lambda model: model.__name__)
def test_each_field_of_a_file_is_documented(model: type[BaseModel]) -> None:
    """docs/repository.md names every field in backticks, alone or at the end of a dotted path."""
    named = {
        part
        for text in re.findall(r"`([A-Za-z_.\[\]]+)`", page("docs/repository.md"))
        for part in re.split(r"[.\[\]]+", text)
    }
    missing = {f"{owner}.{name}" for owner, name in file_fields(model) if name not in named}
    assert not missing, f"docs/repository.md does not name {sorted(missing)}"


def test_each_field_of_a_stamp_is_documented() -> None:
    """People read stamps in reviews."""
    text = page("docs/repository.md")
    for line in Stamp.__dataclass_fields__:
        words = line.split("_")
        name = words[0] + "".join(word.title() for word in words[1:])
        assert f"`{name}`" in text, f"docs/repository.md does not name {name} of the stamp"


@pytest.mark.parametrize("template", shipped_templates())
def test_each_template_is_documented(template: str) -> None:
    """docs/templates.md has a row for each template."""
    assert re.search(rf"^\| `{re.escape(template)}` \|", page("docs/templates.md"), re.MULTILINE), template


def test_each_documented_template_exists() -> None:
    """A template that is gone leaves the document."""
    named = set(re.findall(r"`([\w.]+\.yaml\.j2)`", page("docs/templates.md")))
    assert named <= set(shipped_templates())
    assert set(TEMPLATE_KINDS) <= set(shipped_templates())


def test_each_value_that_templates_use_is_documented() -> None:
    """docs/templates.md names what a template can say: each dotted value of the shipped templates."""
    text = page("docs/templates.md")
    used = {
        found
        for body in shipped_templates().values()
        for expression in re.findall(r"\{[{%](.*?)[%}]\}", body)
        for found in re.findall(
            r"\b(?:pod|server|model|deployment|predictor|autoscaler|disruption|route)\.[a-z_.]+", expression
        )
    }
    missing = {value for value in used if f"`{'.'.join(value.split('.')[:2])}`" not in text}
    assert not missing, f"docs/templates.md does not name {sorted(missing)}"


# Links


def slugs(text: str) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    """Every link to a file or heading of the repository resolves."""
    for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in slugs(file.read_text(encoding="utf-8")), f"{path.name} links to {target}"


def test_the_readme_links_every_document() -> None:
    """Nobody has to list a folder to find a document."""
    linked = set(LINK.findall(page("README.md")))
    missing = [path.name for path in DOCS if f"docs/{path.name}" not in {target.split("#")[0] for target in linked}]
    assert not missing


def test_documents_that_the_code_cites_exist() -> None:
    """A docstring, a hint or a help text that names a document names one that is there."""
    for path in sorted((ROOT / "generator").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"\bdocs/([a-z-]+\.md)\b", text):
            assert (ROOT / "docs" / name).is_file(), f"{path.relative_to(ROOT)} cites {name}"
        for name in re.findall(r"\((platform-contract|kubernetes-rules|gitops-rules|architecture|design)\b", text):
            assert (ROOT / "docs" / f"{name}.md").is_file(), f"{path.relative_to(ROOT)} cites {name}"


def test_every_module_can_be_imported() -> None:
    """No command is named that has no module, and no module is broken. One is run by Alembic, and by it alone."""
    for module in pkgutil.walk_packages(generator.__path__, "generator."):
        if module.name != "generator.store.migrations.env":
            importlib.import_module(module.name)
