"""Which image runs, and which model server is in it.

Owns: the choice between the endpoint's image and the environment's catalogue. Refuses: the server's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from generator.errors import Violation
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
    """The image, the server in it, and its catalogue entry, unless another server was chosen."""
    entry, path = _catalog_entry(sources, deployment, device)
    own = sources.spec.image
    if own is None and entry is None and sources.spec.model.type != "external":
        target = deployment.serve_target
        violation = Violation(
            f"the environment has no {device} image for {target}"
            + (f" on {sources.spec.server}" if sources.spec.server else ""),
            f"add spec.images.{target}.{device} there, or give the endpoint an image",
            "spec.images",
            sources.env_document.file,
            sources.env_document.place(("spec", "images")).line,
            1,
            "image",
        )
        sources.violations.append(violation)
    if own is not None:
        sources.origins["image"] = sources.from_file(("spec", "image"))
    elif path:
        sources.origins["image"] = sources.from_environment(path)
    server = _server(sources, own, entry)
    if own is not None and entry is not None and own != entry.image and server != (entry.server or server):
        entry = None
    return own or (entry.image if entry else ""), server, entry


def _catalog_entry(sources: Sources, deployment: DeploymentSpec, device: Device) -> tuple[ServeImage | None, Path]:
    images, server = sources.env.images, sources.spec.server
    if server is not None and images.servers and server in images.servers:
        by_server = images.servers[server].for_device(device)
        if by_server is not None:
            named = by_server.model_copy(update={"server": server})
            return named, ("spec", "images", "servers", server, device, "image")
    target = images.rag if deployment.serve_target == "RAG" else images.generation
    entry = target.for_device(device) if target else None
    if entry is not None and server is not None and _server(sources, None, entry, ignore_choice=True) != server:
        return None, ()
    return entry, ("spec", "images", deployment.serve_target, device, "image")


def _server(sources: Sources, own: str | None, entry: ServeImage | None, *, ignore_choice: bool = False) -> Server:
    """The server: chosen, of the catalogue's entry, or known by the image's name; `plain` where none of these."""
    if sources.spec.server is not None and not ignore_choice:
        return sources.note("server", sources.spec.server, sources.from_file(("spec", "server")))  # type: ignore[no-any-return]
    if entry is not None and entry.server is not None and own in (None, entry.image):
        return sources.note("server", entry.server, Origin("environment", sources.env_document.file))  # type: ignore[no-any-return]
    image = own or (entry.image if entry else "")
    reference = ImageReference.parse(image)
    name = reference.repository if reference else ""
    for part, server in SERVER_NAMES.items():
        if part in name:
            return sources.note("server", server, Origin("rule", f"{part!r} in the image's name"))  # type: ignore[no-any-return]
    if own is not None and entry is not None and entry.server is not None:
        sources.notices.append(f"the image {own} does not say which server it holds; taken for {entry.server}")
        return sources.note("server", entry.server, Origin("environment", sources.env_document.file))  # type: ignore[no-any-return]
    return sources.note("server", "plain", Origin("default", "the image's name says no server"))  # type: ignore[no-any-return]
