"""The semantic table: what its rows are read from, and what is left for fields."""

from __future__ import annotations

import pytest

from generator.render.diff_fields import Effect
from generator.render.diff_intent import Intent
from tests.render.test_diff import ARGS, diff, rows
from tests.render.test_pods import container, deployment, edited, inference_service, route


def test_the_table_speaks_of_models_and_not_of_fields() -> None:
    """Every row that people ask for, read from where it stands."""
    args = ["--model=/mnt/models", "--served-model-name=chat2", "--max-model-len=8192", "--max-num-seqs=64"]
    limits = {"cpu": "16", "memory": "64Gi", "nvidia.com/gpu": "4"}
    body = edited(deployment(), ARGS, [*args, "--tensor-parallel-size=4"])
    body = edited(body, "spec/template/spec/containers/0/resources/limits", limits)
    body = edited(body, "spec/template/spec/initContainers/0/args/0", "s3://models/chat/2")
    body = edited(body, "spec/template/spec/containers/0/startupProbe/failureThreshold", 120)
    body = edited(body, "spec/strategy/rollingUpdate", {"maxSurge": 0, "maxUnavailable": 1})
    found = diff([deployment(), route()], [body, route("/v2/chat")])
    restarts, quiet = Effect.RESTARTS, Effect.NO_RESTART
    assert rows(found) == {
        "model": ("chat", "chat2", restarts),
        "storage": ("s3://models/chat/1", "s3://models/chat/2", restarts),
        "GPUs × replicas": ("2 × 3 = 6", "4 × 3 = 12", restarts),
        "tensor parallel": ("2", "4", restarts),
        "concurrent requests": ("256", "64", restarts),
        "total tokens": ("5120", "8192", restarts),
        "cpu": ("4 to 8", "4 to 16", restarts),
        "memory": ("32Gi to 48Gi", "32Gi to 64Gi", restarts),
        "strategy": ("surge 1, unavailable 0", "surge 0, unavailable 1", quiet),
        "startup budget": ("600 s", "1200 s", restarts),
        "route": ("llm.local/llm/chat", "llm.local/v2/chat", quiet),
    }
    assert found.others == ()


def test_scaling_shows_more_gpus_without_a_restart() -> None:
    """The row's effect is that of the field that changed, not of the row's subject."""
    found = diff([deployment(1)], [deployment(4)])
    assert rows(found) == {
        "GPUs × replicas": ("2 × 1 = 2", "2 × 4 = 8", Effect.NO_RESTART),
        "replicas": ("1", "4", Effect.NO_RESTART),
    }


@pytest.mark.parametrize(
    ("label", "args"),
    [
        ("total tokens", ["--max-model-len", "4096"]),
        ("total tokens", ["--max-total-tokens=4096"]),
        ("total tokens", ["--context-length", "4096"]),
        ("input tokens", ["--max-input-tokens=4096"]),
        ("concurrent requests", ["--max-concurrent-requests", "4096"]),
        ("concurrent requests", ["--max-running-requests", "4096"]),
        ("tensor parallel", ["--num-shard", "4096"]),
        ("tensor parallel", ["--tp-size=4096"]),
        ("total tokens", ["serve", "/mnt/models", "--max-model-len", "4096"]),
    ],
)
def test_the_flags_of_every_server_are_known(label: str, args: list[str]) -> None:
    """vLLM, TGI and SGLang, in both spellings."""
    found = diff([], [edited(deployment(), ARGS, args)])
    assert rows(found)[label] == (None, "4096", None)


def test_a_predictor_by_model_format_is_read_too() -> None:
    """KServe's runtimes keep the storage and the arguments in `model`."""
    model = {
        "modelFormat": {"name": "huggingface"},
        "storageUri": "s3://models/chat/1",
        "args": ["--model_name=x", "--max-model-len=4096"],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    before = edited(inference_service(model=model), "spec/predictor/containers", None)
    found = diff([before], [edited(before, "spec/predictor/model/storageUri", "s3://models/chat/2")])
    assert rows(found) == {"storage": ("s3://models/chat/1", "s3://models/chat/2", Effect.RESTARTS)}
    assert (found.impact.gpus_before, found.others) == (2, ())


def test_secrets_are_shown_by_name_and_key_only() -> None:
    """Which key is read is configuration; what it holds is nowhere in a manifest."""
    path = "spec/template/spec/containers/0/env/1/valueFrom/secretKeyRef/key"
    found = diff([deployment()], [edited(deployment(), path, "token-2")])
    assert rows(found) == {"secret keys": ("hf/token", "hf/token-2", Effect.RESTARTS)}


def test_the_content_of_a_secret_is_never_shown() -> None:
    """Should a company's template bring one, not a byte of it reaches a report."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "aHVudGVyMg=="}}
    found = diff([secret], [edited(secret, "data/a", "aHVudGVyMw==")])
    assert found.changed
    assert "aHVudGVy" not in repr(found)


def test_what_no_row_tells_is_a_field_with_a_readable_path() -> None:
    """Lists by name, command lines by flag, keys with dots in brackets."""
    body = edited(deployment(), "spec/template/spec/containers/0/env/0/value", "/var/hf")
    body = edited(body, ARGS, [*container()["args"], "--seed=7"])
    body = edited(body, "metadata/annotations//example.com/note", "x")
    found = diff([deployment()], [body])
    assert [(item.change.path, item.change.effect) for item in found.others] == [
        ("metadata.annotations[example.com/note]", Effect.NO_RESTART),
        ("spec.template.spec.containers[model-server].args[--seed]", Effect.RESTARTS),
        ("spec.template.spec.containers[model-server].env[HF_HOME].value", Effect.RESTARTS),
    ]


def test_another_order_of_a_command_line_is_a_change() -> None:
    """The pods are replaced for it, so the difference must not be empty."""
    found = diff([deployment()], [edited(deployment(), ARGS, list(reversed(container()["args"])))])
    assert [item.change.path for item in found.others] == ["spec.template.spec.containers[model-server].args"]
    assert found.intents == (Intent.RESTARTED,)
