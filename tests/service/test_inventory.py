"""Lines of the inventory over trees that are only in memory."""

from __future__ import annotations

from pathlib import Path

from generator.render.shipped import shipped_environments
from generator.service.fleet import EndpointRef, Fleet
from generator.service.inventory import describe_endpoint, list_endpoints, summarize_environment
from generator.service.tree import FolderTree, OverlayTree
from tests.fleet_repository import CHAT

REPOSITORY = b"apiVersion: revstamp.io/v1\nkind: Repository\nspec:\n  generator: 0.1.0\n"


def fleet_of(tmp_path: Path, **endpoints: str) -> Fleet:
    """The shipped prod environment with these endpoint files."""
    files = {f"environments/prod/endpoints/{name}.yaml": text.encode() for name, text in endpoints.items()}
    files["revstamp.yaml"] = REPOSITORY
    files["environments/prod/environment.yaml"] = shipped_environments()["prod/environment.yaml"].encode()
    return Fleet(OverlayTree(FolderTree(tmp_path), files))


def test_an_endpoint_without_a_stamp_holds_no_gpus(tmp_path: Path) -> None:
    """Its file asks for some, but nothing runs yet."""
    line = describe_endpoint(fleet_of(tmp_path, chat=CHAT), EndpointRef("prod", "chat"))
    assert (line.state, line.gpus_held, line.revision) == ("not rendered yet", 0, None)


def test_lines_come_one_by_one(tmp_path: Path) -> None:
    """The first is there before the last file is read."""
    fleet = fleet_of(tmp_path, chat=CHAT, zebra="broken: [")
    lines = list_endpoints(fleet, "prod")
    assert next(lines).ref.name == "chat"
    assert next(lines).state == "file cannot be read"


def test_an_environment_says_its_policies_in_words(tmp_path: Path) -> None:
    """And counts nothing where there is nothing."""
    line = summarize_environment(fleet_of(tmp_path), "prod", [])
    assert line.endpoints == 0
    assert any("rollouts at once" in policy for policy in line.policies)


def test_an_environment_without_a_file_is_a_problem_not_an_error(tmp_path: Path) -> None:
    """Its name is on the line."""
    assert "nowhere" in summarize_environment(fleet_of(tmp_path), "nowhere", []).problem
