"""Bodies of requests: their shapes, so that one of another shape is a 422.

Owns: which JSON types a field may have. Refuses: what the values mean; `spec.request` and `spec.endpoint_request` say.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

Quantity = str | int | float | None
Policy = dict[str, Any] | None
PathWord = Annotated[str, Path(max_length=200)]
"""A part of a path. Nothing that has a name has a longer one."""
Number = int | str | None
"""A cleared number input of the page arrives as an empty text."""


class RedeployBody(BaseModel):
    """`POST /endpoints/{id}/redeploy`; `{}` redeploys as it is."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{}, {"memoryLimit": "48Gi", "cpuRequest": "6"}]}
    )

    useGpu: bool | None = None  # noqa: N815 - the platform's name
    servingRuntimeImage: str | None = None  # noqa: N815
    cpuRequest: Quantity = None  # noqa: N815
    cpuLimit: Quantity = None  # noqa: N815
    memoryRequest: Quantity = None  # noqa: N815
    memoryLimit: Quantity = None  # noqa: N815
    autoscalePolicy: Policy = None  # noqa: N815
    servingFramework: str | None = None  # noqa: N815
    deploymentSpec: dict[str, Any] | None = None  # noqa: N815

    def given(self) -> dict[str, Any]:
        """The fields that were sent, with nulls."""
        return self.model_dump(exclude_unset=True)


class EndpointBody(RedeployBody):
    """`PATCH /endpoints/{id}`."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"minReplicas": 2, "maxReplicas": 6}]})

    route: str | None = None
    minReplicas: Number = None  # noqa: N815
    maxReplicas: Number = None  # noqa: N815
    promptPolicyId: str | None = None  # noqa: N815
    rollbackPlan: str | None = None  # noqa: N815


class NewEndpointBody(EndpointBody):
    """`POST /endpoints`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"modelId": "64a15960-62cd-51a2-9721-85edaa194da1", "environment": "dev", "route": "/llm/chat"}
            ]
        },
    )

    modelId: str  # noqa: N815
    environment: str
    route: str


class DeploymentBody(BaseModel):
    """`PATCH /endpoints/{id}/deployment`; both 0 stops the endpoint."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"min_replicas": 0, "max_replicas": 0}]})

    min_replicas: int | None = Field(default=None, ge=0)
    max_replicas: int | None = Field(default=None, ge=0)


class RollbackBody(BaseModel):
    """Which revision to bring back, and why; without a number the last that was healthy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"revision": 41, "reason": "slow first tokens"}]})

    reason: str = Field(default="", max_length=2000)
    revision: int | None = Field(default=None, ge=1, le=2**31 - 1)


class SupersedeBody(RedeployBody):
    """A redeploy that takes the place of another one, and why."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"memoryLimit": "48Gi", "reason": "it runs out of memory"}]}
    )

    reason: str = Field(default="", max_length=2000)

    def given(self) -> dict[str, Any]:
        """The fields that were sent, but the reason."""
        return self.model_dump(exclude_unset=True, exclude={"reason"})
