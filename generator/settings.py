"""Settings of one machine or person, read from the environment in one place.

Owns: every `REVSTAMP_` variable, with its reason and unit. Refuses: what belongs to a repository (`revstamp.yaml`) or
to an environment of it. Flags of the command line override these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from generator.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Field `x_y` is read from `REVSTAMP_X_Y`; an empty variable counts as not set."""

    actor: str = ""
    """Who is named as the author of a change; empty: git's `user.name` and `user.email`."""

    git_timeout_seconds: float = 60.0
    """How long one exchange with the remote may take. Past it the remote counts as unavailable."""

    lock_timeout_seconds: float = 120.0
    """How long a commit waits for other processes that commit to the same branch."""

    clusters: str = ""
    """How clusters are reached: `name=FILE#CONTEXT`, `name=#CONTEXT` or `name=in-cluster`, with commas between."""

    database: str = ""
    """URL of the ledger's database; empty: git only."""

    webhook_secret: str = ""
    """What the forge signs its webhooks with; empty: no webhook is accepted."""

    proxies: str = ""
    """Networks whose identity headers the API believes, beside loopback: `10.0.0.0/8, 192.0.2.7`."""

    local_user: str = ""
    """Who a browser on this very machine is that comes without a proxy: `ann`, or `ann:llm-ops-user+llm-ops-admin`.
    Empty: nobody. Not for a machine whose proxy passes on requests of other people."""

    roles: str = ""
    """Who may change which environment: `prod=llm-ops-admin+release, *=llm-ops-user`."""

    token_keys: str = ""
    """File or https URL of the JWK set that bearer tokens are checked with; empty: no tokens are accepted."""

    token_issuer: str = ""
    """What tokens must say they were issued by; empty: anybody whose key it is."""

    token_audience: str = ""
    """What tokens must say they are for; empty: anything."""

    origins: str = ""
    """Web pages that may call the API from a browser, with commas between; empty: only its own."""

    writes_per_minute: float = 120.0
    """How often one person may write in a minute."""

    debug: bool = False
    """Whether a bug of revstamp is shown with its traceback."""


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings. InvalidInput names a variable whose text is not what it should be."""
    source = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for item in fields(Settings):
        variable = f"REVSTAMP_{item.name.upper()}"
        text = source.get(variable, "")
        if text:
            values[item.name] = _parse(variable, text, item.default)
    return Settings(**values)  # type: ignore[arg-type]


def _parse(variable: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() not in ("1", "true", "yes", "0", "false", "no"):
            raise InvalidInput(f"{variable} is {text!r}", hint="set it to true or false")
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, float):
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 < value < 86_400:
            unit = " of seconds" if variable.endswith("_SECONDS") else ""
            raise InvalidInput(f"{variable} is {text!r}", hint=f"set it to a number{unit} above zero")
        return value
    return text
