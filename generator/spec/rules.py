"""The rules that one resolved endpoint must keep, all of them reported at once.

Owns: which rules there are. Refuses: rules over many endpoints (`fleet_rules`) and live capacity.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.errors import Violation
from generator.spec.case import Case
from generator.spec.document import Document
from generator.spec.environment import Environment
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.rules_capacity import CAPACITY_RULES
from generator.spec.rules_model import MODEL_RULES, SPEC_RULES
from generator.spec.rules_pod import POD_RULES
from generator.spec.warnings import WARNINGS


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what a plan should warn about."""

    violations: tuple[Violation, ...]
    warnings: tuple[str, ...]


def check_endpoint(
    endpoint: ResolvedEndpoint,
    document: Document,
    environment: Environment,
    environment_document: Document | None = None,
) -> Findings:
    """Every rule that concerns this endpoint alone. An external model keeps only the rules of its model entry."""
    case = Case(endpoint, document, environment, environment_document)
    rules = MODEL_RULES if endpoint.is_external else (*MODEL_RULES, *SPEC_RULES, *CAPACITY_RULES, *POD_RULES)
    found = [violation for rule in rules for violation in rule(case)]
    warnings = () if endpoint.is_external else tuple(warn for rule in WARNINGS for warn in rule(case))
    return Findings(tuple(found), warnings)
