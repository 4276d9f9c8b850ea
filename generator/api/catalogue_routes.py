"""The platform's routes for what can be chosen: frameworks, images, models.

Owns: their answers. Refuses: changing any of it.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from generator.api.answers import Json
from generator.api.context import Parts, Who
from generator.api.envelope import success
from generator.api.platform_routes import PREFIX
from generator.api.platform_shapes import Frameworks, Images, ModelView, answering
from generator.api.views import model_view
from generator.errors import NotFound
from generator.service.describing import list_images as images_of
from generator.spec.names import read_uuid

router = APIRouter(tags=["platform"])
MODELS = "/llm-ops/v1/catalog/models"

FRAMEWORKS: tuple[dict[str, Any], ...] = (
    {
        "name": "kserve",
        "display_name": "KServe",
        "enabled": True,
        "capabilities": ["autoscaling", "inference-service", "in-place-redeploy"],
    },
    {
        "name": "deployment",
        "display_name": "Kubernetes Deployment",
        "enabled": True,
        "capabilities": ["autoscaling", "in-place-redeploy"],
    },
)


@router.get(f"{PREFIX}/frameworks", response_model=None, responses=answering(Frameworks))
def list_frameworks(_who: Who) -> Response:
    """The frameworks that an endpoint may name."""
    return Json(success({"frameworks": list(FRAMEWORKS)}))


@router.get(f"{PREFIX}/images", response_model=None, responses=answering(Images))
def list_images(parts: Parts, _who: Who, environment: str | None = None) -> Response:
    """Serve images by serve target, on GPUs and on CPUs, as an environment names them."""
    return Json(success({"train_images": {}, "serve_images": images_of(parts.service.trunk, environment)}))


@router.get(MODELS, response_model=None, responses=answering(list[ModelView]))
def list_models(parts: Parts, _who: Who) -> Response:
    """The catalogue."""
    return Json(success([model_view(model) for model in (parts.platform.list_models() if parts.platform else ())]))


@router.get(f"{MODELS}/{{identity}}", response_model=None, responses=answering(ModelView))
def get_model(parts: Parts, _who: Who, identity: str) -> Response:
    """One entry of the catalogue."""
    try:
        found = parts.platform.find_model(read_uuid(identity)) if parts.platform else None
    except ValueError:
        raise NotFound(f"{identity[:60]!r} is not the id of a model", hint="ids are UUIDs") from None
    if found is None:
        raise NotFound(f"there is no model {identity}", hint="the catalogue shows which there are")
    return Json(success(model_view(found)))
