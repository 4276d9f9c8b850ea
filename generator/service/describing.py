"""What an endpoint or an environment is, for whoever shows it.

Owns: answers from the tip alone. Refuses: clusters and the database.
"""

from __future__ import annotations

from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet
from generator.service.trunk import Trunk
from generator.spec.environment import ServeImage


def find_framework(trunk: Trunk, ref: EndpointRef) -> tuple[str, str]:
    """The framework that an endpoint is deployed by, and its namespace; one without a file takes the environment's."""
    fleet = fleet_at(trunk.read_tip(refresh=False))
    spec = fleet.environment(ref.environment)[0].spec
    if fleet.find_file(ref) is None:
        return spec.framework, spec.namespace
    return fleet.endpoint_file(ref).endpoint.spec.framework or spec.framework, spec.namespace


def list_images(trunk: Trunk, environment: str | None = None) -> dict[str, dict[str, str | None]]:
    """Serve images by serve target: those of an environment, else of the first that names any."""
    fleet = fleet_at(trunk.read_tip(refresh=False))
    names = (environment,) if environment is not None else fleet.environment_names()
    for name in names:
        found = _images_of(fleet, name)
        if found:
            return found
    return {}


def _images_of(fleet: Fleet, environment: str) -> dict[str, dict[str, str | None]]:
    images = fleet.environment(environment)[0].spec.images
    pairs = (("GENERATION", images.generation), ("RAG", images.rag))
    return {target: {"gpu": _name(found.gpu), "cpu": _name(found.cpu)} for target, found in pairs if found is not None}


def _name(image: ServeImage | None) -> str | None:
    return None if image is None else image.image
