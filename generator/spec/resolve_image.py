"""Which image runs, and which model server is in it.

Owns: the choice between the endpoint's image and the environment's catalogue. Refuses: the server's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from generator.spec.document import Path
from generator.spec.environment import ServeImage
from generator.spec.model import DeploymentSpec
from generator.spec.names import ImageReference
from generator.spec.resolved import Origin
from generator.spec.sections import Device, Server
from generator.spec.sources import Sources

SERVER_NAMES: Mapping[str, Server] = {
    "vllm": "vllm",
    "text-generation-inference": "tgi",
    "tgi": "tgi",
    "sglang": "sglang",
    "triton": "triton",
}


def resolve_image(
    sources: Sources, deployment: DeploymentSpec, device: Device
) -> tuple[str, Server, ServeImage | None]:
    """The image, the server in it, and the catalogue's entry for that server, whose port and arguments then hold."""
    entry, path = _catalog_entry(sources, deployment, device)
    own = sources.spec.image
    if own is None and entry is None:
        _miss_image(sources, deployment, device)
    if own is not None:
        sources.origins["image"] = sources.from_file(("spec", "image"))
    elif entry is not None:
        sources.origins["image"] = sources.from_environment((*path, "image"))
    server, origin = _server(sources, own, entry, path)
    sources.origins["server"] = origin
    if own is not None and entry is not None and server != _server_of_entry(entry):
        entry = None
    return own or (entry.image if entry else ""), server, entry


def _miss_image(sources: Sources, deployment: DeploymentSpec, device: Device) -> None:
    if sources.spec.model.type == "external":
        return
    target, server = deployment.serve_target, sources.spec.server
    violation = sources.env_document.violation(
        ("spec", "images"),
        f"the environment has no {device} image for {target}" + (f" on {server}" if server else ""),
        f"add spec.images.{target}.{device} there, or give the endpoint an image",
        "image",
    )
    sources.violations.append(violation)


def _catalog_entry(sources: Sources, deployment: DeploymentSpec, device: Device) -> tuple[ServeImage | None, Path]:
    """The catalogue's image for the chosen server, else for the serve target, and its path in the environment."""
    images, server = sources.env.images, sources.spec.server
    if server is not None and images.servers and server in images.servers:
        by_server = images.servers[server].for_device(device)
        if by_server is not None:
            return by_server.model_copy(update={"server": server}), ("spec", "images", "servers", server, device)
    target = images.rag if deployment.serve_target == "RAG" else images.generation
    entry = target.for_device(device) if target else None
    if entry is None or (server is not None and _server_of_entry(entry) != server):
        return None, ()
    return entry, ("spec", "images", deployment.serve_target, device)


def _server(sources: Sources, own: str | None, entry: ServeImage | None, path: Path) -> tuple[Server, Origin]:
    """The server: chosen, known by the own image's name, of the catalogue's entry; `plain` where none of these."""
    if sources.spec.server is not None:
        return sources.spec.server, sources.from_file(("spec", "server"))
    if own is not None and (entry is None or own != entry.image):
        named = server_in_name(own)
        if named is not None:
            return named, Origin("rule", note="known by the image's name")
        if entry is not None and entry.server is not None:
            sources.notices.append(f"the image {own} does not say which server it holds; taken for {entry.server}")
            return entry.server, sources.from_environment((*path, "server"))
    elif entry is not None:
        given = entry.server is not None
        origin = sources.from_environment((*path, "server")) if given else Origin("rule", note="by the image's name")
        return _server_of_entry(entry), origin
    return "plain", Origin("default", note="the image's name says no server")


def _server_of_entry(entry: ServeImage) -> Server:
    return entry.server or server_in_name(entry.image) or "plain"


def server_in_name(image: str) -> Server | None:
    """The model server that an image's name speaks of; None where it speaks of none."""
    reference = ImageReference.parse(image)
    name = reference.repository if reference else ""
    return next((server for part, server in SERVER_NAMES.items() if part in name), None)
