"""What somebody may do, by role and environment.

Owns: the table that settings give. Refuses: who somebody is (`identity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.api.identity import READER, Person
from generator.errors import InvalidInput, Refused


class Forbidden(Refused):
    """The person is known and may not do this."""

    code = "forbidden"
    usual_hint = "ask for a role that may; REVSTAMP_ROLES says which"
    http_status = 403


@dataclass(frozen=True, slots=True)
class Roles:
    """Roles that may change an environment, any of them; one that is not named takes the reader's role."""

    writers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def require_reader(self, person: Person) -> None:
        """Forbidden without the platform's role, or one that may write somewhere."""
        known = {READER}.union(*self.writers.values())
        if not known & person.roles:
            raise Forbidden(f"{person.id} lacks the role {READER}")

    def require_writer(self, person: Person, environment: str) -> None:
        """Forbidden where none of the person's roles may change the environment."""
        wanted = self.writers.get(environment, self.writers.get("*", frozenset({READER})))
        if not wanted & person.roles:
            raise Forbidden(f"{person.id} may not change {environment}: it takes {' or '.join(sorted(wanted))}")


def parse_roles(text: str) -> Roles:
    """`prod=llm-ops-admin+release, *=llm-ops-user`. InvalidInput where it is not of that shape."""
    writers = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        environment, equals, names = part.partition("=")
        roles = frozenset(name.strip() for name in names.split("+") if name.strip())
        if not equals or not environment.strip() or not roles:
            raise InvalidInput(f"{part!r} gives no roles", hint="write prod=llm-ops-admin+release, *=llm-ops-user")
        writers[environment.strip()] = roles
    return Roles(writers)
