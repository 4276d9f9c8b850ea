"""What each model server wants to be told: port, health paths, and its arguments for the limits of an endpoint.

Owns: the table of servers and `plan_server`. Refuses: where the server runs (`context`) and which image it is.

Sources: the servers' own command lines. vLLM's images start `vllm serve` or, before 0.11.1, its API server module;
`--model` is what both take. TGI's image starts its launcher; SGLang's and Triton's images start nothing, so their
commands are given. Arguments are one string each, `--flag=value`, so that no value is taken for a flag, and never
pass a shell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.render.arguments import escape_expansion, merge_arguments
from generator.spec.resolved import ResolvedEndpoint

MODEL_PATH = "/mnt/models"
KSERVE_PORT = 8080
"""The port that KServe's own Service and probes assume for `kserve-container`."""


@dataclass(frozen=True, slots=True)
class ServerWays:
    """How one server is told things; an empty flag means that it cannot be told.

    `tokens_total` is the flag for tokens of input and output together, `tokens_out` the whole argument that bounds the
    output of every request, `ready` and `live` are the paths that answer 2xx
    (empty: only that the port is open can be asked), `aliases` maps other spellings of flags to the one used here.
    """

    port: int
    command: tuple[str, ...] = ()
    model: str = ""
    served_name: str = ""
    host: str = ""
    port_flag: str = ""
    parallel: str = ""
    concurrency: str = ""
    tokens_in: str = ""
    tokens_total: str = ""
    tokens_out: str = ""
    ready: str = ""
    live: str = ""
    aliases: Mapping[str, str] | None = None


SERVERS: Mapping[str, ServerWays] = {
    "vllm": ServerWays(
        port=8000,
        model="--model",
        served_name="--served-model-name",
        port_flag="--port",
        parallel="--tensor-parallel-size",
        concurrency="--max-num-seqs",
        tokens_total="--max-model-len",
        tokens_out='--override-generation-config={{"max_new_tokens": {tokens}}}',
        ready="/health",
        live="/health",
        aliases={"-tp": "--tensor-parallel-size"},
    ),
    "tgi": ServerWays(
        port=3000,
        model="--model-id",
        host="--hostname",
        port_flag="--port",
        parallel="--num-shard",
        concurrency="--max-concurrent-requests",
        tokens_in="--max-input-tokens",
        tokens_total="--max-total-tokens",
        ready="/health",
        live="/health",
        aliases={"-p": "--port", "--max-input-length": "--max-input-tokens"},
    ),
    "sglang": ServerWays(
        port=30000,
        command=("python3", "-m", "sglang.launch_server"),
        model="--model-path",
        served_name="--served-model-name",
        host="--host",
        port_flag="--port",
        parallel="--tp-size",
        concurrency="--max-running-requests",
        tokens_total="--context-length",
        ready="/health",
        live="/health",
        aliases={"--model": "--model-path", "--tp": "--tp-size", "--tensor-parallel-size": "--tp-size"},
    ),
    "triton": ServerWays(
        port=8000,
        command=("tritonserver",),
        model="--model-repository",
        port_flag="--http-port",
        ready="/v2/health/ready",
        live="/v2/health/live",
        aliases={"--model-store": "--model-repository"},
    ),
    "plain": ServerWays(port=8000),
}


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How the server of one endpoint is started and asked for its health; empty paths mean: ask the port only."""

    port: int
    command: tuple[str, ...]
    args: tuple[str, ...]
    ready_path: str
    live_path: str
    warnings: tuple[str, ...]


def plan_server(endpoint: ResolvedEndpoint) -> ServerPlan:
    """The server's port, command, arguments and health paths, with what could not be told as warnings."""
    ways = SERVERS[endpoint.server]
    port = _choose_port(endpoint, ways)
    limits, warnings = _limit_arguments(endpoint, ways)
    by_runtime = endpoint.framework == "kserve" and endpoint.kserve.predictor == "model"
    own = limits if by_runtime else _identity_arguments(endpoint, ways, port) + limits
    fixed = {ways.port_flag: "the port is set by 'port'"} if ways.port_flag and not by_runtime else {}
    image_args = () if by_runtime else endpoint.image_args
    args, more = merge_arguments(own, image_args, endpoint.args, ways.aliases or {}, fixed)
    return ServerPlan(
        port=port,
        command=() if by_runtime else ways.command,
        args=args,
        ready_path=endpoint.health_path or ways.ready,
        live_path=endpoint.health_path or ways.live,
        warnings=(*warnings, *more),
    )


def _choose_port(endpoint: ResolvedEndpoint, ways: ServerWays) -> int:
    """KServe's port where the server can be told; a server that cannot be told listens where its image says."""
    if endpoint.framework == "kserve":
        return KSERVE_PORT if ways.port_flag or endpoint.port is None else endpoint.port
    return ways.port if endpoint.port is None else endpoint.port


def _identity_arguments(endpoint: ResolvedEndpoint, ways: ServerWays, port: int) -> list[str]:
    """Which model, under which name, on which port; all interfaces, since TGI reads HOSTNAME and SGLang is local."""
    pairs = (
        (ways.model, MODEL_PATH),
        (ways.served_name, escape_expansion(endpoint.model.name)),
        (ways.host, "0.0.0.0"),  # noqa: S104  (inside a pod, the Service is what exposes it)
        (ways.port_flag, str(port)),
    )
    return [f"{flag}={value}" for flag, value in pairs if flag]


def _limit_arguments(endpoint: ResolvedEndpoint, ways: ServerWays) -> tuple[list[str], list[str]]:
    """GPUs, concurrency and token limits as arguments, and warnings about what the server cannot be told."""
    if not ways.concurrency:
        where = "its models' configuration" if endpoint.server == "triton" else "the image itself"
        return [], [f"the limits of requests and tokens are not passed on: the server takes them from {where}"]
    runtime = endpoint.deployment.runtime
    wanted = runtime.max_input_tokens + runtime.max_output_tokens
    total = min(wanted, endpoint.model.max_position_embeddings or wanted)
    warnings: list[str] = []
    args: list[str] = []
    if endpoint.gpus > 1:
        args.append(f"{ways.parallel}={endpoint.gpus}")
    args.append(f"{ways.concurrency}={runtime.max_concurrent_requests}")
    if ways.tokens_in:
        tokens_in = max(min(runtime.max_input_tokens, total - 1), 1)
        if tokens_in < runtime.max_input_tokens:
            warnings.append(
                f"max_input_tokens is {tokens_in} instead of {runtime.max_input_tokens}: the server needs room for at "
                f"least one token of output within the {total} that the model takes"
            )
        args.append(f"{ways.tokens_in}={tokens_in}")
    args.append(f"{ways.tokens_total}={total}")
    if ways.tokens_out and endpoint.deployment.job_type != "EMBEDDING":
        args.append(ways.tokens_out.format(tokens=endpoint.deployment.runtime.max_output_tokens))
    elif not ways.tokens_out and _is_asked_for(endpoint):
        warnings.append(
            f"max_output_tokens {runtime.max_output_tokens} bounds no single answer: {endpoint.server} is told only "
            f"that input and output together are at most {total}, so a short input leaves room for a longer answer; "
            "clients bound theirs with max_tokens"
        )
    return args, warnings


def _is_asked_for(endpoint: ResolvedEndpoint) -> bool:
    """Whether somebody chose the length of answers, and there are answers: embeddings have none."""
    origin = endpoint.origins.get("deployment.runtime.max_output_tokens")
    chosen = origin is not None and origin.source in ("request", "file")
    return chosen and endpoint.deployment.job_type != "EMBEDDING"
