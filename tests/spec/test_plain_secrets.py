# ruff: noqa: E501  a row of a table is one line
"""Names that say a value is secret, and values that are none."""

from __future__ import annotations

import pytest

from generator.spec.plain_secrets import find_secret_arguments, holds_plain_secret
from tests.spec.factory import check, environment


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("HF_TOKEN", "hf_abc", True), ("HFTOKEN", "x", True), ("DB_PASSWORD", "x", True), ("MY_PASSWD", "x", True),
        ("OPENAI_API_KEY", "x", True), ("APIKEY", "x", True), ("AWS_SECRET_ACCESS_KEY", "x", True),
        ("AWS_ACCESS_KEY_ID", "x", True), ("GCP_CREDENTIALS", "{}", True), ("CLIENT_SECRET", "x", True),
        ("db_password", "x", True), ("DB_PASSWORD", "1234567", True),
        ("TOKENIZERS_PARALLELISM", "x", False), ("MAX_TOKENS", "4096", False), ("MAX_TOKEN", "4096", False),
        ("USE_TOKEN", "true", False), ("HF_TOKEN", "", False), ("TOKEN_PATH", "x", False), ("HF_TOKEN", "/run/token", False),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/x.json", False), ("SECRET_NAME", "x", False), ("LOG_LEVEL", "info", False),
        ("KEY", "x", False), ("SECRETARY", "x", False),
    ],
)  # fmt: skip
def test_a_name_says_whether_its_value_is_secret(name: str, value: str, secret: bool) -> None:
    """Whole words of it, and not where it names a place, a switch or a count."""
    assert holds_plain_secret(name, value) is secret


def test_flags_have_their_values_behind_them_or_beside_them() -> None:
    """Only long flags: a short one says nothing."""
    words = ["--api-key=abc", "--hf-token", "def", "--seed=1", "--token", "--x", "--max-total-tokens=9", "-t", "secret"]
    assert list(find_secret_arguments(words)) == ["--api-key", "--hf-token"]
    assert list(find_secret_arguments(["--token"])) == []


def test_a_plain_secret_is_warned_about_without_its_value() -> None:
    """Of the endpoint, the environment and the storage; a reference is what it should be."""
    pod = {"env": [{"name": "HF_TOKEN", "value": "hunter2"}, {"name": "A_TOKEN", "secret": {"name": "a", "key": "b"}}]}
    storage = {
        "credentials": [
            {"scheme": "s3", "secret": "m", "keys": {"A": "b"}, "env": {"AWS_SECRET_ACCESS_KEY": "hunter2"}},
            {"scheme": "hf", "secret": "m", "keys": {"A": "b"}, "env": {"OTHER_TOKEN": "hunter2"}},
        ]
    }
    found = list(check(env=environment(storage=storage), pod=pod, args=["--api-key=hunter2"]).warnings)
    told = [text for text in found if "looks like a secret" in text]
    assert [text.split(" looks")[0] for text in told] == [
        "the variable HF_TOKEN", "the variable AWS_SECRET_ACCESS_KEY", "the argument --api-key",
    ]  # fmt: skip
    assert "hunter2" not in str(found)
