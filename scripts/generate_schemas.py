#!/usr/bin/env python3
"""Make the schema files that rendered objects are checked against (`generator/render/schemas`).

Three sources, the same files for the same versions:

    generate_schemas.py --modules                                  the pinned releases, through `go mod download`
    generate_schemas.py --openapi api/openapi-spec/v3 --kubernetes 1.36.3 [--crd kserve=0.17.0=FILE ...]
    generate_schemas.py --server https://host:6443 --kubeconfig FILE [--kserve 0.17.0] [--gateway-api 1.7.0]

What a run does not name stays as it is. A published OpenAPI folder lacks the enumerations that a server gives; they
are read from `pkg/generated/openapi/zz_generated.openapi.go` of the same source tree.

Owns: where schemas come from and which are shipped. Refuses: what becomes of them (`normalise`, below, is pure).
Schemas are JSON Schema draft 4: the draft OpenAPI v3 grew from, and the last one in which 1.0 is not an integer.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
Catalogue = dict[str, dict[str, dict[str, Any]]]  # family → minor version → {release, kinds: {apiVersion/kind: text}}

SHIPPED = Path(__file__).resolve().parent.parent / "generator" / "render" / "schemas"

PINNED = {
    "kubernetes": ("1.32.13", "1.33.13", "1.34.4", "1.35.4", "1.36.3"),
    "kserve": ("0.15.2", "0.16.0", "0.17.0", "0.19.0", "0.20.0"),
    "gateway-api": ("1.7.0",),
}
KINDS: dict[str, tuple[tuple[str, str], ...]] = {
    "kubernetes": (
        ("apps/v1", "Deployment"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy/v1", "PodDisruptionBudget"),
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
    ),
    "kserve": (("serving.kserve.io/v1beta1", "InferenceService"),),
    "gateway-api": (("gateway.networking.k8s.io/v1", "HTTPRoute"),),
}
MODULES = {
    "kubernetes": "k8s.io/kubernetes",
    "kserve": "github.com/kserve/kserve",
    "gateway-api": "sigs.k8s.io/gateway-api",
}
CRD_PATHS = {
    "kserve": "config/crd/full/serving.kserve.io_inferenceservices.yaml",
    "gateway-api": "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
}
OPENAPI_FOLDER = "api/openapi-spec/v3"
GO_OPENAPI = "pkg/generated/openapi/zz_generated.openapi.go"

# ---------------------------------------------------------------------------------------------- normal form

QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
# Go types whose JSON form is not what their OpenAPI definition says, by the end of the definition's name.
SPECIAL: dict[str, Schema] = {
    ".api.resource.Quantity": {"type": ["number", "string"], "pattern": QUANTITY},
    ".util.intstr.IntOrString": {"type": ["integer", "string"]},
    ".meta.v1.Time": {"type": ["null", "string"]},  # Go writes an unset creationTimestamp as null
    ".meta.v1.MicroTime": {"type": ["null", "string"]},
    ".meta.v1.FieldsV1": {"type": "object"},
    ".runtime.RawExtension": {"type": "object"},
}
# `numeric` bounds of a format and the pattern of base64; Go's decoder skips line ends.
FORMATS: dict[str, Schema] = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
    "byte": {"pattern": r"^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$"},
}
KEPT = (
    *("enum", "pattern", "minLength", "maxLength", "multipleOf"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)
COMBINED = ("allOf", "anyOf", "oneOf")


def normalise(node: Schema, resolve: Callable[[str], Schema], structural: bool) -> Schema:
    """One schema without prose, strict about unknown fields.

    `structural` says that the schema is a CustomResourceDefinition's: there an object without fields is empty, while
    among the built-in types it is free-form.
    """
    if (name := _reference(node)) is not None:
        target = resolve(name)
        return {**target, "enum": sorted(node["enum"])} if "enum" in node else target

    def again(child: Schema) -> Schema:
        return normalise(child, resolve, structural)

    result = _value_rules(node)
    if node.get("x-kubernetes-int-or-string"):
        return {**result, "type": _nullable(["integer", "string"], node)}
    if "type" in node:
        result["type"] = _nullable(node["type"], node)
    for keyword in COMBINED:
        if keyword in node:
            result[keyword] = [_plain(part) for part in node[keyword]]
    if "not" in node:
        result["not"] = _plain(node["not"])
    if node.get("type") == "object":
        result |= _object_rules(node, again, structural)
    if "items" in node:
        result["items"] = again(node["items"])
        result |= _list_rules(node, resolve)
    return result


def _reference(node: Schema) -> str | None:
    parts = node.get("allOf", [])
    target = node.get("$ref") or (parts[0].get("$ref") if len(parts) == 1 else None)
    return str(target).rpartition("/")[2] if target else None


def _value_rules(node: Schema) -> Schema:
    rules = dict(FORMATS.get(node.get("format", ""), {}))
    rules |= {key: node[key] for key in KEPT if key in node}
    if "enum" in rules:
        rules["enum"] = sorted(rules["enum"], key=json.dumps)
    return rules


def _plain(node: Any) -> Any:
    """A part of anyOf, oneOf, allOf or not: a condition on the value, so nothing is made strict in it."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in sorted(node.items()) if key not in ("description", "default")}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _nullable(types: str | list[str], node: Schema) -> str | list[str]:
    if not node.get("nullable"):
        return types
    return sorted({*([types] if isinstance(types, str) else types), "null"})


def _object_rules(node: Schema, again: Callable[[Schema], Schema], structural: bool) -> Schema:
    fields: Mapping[str, Schema] = node.get("properties", {})
    rules: Schema = {}
    if fields:
        rules["properties"] = {name: again(child) for name, child in sorted(fields.items())}
    required = set(node.get("required", []))
    if structural:  # the server fills these in before it validates; built-in types have only Go's zero values there
        required -= {name for name, child in fields.items() if "default" in child}
    if required:
        rules["required"] = sorted(required)
    values = node.get("additionalProperties")
    if isinstance(values, dict):
        rules["additionalProperties"] = again(values)
    elif values is None and not node.get("x-kubernetes-preserve-unknown-fields") and (fields or structural):
        rules["additionalProperties"] = False
    return rules


def _list_rules(node: Schema, resolve: Callable[[str], Schema]) -> Schema:
    """Sets become uniqueItems. Maps keep their keys, each with the value that a missing one stands for."""
    if node.get("x-kubernetes-list-type") == "set":
        return {"uniqueItems": True}
    if node.get("x-kubernetes-list-type") != "map":
        return {}
    name = _reference(node["items"])
    fields = resolve(f"{RAW}{name}" if name else "").get("properties", {}) if name else node["items"].get("properties")
    return {
        "x-list-map-keys": {
            key: (fields or {}).get(key, {}).get("default") for key in sorted(node["x-kubernetes-list-map-keys"])
        }
    }


RAW = "raw:"  # asks a resolver for a definition as the source gives it


def component_resolver(components: Mapping[str, Schema]) -> Callable[[str], Schema]:
    """Normalised definitions of one OpenAPI document, by name."""

    @cache
    def resolve(name: str) -> Schema:
        if name.startswith(RAW):
            return components[name.removeprefix(RAW)]
        for ending, schema in SPECIAL.items():
            if name.endswith(ending):
                return schema
        return normalise(components[name], resolve, structural=False)

    return resolve


def complete_root(root: Schema, api_version: str, kind: str, metadata: Schema) -> Schema:
    """What holds for every rendered object: it says what it is, has a name, and leaves the status to the cluster."""
    fields = dict(root["properties"])
    fields["apiVersion"] = {"type": "string", "enum": [api_version]}
    fields["kind"] = {"type": "string", "enum": [kind]}
    fields["metadata"] = {**metadata, "required": ["name"]}
    if "status" in fields:
        fields["status"] = {"type": "object", "maxProperties": 0}
    required = {"apiVersion", "kind", "metadata", *root.get("required", [])}
    if fields.get("spec", {}).get("required"):
        required.add("spec")
    return {
        "type": "object",
        "properties": dict(sorted(fields.items())),
        "required": sorted(required),
        "additionalProperties": False,
    }


# ------------------------------------------------------------------------------------------- sharing by content

MINIMUM_SHARED = 56  # characters; a reference alone is about 32


def share(root: Schema) -> Schema:
    """The same schema with every subschema that occurs more than once written once, under `definitions`."""
    numbers: dict[str, int] = {}
    nodes: dict[int, Schema] = {}  # number → the node, its subschemas replaced by their numbers
    uses: Counter[int] = Counter()

    def intern(node: Schema) -> int:
        flat = _replace_children(node, lambda _, child: {"#": intern(child)})
        text = json.dumps(flat, sort_keys=True)
        if text not in numbers:
            number = numbers[text] = len(numbers)
            nodes[number] = flat
            uses.update(child["#"] for _, child in _children(flat))
        return numbers[text]

    top = intern(root)
    names: dict[int, str] = {}
    definitions: Schema = {}

    def emit(number: int, name: str) -> Schema:
        full = _replace_children(nodes[number], lambda key, child: emit(child["#"], key or name))
        if number == top or uses[number] < 2 or len(json.dumps(full)) < MINIMUM_SHARED:
            return full
        if number not in names:
            names[number] = _free_name(name, definitions)
            definitions[names[number]] = full
        return {"$ref": f"#/definitions/{names[number]}"}

    return {**emit(top, "root"), "definitions": dict(sorted(definitions.items()))}


def _children(node: Schema) -> Iterator[tuple[str, Schema]]:
    yield from node.get("properties", {}).items()
    for keyword in ("items", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            yield "", node[keyword]


def _replace_children(node: Schema, change: Callable[[str, Schema], Schema]) -> Schema:
    result = dict(sorted(node.items()))
    if "properties" in node:
        result["properties"] = {name: change(name, child) for name, child in sorted(node["properties"].items())}
    for keyword in ("items", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            result[keyword] = change("", node[keyword])
    return result


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    number = 1
    while (candidate := name if number == 1 else f"{name}{number}") in taken:
        number += 1
    return candidate


def write_text(schema: Schema) -> str:
    """Compact, but a definition a line, so that a new version can be read as a difference."""

    def compact(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    definitions = schema["definitions"]
    lines = ",\n".join(f"{json.dumps(name)}:{compact(value)}" for name, value in definitions.items())
    head = ",\n".join(f"{json.dumps(key)}:{compact(schema[key])}" for key in sorted(schema) if key != "definitions")
    return f'{{"$schema":"http://json-schema.org/draft-04/schema#",\n"definitions":{{\n{lines}}},\n{head}}}\n'


# --------------------------------------------------------------------------------------------------- sources


def read_go_enums(source: str) -> dict[str, dict[str, list[str]]]:
    """The enumerations in Kubernetes' generated OpenAPI code: definition → field (`[]` behind it for its items)."""
    found: dict[str, dict[str, list[str]]] = {}
    model = field = ""
    in_items = False
    for line in source.splitlines():
        if match := re.match(r"func schema_(\w+?)\(", line):
            model = match[1]
        elif match := re.match(r'\t+"([^"]+)": \{$', line):
            field, in_items = match[1], False
        elif "Items: &spec.SchemaOrArray{" in line:
            in_items = True
        elif match := re.match(r"\t+Enum:\s+\[\]interface\{\}\{(.*)\}", line):
            values = [json.loads(value) for value in re.findall(r'"(?:[^"\\]|\\.)*"', match[1])]
            found.setdefault(model, {})[field + "[]" * in_items] = values
    return found


def add_enums(components: Mapping[str, Schema], enums: Mapping[str, Mapping[str, list[str]]]) -> None:
    """Put the enumerations where a server's own document has them."""
    for name, component in components.items():
        fields = enums.get("k8sio_" + name.removeprefix("io.k8s.").replace(".", "_"), {})
        for field, values in fields.items():
            target = component["properties"].get(field.removesuffix("[]"))
            if target is not None:
                (target["items"] if field.endswith("[]") else target)["enum"] = values


def find_component(components: Mapping[str, Schema], api_version: str, kind: str) -> Schema:
    """The definition of a kind in one OpenAPI document."""
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    return next(value for value in components.values() if value.get("x-kubernetes-group-version-kind") == [wanted])


def object_metadata(components: Mapping[str, Schema]) -> Schema:
    """ObjectMeta, normalised."""
    name = next(name for name in components if name.endswith(".meta.v1.ObjectMeta"))
    return component_resolver(components)(name)


def make_text(root: Schema, api_version: str, kind: str, components: Mapping[str, Schema], structural: bool) -> str:
    """The file of one kind."""
    fields = {name: child for name, child in root["properties"].items() if name not in ("metadata", "status")}
    if "status" in root["properties"]:
        fields["status"] = {}
    resolve = component_resolver(components)
    schema = normalise({**root, "properties": fields, "allOf": []}, resolve, structural)
    schema.pop("allOf")
    return write_text(share(complete_root(schema, api_version, kind, object_metadata(components))))


def crd_schema(text: str, api_version: str) -> Schema:
    """The schema of one version in a CustomResourceDefinition."""
    spec = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]
    version = next(item for item in spec["versions"] if item["name"] == api_version.rpartition("/")[2])
    return dict(version["schema"]["openAPIV3Schema"])


def openapi_file(api_version: str) -> str:
    """The name that the published folder gives a group's document."""
    prefix = f"apis__{api_version.replace('/', '__')}" if "/" in api_version else f"api__{api_version}"
    return f"{prefix}_openapi.json"


Documents = Callable[[str], Mapping[str, Schema]]  # apiVersion → components


def published_documents(read: Callable[[str], str], go_source: str | None) -> Documents:
    """Documents of a published folder, given how to read a file of it."""
    enums = read_go_enums(go_source) if go_source else {}

    @cache
    def components(api_version: str) -> Mapping[str, Schema]:
        schemas: dict[str, Schema] = json.loads(read(openapi_file(api_version)))["components"]["schemas"]
        add_enums(schemas, enums)
        return schemas

    return components


def built_in_kinds(documents: Documents, family: str = "kubernetes") -> dict[str, str]:
    """Files of all kinds of a family from OpenAPI documents."""
    texts = {}
    for api_version, kind in KINDS[family]:
        components = documents(api_version)
        root = find_component(components, api_version, kind)
        texts[f"{api_version}/{kind}"] = make_text(root, api_version, kind, components, family != "kubernetes")
    return texts


def crd_kinds(family: str, text: str, documents: Documents) -> dict[str, str]:
    """Files of a family's kinds from its CustomResourceDefinition; the metadata are those of a Kubernetes release."""
    return {
        f"{api_version}/{kind}": make_text(crd_schema(text, api_version), api_version, kind, documents("apps/v1"), True)
        for api_version, kind in KINDS[family]
    }


class Server:
    """A live API server."""

    def __init__(self, url: str, headers: Mapping[str, str], context: ssl.SSLContext) -> None:
        self.url, self.headers, self.context = url.rstrip("/"), dict(headers), context

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        request = urllib.request.Request(self.url + path, headers={**self.headers, "Accept": "application/json"})
        with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
            return json.load(answer)

    @cache  # noqa: B019 - one server a run
    def documents(self, api_version: str) -> Mapping[str, Schema]:
        """The components of one group's document."""
        prefix = "apis" if "/" in api_version else "api"
        components: Mapping[str, Schema] = self.get(f"/openapi/v3/{prefix}/{api_version}")["components"]["schemas"]
        return components


def connect(options: argparse.Namespace) -> Server:
    """The server that the options name, with the credentials of a kubeconfig or a token file."""
    context = ssl.create_default_context()
    headers: dict[str, str] = {}
    url: str = options.server
    if options.kubeconfig:
        url = _read_kubeconfig(yaml.safe_load(Path(options.kubeconfig).read_text()), context, headers, url)
    if options.token_file:
        headers["Authorization"] = f"Bearer {Path(options.token_file).read_text().strip()}"
    if options.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Server(url, headers, context)


def _read_kubeconfig(config: Any, context: ssl.SSLContext, headers: dict[str, str], url: str) -> str:
    def pick(kind: str, name: str) -> Any:
        return next(item[kind] for item in config[f"{kind}s"] if item["name"] == name)

    current = pick("context", config["current-context"])
    cluster, user = pick("cluster", current["cluster"]), pick("user", current["user"])
    if data := cluster.get("certificate-authority-data"):
        context.load_verify_locations(cadata=base64.b64decode(data).decode())
    elif file := cluster.get("certificate-authority"):
        context.load_verify_locations(cafile=file)
    if token := user.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile("wb") as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    elif "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    return str(url or cluster["server"])


class Module:
    """The files of one release of a Go module, read from its zip."""

    def __init__(self, family: str, release: str) -> None:
        self.prefix = f"{MODULES[family]}@v{release}"
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run(
                ["go", "mod", "download", "-json", self.prefix], cwd=folder, capture_output=True, text=True, check=False
            )
        answer = json.loads(run.stdout or "{}")
        # A module that asks for a newer Go than the one here is an error to `go`, but its files are there.
        if not answer.get("Zip"):
            raise SystemExit(f"go mod download {self.prefix}: {answer.get('Error') or run.stderr.strip()}")
        self.zip = zipfile.ZipFile(answer["Zip"])

    def read(self, path: str) -> str:
        """One file's text."""
        return self.zip.read(f"{self.prefix}/{path}").decode()


def module_documents(release: str) -> Documents:
    """The OpenAPI documents of a Kubernetes release, from its module."""
    module = Module("kubernetes", release)
    return published_documents(lambda name: module.read(f"{OPENAPI_FOLDER}/{name}"), module.read(GO_OPENAPI))


# ------------------------------------------------------------------------------------------------- the folder


def load_catalogue(folder: Path) -> Catalogue:
    """What the folder holds; empty if it has no index."""
    index_file = folder / "index.json"
    index: Catalogue = json.loads(index_file.read_text()) if index_file.exists() else {}
    for versions in index.values():
        for entry in versions.values():
            entry["kinds"] = {key: (folder / name).read_text() for key, name in entry["kinds"].items()}
    return index


def save_catalogue(catalogue: Catalogue, folder: Path) -> None:
    """Write index and files; equal schemas share a file, named by the oldest version that has them."""
    folder.mkdir(parents=True, exist_ok=True)
    index: Catalogue = {}
    files: dict[str, str] = {}
    for family, versions in sorted(catalogue.items()):
        names: dict[tuple[str, str], str] = {}
        for version in sorted(versions, key=_version_key):
            entry = versions[version]
            kinds = {}
            for key, text in sorted(entry["kinds"].items()):
                name = names.setdefault((key, text), f"{key.rpartition('/')[2].lower()}-{family}-{version}.json")
                files[name] = text
                kinds[key] = name
            index.setdefault(family, {})[version] = {"release": entry["release"], "kinds": kinds}
    for stale in set(folder.glob("*.json")) - {folder / name for name in files}:
        stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def add_release(catalogue: Catalogue, family: str, release: str, kinds: dict[str, str]) -> None:
    """Put one release in, in place of another of the same minor version."""
    minor = ".".join(release.split(".")[:2])
    catalogue.setdefault(family, {})[minor] = {"release": release, "kinds": kinds}
    print(f"{family} {release}: {sum(map(len, kinds.values())):,} characters in {len(kinds)} kinds", file=sys.stderr)


def add_modules(catalogue: Catalogue, only: list[str]) -> None:
    """The pinned releases, or those of them that `only` names as family=release."""
    newest = module_documents(PINNED["kubernetes"][-1])
    for family, releases in PINNED.items():
        for release in releases:
            if only and f"{family}={release}" not in only:
                continue
            if family == "kubernetes":
                same = release == PINNED["kubernetes"][-1]
                kinds = built_in_kinds(newest if same else module_documents(release))
            else:
                kinds = crd_kinds(family, Module(family, release).read(CRD_PATHS[family]), newest)
            add_release(catalogue, family, release, kinds)


def add_server(catalogue: Catalogue, options: argparse.Namespace) -> None:
    """A live server's own kinds, and those of the extensions whose release the options name."""
    server = connect(options)
    release = options.kubernetes or server.get("/version")["gitVersion"].removeprefix("v").partition("-")[0]
    add_release(catalogue, "kubernetes", release.partition("+")[0], built_in_kinds(server.documents))
    for family, wanted in (("kserve", options.kserve), ("gateway-api", options.gateway_api)):
        if wanted:
            add_release(catalogue, family, wanted, built_in_kinds(server.documents, family))


def add_folder(catalogue: Catalogue, options: argparse.Namespace) -> None:
    """A published OpenAPI folder, and CustomResourceDefinition files."""
    folder = Path(options.openapi)
    go_file = folder.parent.parent.parent / GO_OPENAPI
    go_source = go_file.read_text() if go_file.exists() else None
    documents = published_documents(lambda name: (folder / name).read_text(), go_source)
    if options.kubernetes:
        add_release(catalogue, "kubernetes", options.kubernetes, built_in_kinds(documents))
    for item in options.crd:
        family, release, file = item.split("=", 2)
        add_release(catalogue, family, release, crd_kinds(family, Path(file).read_text(), documents))


def main(arguments: list[str] | None = None) -> None:
    """Read the options, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--modules", action="store_true", help="the pinned releases, by `go mod download`")
    source.add_argument("--openapi", metavar="FOLDER", help="a published api/openapi-spec/v3")
    source.add_argument("--server", metavar="URL", help="a live API server; empty: the one of --kubeconfig")
    parser.add_argument("--only", action="append", default=[], metavar="FAMILY=RELEASE", help="with --modules")
    parser.add_argument("--crd", nargs="*", default=[], metavar="FAMILY=RELEASE=FILE", help="with --openapi")
    parser.add_argument("--kubernetes", metavar="RELEASE")
    parser.add_argument("--kserve", metavar="RELEASE", help="with --server: also its KServe kinds")
    parser.add_argument("--gateway-api", metavar="RELEASE", help="with --server: also its Gateway API kinds")
    parser.add_argument("--kubeconfig", metavar="FILE")
    parser.add_argument("--token-file", metavar="FILE")
    parser.add_argument("--insecure", action="store_true", help="do not check the server's certificate")
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    catalogue = load_catalogue(options.output)
    if options.modules:
        add_modules(catalogue, options.only)
    elif options.openapi:
        add_folder(catalogue, options)
    else:
        add_server(catalogue, options)
    save_catalogue(catalogue, options.output)


if __name__ == "__main__":
    main()
