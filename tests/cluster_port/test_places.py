"""Which cluster a name means, and how a mistake in saying so is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generator.cluster.kubeconfig import find_place, read_kubeconfig
from generator.cluster.open import open_cluster
from generator.cluster.places import ClusterPlace, Way, parse_places
from generator.errors import ClusterNotConfigured, ClusterUnauthorized, InvalidInput


def test_each_form_of_an_entry_is_read() -> None:
    """With spaces around, as in a file of settings."""
    text = "a=/etc/a.kubeconfig, b=/etc/b#ctx ,c=#arn:aws:eks:eu:1:cluster/c,\n d=in-cluster,e=simulated"
    assert parse_places(text) == {
        "a": ClusterPlace(Way.KUBECONFIG, "/etc/a.kubeconfig", ""),
        "b": ClusterPlace(Way.KUBECONFIG, "/etc/b", "ctx"),
        "c": ClusterPlace(Way.KUBECONFIG, "", "arn:aws:eks:eu:1:cluster/c"),
        "d": ClusterPlace(Way.IN_CLUSTER),
        "e": ClusterPlace(Way.SIMULATED),
    }
    assert parse_places("") == parse_places("  ") == {}


@pytest.mark.parametrize(
    ("text", "column"),
    [("prod", 1), ("a=b,prod", 5), ("a=b, =x", 6), ("a=", 1), ("a=#", 1), ("a=b,,c=d", 5), ("a=b, a=c", 6), ("=", 1)],
)
def test_nonsense_is_refused_with_its_place(text: str, column: int) -> None:
    """The column counts from 1 in the variable's text."""
    with pytest.raises(InvalidInput, match=f"REVSTAMP_CLUSTERS, column {column}") as found:
        parse_places(text)
    (violation,) = found.value.violations
    assert (violation.column, violation.file) == (column, "REVSTAMP_CLUSTERS")
    assert "name=FILE" in found.value.hint


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never anything else."""
    places, column = {}, 1
    try:
        places = dict(parse_places(text))
    except InvalidInput as error:
        column = error.violations[0].column
    assert 1 <= column <= len(text) + 1
    assert all(name.strip() == name and name for name in places)


def write_config(path: Path, *contexts: str, current: str = "", **user: object) -> Path:
    """A kubeconfig with a server for each context."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.org:6443"}} for name in contexts],
        "users": [{"name": "u", "user": user or {"token": "s3cret"}}],
        **({"current-context": current} if current else {}),
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_arguments_win_over_the_mapping_and_that_over_contexts(tmp_path: Path) -> None:
    """In this order, and a context is always filled in."""
    default = write_config(tmp_path / "default", "prod", "other", current="other")
    given_file = write_config(tmp_path / "given", "x", "y", current="y")
    environment = {"KUBECONFIG": str(default)}
    mapping = {"prod": ClusterPlace(Way.KUBECONFIG, str(given_file), "x"), "sim": ClusterPlace(Way.SIMULATED)}

    def find(name: str, **more: str) -> tuple[Way, str, str]:
        place = find_place(name, mapping=mapping, environment=environment, **more)
        return place.way, Path(place.kubeconfig).name, place.context

    assert find("prod", kubeconfig=str(given_file)) == (Way.KUBECONFIG, "given", "y")
    assert find("prod", context="other") == (Way.KUBECONFIG, "default", "other")
    assert find("sim", context="other") == (Way.KUBECONFIG, "default", "other")
    assert find("prod") == (Way.KUBECONFIG, "given", "x")
    assert find("sim")[0] is Way.SIMULATED
    assert find("other") == (Way.KUBECONFIG, "default", "other")
    assert find("default") == (Way.KUBECONFIG, "default", "other")


def test_only_default_means_the_current_context_or_the_pod(tmp_path: Path) -> None:
    """Another name never falls back on it; the error names the contexts there are."""
    environment = {"KUBECONFIG": str(write_config(tmp_path / "k", "b", "a", current="a"))}
    with pytest.raises(ClusterNotConfigured, match="the contexts a, b") as found:
        find_place("prod", mapping={}, environment=environment)
    assert found.value.details["contexts"] == ["a", "b"]
    assert "REVSTAMP_CLUSTERS=prod=FILE#CONTEXT" in found.value.hint
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOME": str(tmp_path)}
    assert find_place("default", mapping={}, environment=pod).way is Way.IN_CLUSTER
    with pytest.raises(ClusterNotConfigured, match="there is no kubeconfig"):
        find_place("prod", mapping={}, environment=pod)


def test_a_context_or_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what there is instead."""
    path = write_config(tmp_path / "k", "a")
    environment = {"KUBECONFIG": str(path)}
    with pytest.raises(ClusterNotConfigured, match=r"no context 'z'.*the contexts a"):
        find_place("prod", context="z", mapping={}, environment=environment)
    with pytest.raises(ClusterNotConfigured, match="no current context"):
        find_place("prod", kubeconfig=str(path), mapping={}, environment=environment)
    with pytest.raises(ClusterNotConfigured, match="missing does not exist"):
        find_place("prod", kubeconfig=str(tmp_path / "missing"), mapping={}, environment=environment)


def test_several_files_are_merged_as_kubectl_does(tmp_path: Path) -> None:
    """The first to name something wins, the current context too; missing files are passed over."""
    first = write_config(tmp_path / "first", "a", current="a")
    second = write_config(tmp_path / "second", "a", "b", current="b")
    paths = os.pathsep.join([str(tmp_path / "missing"), str(first), str(second)])
    found = read_kubeconfig(paths, must_exist=True)
    assert (found.current, sorted(found.contexts), found.files) == ("a", ["a", "b"], (str(first), str(second)))
    place = find_place("default", mapping={}, environment={"KUBECONFIG": paths})
    assert place.context == "a"


@pytest.mark.parametrize("text", ["a: [", "\x00", "- 1", "users: [{name: u, user: {token: s3cret}", "token: s3cret: x"])
def test_a_file_that_is_no_kubeconfig_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    """It may hold a token."""
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(ClusterNotConfigured, match="broken") as found:
        read_kubeconfig(str(path), must_exist=True)
    assert "s3cret" not in str(found.value.to_dict())
    assert "s3cret" not in repr(found.value.__cause__)


@pytest.mark.parametrize("value", ["null", "[]", "{}", "1", "[1, {}, {name: x}]", "[{name: x, context: 3}]"])
def test_odd_entries_are_no_contexts(tmp_path: Path, value: str) -> None:
    """They are passed over, and what is asked for then is told to be missing."""
    path = tmp_path / "odd"
    path.write_text(f"contexts: {value}\nclusters: {value}\nusers: {value}\ncurrent-context: x\n")
    with pytest.raises(ClusterNotConfigured):
        open_cluster("default", kubeconfig=str(path))


def test_a_credential_plugin_that_fails_is_named(tmp_path: Path) -> None:
    """And not taken for an anonymous user."""
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}
    path = write_config(tmp_path / "k", "a", current="a", exec=plugin)
    with pytest.raises(ClusterUnauthorized, match="plugin 'false'"):
        open_cluster("prod", kubeconfig=str(path))


def test_outside_of_a_pod_in_cluster_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service account here."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterNotConfigured, match="cannot be loaded"):
        open_cluster("prod", mapping={"prod": ClusterPlace(Way.IN_CLUSTER)})


def test_opening_asks_nothing_of_the_cluster(tmp_path: Path) -> None:
    """A cluster that is not there can be opened."""
    path = write_config(tmp_path / "k", "a", current="a")
    cluster = open_cluster("prod", kubeconfig=str(path))
    assert cluster.name == "prod"
    cluster.close()
