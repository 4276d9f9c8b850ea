"""Claims about model servers: each is told the endpoint's limits in its own words, once, and never through a shell."""

from __future__ import annotations

import pytest

from generator.render.arguments import escape_expansion, group_arguments, merge_arguments
from generator.render.servers import plan_server
from generator.spec.resolved import Origin
from tests.render.factory import make_cpu_endpoint, make_endpoint


def args_of(**overrides: object) -> list[str]:
    return list(plan_server(make_endpoint(**overrides)).args)


def test_vllm_is_told_model_name_port_and_limits() -> None:
    assert args_of(deployment__resources__gpus=4) == [
        "--model=/mnt/models",
        "--served-model-name=llama-chat",
        "--port=8000",
        "--tensor-parallel-size=4",
        "--max-num-seqs=256",
        "--max-model-len=5120",
        '--override-generation-config={"max_new_tokens": 1024}',
    ]


def test_tgi_is_told_its_limits_and_to_listen_on_all_interfaces() -> None:
    plan = plan_server(make_endpoint(server="tgi", deployment__resources__gpus=2))
    assert plan.port == 3000
    assert plan.command == ()
    assert list(plan.args) == [
        "--model-id=/mnt/models",
        "--hostname=0.0.0.0",
        "--port=3000",
        "--num-shard=2",
        "--max-concurrent-requests=256",
        "--max-input-tokens=4096",
        "--max-total-tokens=5120",
    ]


def test_sglang_gets_its_command_since_its_image_starts_nothing() -> None:
    plan = plan_server(make_endpoint(server="sglang"))
    assert plan.command == ("python3", "-m", "sglang.launch_server")
    assert {"--port=30000", "--host=0.0.0.0", "--max-running-requests=256", "--context-length=5120"} <= set(plan.args)


def test_triton_takes_its_limits_from_its_models() -> None:
    plan = plan_server(make_endpoint(server="triton"))
    assert plan.command == ("tritonserver",)
    assert plan.args == ("--model-repository=/mnt/models", "--http-port=8000")
    assert (plan.ready_path, plan.live_path) == ("/v2/health/ready", "/v2/health/live")
    assert "configuration" in plan.warnings[0]


def test_a_plain_server_gets_the_images_own_arguments_and_a_warning() -> None:
    plan = plan_server(make_endpoint(server="plain", image_args=("--threads", "4"), args=("-v",)))
    assert plan.args == ("--threads", "4", "-v")
    assert plan.ready_path == ""
    assert len(plan.warnings) == 1


@pytest.mark.parametrize("server", ["vllm", "tgi", "sglang", "triton"])
def test_on_kserve_every_server_that_can_be_told_listens_on_8080(server: str) -> None:
    plan = plan_server(make_endpoint(server=server, framework="kserve", port=9000))
    assert plan.port == 8080
    assert any(arg.endswith("port=8080") for arg in plan.args)


def test_a_plain_server_on_kserve_listens_where_its_image_says() -> None:
    assert plan_server(make_endpoint(server="plain", framework="kserve", port=9000)).port == 9000


def test_the_port_of_an_endpoint_is_told_to_its_server() -> None:
    plan = plan_server(make_endpoint(port=9001))
    assert plan.port == 9001
    assert "--port=9001" in plan.args


def test_a_model_is_never_asked_for_more_tokens_than_it_has() -> None:
    assert "--max-model-len=2048" in args_of(model__metadata={"max_position_embeddings": 2048})


def test_without_a_known_limit_input_and_output_add_up() -> None:
    assert "--max-model-len=5120" in args_of(model__metadata={})


def test_tgi_input_is_lowered_below_its_total_with_a_warning() -> None:
    plan = plan_server(make_endpoint(server="tgi", model__metadata={"max_position_embeddings": 4096}))
    assert "--max-input-tokens=4095" in plan.args
    assert "--max-total-tokens=4096" in plan.args
    assert any("4095" in warning for warning in plan.warnings)


def test_one_gpu_or_none_needs_no_tensor_parallelism() -> None:
    assert not any("parallel" in arg for arg in args_of())
    assert not any("parallel" in arg for arg in plan_server(make_cpu_endpoint()).args)


@pytest.mark.parametrize("given", [("--max-model-len=4000",), ("--max-model-len", "4000"), ("--max_model_len", "4000")])
def test_a_flag_that_people_give_wins_once_with_a_warning(given: tuple[str, ...]) -> None:
    plan = plan_server(make_endpoint(args=given))
    flags = [arg for arg in plan.args if "max-model-len" in arg.replace("_", "-")]
    assert len(flags) == 1
    assert plan.args[-len(given) :] == given
    assert any("--max-model-len=5120" in warning for warning in plan.warnings)


def test_short_and_old_spellings_are_the_same_flag() -> None:
    plan = plan_server(make_endpoint(args=("-tp", "2"), deployment__resources__gpus=4))
    assert not any("tensor-parallel" in arg for arg in plan.args)
    tgi = plan_server(make_endpoint(server="tgi", args=("--max-input-length=100",)))
    assert not any(arg.startswith("--max-input-tokens") for arg in tgi.args)


def test_the_port_cannot_be_changed_behind_the_probes_back() -> None:
    plan = plan_server(make_endpoint(args=("--port", "1234", "--dtype=half")))
    assert "1234" not in plan.args
    assert plan.args[-1] == "--dtype=half"
    assert any("port" in warning for warning in plan.warnings)


def test_an_endpoints_flag_replaces_the_images() -> None:
    plan = plan_server(make_endpoint(image_args=("--dtype=half", "--seed", "1"), args=("--dtype=bfloat16",)))
    assert plan.args[-3:] == ("--seed", "1", "--dtype=bfloat16")


def test_flags_that_only_people_give_stay_as_often_as_given() -> None:
    args, warnings = merge_arguments(["--a=1"], [], ["--load=x", "--load=y", "word"], {}, {})
    assert args == ("--a=1", "--load=x", "--load=y", "word")
    assert warnings == ()


def test_negative_numbers_are_values_of_their_flag() -> None:
    assert [argument.words for argument in group_arguments(["--seed", "-1", "-x"], {})] == [("--seed", "-1"), ("-x",)]


@pytest.mark.parametrize("text", ["$(HOME)", "a$(B)c", "$$(X)", "$$", "$", "a$", "$x", "$$$(Y)", "$(", "$()", "100$$$"])
def test_kubernetes_expands_an_escaped_text_to_the_text(text: str) -> None:
    assert expand_like_kubernetes(escape_expansion(text)) == text


def expand_like_kubernetes(text: str) -> str:
    """third_party/forked/golang/expansion/expand.go, with every variable defined as BAD."""
    out, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out, at = out + text[at], at + 1
        elif text[at + 1] == "$":
            out, at = out + "$", at + 2
        elif text[at + 1] == "(" and ")" in text[at:]:
            out, at = out + "BAD", text.index(")", at) + 1
        else:
            out, at = out + text[at : at + 2], at + 2
    return out


def test_a_runtime_of_kserve_gets_the_limits_only() -> None:
    plan = plan_server(make_endpoint(framework="kserve", kserve__predictor="model", image_args=("--x",), args=("--y",)))
    output = '--override-generation-config={"max_new_tokens": 1024}'
    assert plan.args == ("--max-num-seqs=256", "--max-model-len=5120", output, "--y")
    assert plan.command == ()


def test_the_health_path_of_an_endpoint_is_asked_everywhere() -> None:
    plan = plan_server(make_endpoint(server="triton", health_path="/ok"))
    assert (plan.ready_path, plan.live_path) == ("/ok", "/ok")


def test_an_embedding_model_has_no_limit_of_output() -> None:
    """It generates nothing."""
    assert not any("max_new_tokens" in arg for arg in args_of(deployment__job_type="EMBEDDING"))


@pytest.mark.parametrize("server", ["tgi", "sglang"])
def test_a_limit_of_output_that_the_server_cannot_be_told_is_said_where_it_was_asked_for(server: str) -> None:
    chosen = {"deployment.runtime.max_output_tokens": Origin("file", "f:1")}
    (warning,) = plan_server(make_endpoint(server=server, origins=chosen)).warnings
    assert f"max_output_tokens 1024 bounds no single answer: {server} is told only" in warning
    assert "together are at most 5120" in warning
    assert plan_server(make_endpoint(server=server)).warnings == ()
    embedding = make_endpoint(server=server, origins=chosen, deployment__job_type="EMBEDDING")
    assert plan_server(embedding).warnings == ()
    assert plan_server(make_endpoint(server="vllm", origins=chosen)).warnings == ()
