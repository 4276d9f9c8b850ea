"""Whose mistake it is that an object does not fit its schema: the template's, or a free-form section's.

Owns: finding the line of a person's file that such a value came from. Refuses: checking objects.
"""

from __future__ import annotations

import re

from generator.errors import Refused, RenderFailed, RevstampError, Violation
from generator.spec.case import Case
from generator.spec.document import Path

_SECTION = re.compile(r"(?:^|\.)(?P<container>(?:initC|c)ontainers\.\d+\.)?securityContext(?:\.(?P<rest>.+))?$")
"""The sections of a file that stand in a manifest as they are; everything else has types of its own."""


def blame_file(error: RenderFailed, case: Case) -> RevstampError:
    """The same error; as a refusal with places in people's files, where all of it comes from what they wrote there."""
    paths = [_free_form_path(violation) for violation in error.violations]
    if not paths or None in paths:
        return error
    found = {
        path: _at_source(violation, path, case)
        for violation, path in zip(error.violations, paths, strict=True)
        if path is not None
    }
    return Refused(f"{case.endpoint.name} cannot be deployed", violations=tuple(found.values()))


def _free_form_path(violation: Violation) -> Path | None:
    match = _SECTION.search(violation.path)
    if match is None:
        return None
    section = "containerSecurityContext" if match["container"] else "securityContext"
    steps = match["rest"].split(".") if match["rest"] else []
    return ("pod", section, *(int(step) if step.isdecimal() else step for step in steps))


def _at_source(violation: Violation, path: Path, case: Case) -> Violation:
    """At the value in the endpoint's file; at the section in the environment's, where it came from there."""
    section = path[:2]
    origin = case.endpoint.origins.get(".".join(map(str, section)))
    from_environment = origin is not None and origin.source == "environment"
    fix = violation.fix or "write it as Kubernetes has it"
    return case.wrong(section if from_environment else path, f"{path[-1]}: {violation.message}", fix, "manifest")
