"""The shipped schema files are what their sources give."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "generator" / "render" / "schemas"
SCRIPT = ROOT / "scripts" / "generate_schemas.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The generator script as a module."""
    spec = importlib.util.spec_from_file_location("generate_schemas", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cached_module(name: str) -> bool:
    """Whether Go is here and has the module already; a test fetches nothing."""
    if shutil.which("go") is None:
        return False
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()
    path, _, version = name.partition("@")
    return (Path(cache) / "cache" / "download" / path / "@v" / f"{version}.zip").exists()


def shipped_text(family: str, version: str, kind: str) -> str:
    index = json.loads((SHIPPED / "index.json").read_text())
    return (SHIPPED / index[family][version]["kinds"][kind]).read_text()


def test_the_index_names_the_pinned_releases(script: ModuleType) -> None:
    """And nothing else, with every kind of each."""
    index = json.loads((SHIPPED / "index.json").read_text())
    for family, releases in script.PINNED.items():
        assert tuple(entry["release"] for entry in index[family].values()) == releases
        for entry in index[family].values():
            assert set(entry["kinds"]) == {f"{api_version}/{kind}" for api_version, kind in script.KINDS[family]}


@pytest.mark.skipif(
    not all(
        map(cached_module, ("k8s.io/kubernetes@v1.36.3", "github.com/kserve/kserve@v0.17.0")),
    ),
    reason="needs go and the modules in its cache",
)
def test_the_shipped_files_come_out_again(tmp_path: Path) -> None:
    """From the modules of one Kubernetes and one KServe release, to the byte."""
    command = [sys.executable, str(SCRIPT), "--modules", "--output", str(tmp_path)]
    wanted = ["--only", "kubernetes=1.36.3", "--only", "kserve=0.17.0"]
    subprocess.run([*command, *wanted], check=True, capture_output=True)
    index = json.loads((tmp_path / "index.json").read_text())
    assert {family: list(versions) for family, versions in index.items()} == {
        "kserve": ["0.17"],
        "kubernetes": ["1.36"],
    }
    for family, versions in index.items():
        for version, entry in versions.items():
            for kind, name in entry["kinds"].items():
                assert (tmp_path / name).read_text() == shipped_text(family, version, kind), kind


OBJECT_META = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "labels": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
        },
    }
}
THING = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["mode", "size"],
            "properties": {
                "mode": {"type": "string", "default": "a", "enum": ["b", "a"]},
                "size": {
                    "anyOf": [{"type": "integer"}, {"type": "string"}],
                    "pattern": "^[0-9]+$",
                    "x-kubernetes-int-or-string": True,
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "none": {"type": "string", "nullable": True},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                    "items": {
                        "type": "object",
                        "properties": {
                            "port": {"type": "integer", "format": "int32"},
                            "protocol": {"type": "string", "default": "TCP"},
                        },
                    },
                },
            },
            "x-kubernetes-validations": [{"rule": "true"}],
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def crd_text() -> str:
    return yaml.safe_dump({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": THING}}]}})


def test_a_resource_definition_and_a_server_give_the_same_file(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server adds ObjectMeta, the kind's mark and prose to what the file says."""
    monkeypatch.setitem(script.KINDS, "kserve", (("example.com/v1", "Thing"),))
    served: dict[str, Any] = json.loads(json.dumps(THING))
    served["description"] = "A thing."
    served["x-kubernetes-group-version-kind"] = [{"group": "example.com", "version": "v1", "kind": "Thing"}]
    served["properties"]["metadata"] = {
        "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],
        "description": "Standard object's metadata.",
    }
    served["properties"]["spec"]["properties"]["size"].pop("anyOf")
    from_server = script.built_in_kinds(lambda _: {**OBJECT_META, "com.example.v1.Thing": served}, "kserve")
    from_file = script.crd_kinds("kserve", crd_text(), lambda _: OBJECT_META)
    assert from_server == from_file


def test_the_normal_form_is_strict_where_the_server_is(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults are filled in before required fields are looked for; free-form objects stay free."""
    monkeypatch.setitem(script.KINDS, "kserve", (("example.com/v1", "Thing"),))
    schema = json.loads(script.crd_kinds("kserve", crd_text(), lambda _: OBJECT_META)["example.com/v1/Thing"])
    spec = schema["properties"]["spec"]
    assert spec["required"] == ["size"]
    assert spec["additionalProperties"] is False
    assert spec["properties"]["free"] == {"type": "object"}
    assert spec["properties"]["none"] == {"type": ["null", "string"]}
    assert spec["properties"]["mode"] == {"type": "string", "enum": ["a", "b"]}
    assert spec["properties"]["size"] == {"type": ["integer", "string"], "pattern": "^[0-9]+$"}
    assert spec["properties"]["ports"]["x-list-map-keys"] == {"port": None, "protocol": "TCP"}
    assert schema["properties"]["metadata"]["additionalProperties"] is False
    assert schema["properties"]["status"] == {"type": "object", "maxProperties": 0}


def test_equal_subschemas_are_written_once(script: ModuleType) -> None:
    """And the result says the same as before."""
    pattern = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
    part = {"type": "object", "properties": {"name": pattern, "other": pattern}, "additionalProperties": False}
    root = {"type": "object", "properties": {"first": part, "second": {"type": "array", "items": part}}}
    shared = script.share(root)
    assert set(shared["definitions"]) == {"first", "name"}
    assert shared["properties"]["second"] == {"type": "array", "items": {"$ref": "#/definitions/first"}}
    assert shared["definitions"]["first"]["properties"]["other"] == {"$ref": "#/definitions/name"}
    assert shared["definitions"]["name"] == pattern


def test_enumerations_are_read_from_the_generated_code(script: ModuleType) -> None:
    """Of fields and of lists' items; the published documents leave them out."""
    source = """
func schema_k8sio_api_core_v1_Thing(ref common.ReferenceCallback) common.OpenAPIDefinition {
\t\t\t\t\t"policy": {
\t\t\t\t\t\tSchemaProps: spec.SchemaProps{
\t\t\t\t\t\t\tEnum:        []interface{}{"Always", "Never"},
\t\t\t\t\t"modes": {
\t\t\t\t\t\tSchemaProps: spec.SchemaProps{
\t\t\t\t\t\t\tItems: &spec.SchemaOrArray{
\t\t\t\t\t\t\t\t\t\tEnum:    []interface{}{"One"},
"""
    enums = script.read_go_enums(source)
    assert enums == {"k8sio_api_core_v1_Thing": {"policy": ["Always", "Never"], "modes[]": ["One"]}}
    components: dict[str, Any] = {
        "io.k8s.api.core.v1.Thing": {"properties": {"policy": {}, "modes": {"items": {"type": "string"}}}}
    }
    script.add_enums(components, enums)
    fields = components["io.k8s.api.core.v1.Thing"]["properties"]
    assert fields["policy"]["enum"] == ["Always", "Never"]
    assert fields["modes"]["items"]["enum"] == ["One"]
