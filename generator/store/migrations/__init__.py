"""How the tables came to be, one version after another; each file stays as it was when it was released.

Owns: the versions and the name of the newest one. Refuses: the platform's tables, which no version touches.
"""

HEAD = "0003"
"""The version that this revstamp works with."""

VERSIONS = ("0001", "0002", "0003")
"""All of them, oldest first."""

VERSION_TABLE = "revstamp_alembic_version"
