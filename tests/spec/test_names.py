"""Names, images, routes and storage URIs are what Kubernetes, registries and initializers take."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.spec import names

HOSTILE = [
    "",
    " ",
    "a b",
    "a\n",
    "\na",
    "a\x00",
    "-rf",
    "--a",
    "../x",
    "a/../b",
    "{{ 7*7 }}",
    "${IFS}",
    "$(VAR)",
    "ａ",
    "é",
    "😀",
]
CHECKS = [names.is_endpoint_name, names.is_dns_label, names.is_dns_subdomain, names.is_env_name, names.is_host]
CHECKS += [names.is_route, names.is_storage_uri, names.is_branch, names.is_label_key]
NO_IMAGE_WORDS = "A/B:c a:b:c a@sha256:0 a/ /a a//b a: a:-x http://a/b a:tag@ a@md5:00 a:999999/b"
NO_IMAGES = [*NO_IMAGE_WORDS.split(), "registry/a b"]
NO_IMAGES += ["a" * 300, "a:" + "t" * 129, 'x"\n      hostNetwork: true\n#']
NO_IDS = [
    "",
    "x",
    "{c48311a0-9cf4-501c-b0af-ca267da9bdfa}",
    "urn:uuid:c48311a0-9cf4-501c-b0af-ca267da9bdfa",
    "c48311a0_9cf4_501c_b0af_ca267da9bdfa",
    "c_8311a09cf4501cb0afca267da9bdfa",
    "c48311a0-9cf4501cb0afca267da9bdfa",
    "٣48311a09cf4501cb0afca267da9bdfa",
    "c48311a0-9cf4-501c-b0af-ca267da9bdfa\n",
]
HOSTILE += ["a;b", "a'b", 'a"b', "a`b", "a|b", "<<", "*a", "&a", "#a", "a: b", "\u202ea"]


@pytest.mark.parametrize(
    "check",
    CHECKS,
)
def test_hostile_text_is_no_name_of_any_kind(check: Callable[[str], bool]) -> None:
    """Spaces, newlines, quotes, options, parents of folders, templates, other scripts."""
    assert [text for text in HOSTILE if check(text)] == []


@pytest.mark.parametrize(
    ("name", "right"),
    [("a", True), ("svc-c48311a09cf4", True), ("a" * 45, True), ("a" * 46, False), ("1a", False), ("A", False)],
)
def test_endpoint_names_leave_room_for_what_is_derived(name: str, right: bool) -> None:
    """DNS-1035, at most 45 characters: KServe's labels and Knative's revisions add up to 18."""
    assert names.is_endpoint_name(name) is right


@pytest.mark.parametrize(
    ("image", "repository", "tag", "digest"),
    [
        ("vllm", "vllm", None, None),
        ("vllm/vllm-openai:v0.8.5", "vllm/vllm-openai", "v0.8.5", None),
        ("registry.internal:5000/serve/vllm:0.8-gpu", "registry.internal:5000/serve/vllm", "0.8-gpu", None),
        ("localhost/a__b/c---d", "localhost/a__b/c---d", None, None),
        ("r.io/a@sha256:" + "0" * 64, "r.io/a", None, "sha256:" + "0" * 64),
        ("r.io/a:1@sha256:" + "0" * 64, "r.io/a", "1", "sha256:" + "0" * 64),
    ],
)
def test_an_image_reference_is_taken_apart(image: str, repository: str, tag: str | None, digest: str | None) -> None:
    """Registry with port, folders, tag, digest."""
    found = names.ImageReference.parse(image)
    assert found == names.ImageReference(repository, tag, digest)
    assert found.is_mutable is (tag is None and digest is None)


@pytest.mark.parametrize(
    "image",
    [*HOSTILE, *NO_IMAGES],
)
def test_what_no_registry_serves_is_no_image(image: str) -> None:
    """Upper case, empty parts, other digests, URLs, injected lines."""
    assert names.ImageReference.parse(image) is None


@pytest.mark.parametrize("image", ["a-" * 5000, "a." * 5000 + "/", "a_" * 5000, "a/" * 5000, "a" * 10_000 + ":"])
def test_a_long_image_is_refused_without_backtracking(image: str) -> None:
    """A pattern must not take time that grows faster than the text."""
    start = time.process_time()
    assert names.ImageReference.parse(image) is None
    assert time.process_time() - start < 1


@pytest.mark.parametrize("route", ["/a", "/llm/support-chat", "/v1.2/a_b~c", "/" + "a" * 199])
def test_a_route_is_a_path_of_plain_segments(route: str) -> None:
    """Letters, digits and four signs, which no gateway or nginx takes for a pattern."""
    assert names.is_route(route)


@pytest.mark.parametrize(
    "route", ["/", "a", "//", "/a/", "/a//b", "/..", "/a/./b", "/.a", "/a*", "/a?b", "/a%2e", "/(x)", "/a" * 101]
)
def test_what_a_proxy_would_rewrite_or_match_is_no_route(route: str) -> None:
    """Empty segments, dots, escapes, patterns, too long."""
    assert not names.is_route(route)


@pytest.mark.parametrize(
    ("uri", "right"),
    [
        ("s3://models/a/1.0", True), ("gs://b/c", True), ("hf://org/model:rev", True), ("pvc://claim/path", True),
        ("oci://reg.io/a:1", True), ("https://h/x?y=1", False), ("https://h/x", True), ("s3://../x", False),
        ("s3://a/../b", False), ("s3://a/b c", False), ("s3://$(X)/a", False), ("s3://", False), ("ftp://a/b", False),
        ("file:///etc/passwd", False), ("s3:/a", False), ("s3://-a", False), ("s3://a\n", False),
        ("s3://" + "a" * 1025, False), ("S3://a/b", False), ("https://user:pw@h/x", False), ("hf://o/m@rev", True),
    ],
)  # fmt: skip
def test_storage_uris_are_those_an_initializer_loads(uri: str, right: bool) -> None:
    """Known schemes, no parents of folders, nothing that a shell would expand."""
    assert names.is_storage_uri(uri) is right


@pytest.mark.parametrize(
    "text",
    [
        "c48311a0-9cf4-501c-b0af-ca267da9bdfa",
        "C48311A0-9CF4-501C-B0AF-CA267DA9BDFA",
        "c48311a09cf4501cb0afca267da9bdfa",
    ],
)
def test_a_platform_endpoint_is_named_after_its_id(text: str) -> None:
    """`svc-` and the first twelve digits, however the id is spelt."""
    assert names.endpoint_name(text) == "svc-c48311a09cf4"
    assert names.read_uuid(text) == "c48311a0-9cf4-501c-b0af-ca267da9bdfa"


@pytest.mark.parametrize(
    "text",
    NO_IDS,
)
def test_other_spellings_of_an_id_are_refused(text: str) -> None:
    """Python reads braces, underscores and other scripts' digits as a UUID; a file name must not come of them."""
    with pytest.raises(ValueError, match="is not a UUID"):
        names.endpoint_name(text)


@given(st.text(max_size=40))
def test_a_shard_is_always_hex_digits(name: str) -> None:
    """Whatever the name is, its folder is one of those that there are."""
    assert names.shard_of(name, 16) in set("0123456789abcdef")
    assert len(names.shard_of(name, 4096)) == 3
