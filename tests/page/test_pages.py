"""Pages as they are sent, before a browser has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.page import form_routes, routes
from generator.page.english import ENGLISH
from generator.page.korean import KOREAN
from generator.service.recording import Asker
from generator.store.states import State
from tests.api.conftest import Served
from tests.page.conftest import SUPPORT, list_attributes, read_form, walk_through

SCRIPT = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def test_the_list_shows_every_endpoint_also_those_that_only_have_a_row(paged: Served) -> None:
    """What revstamp has never deployed can be found, and redeployed."""
    with paged.client() as client:
        text = client.get("/").text
        for rows in paged.stage.platform.list_endpoints():
            name = f"svc-{str(rows.endpoint['id']).replace('-', '')[:12]}"
            assert f'href="/endpoints/{rows.endpoint["environment"]}/{name}"' in text
        assert "Not looked at yet" in text


@pytest.mark.parametrize("query", ["q=svc-c48311a09cf4", "environment=prod&q=c48311", "q=SUPPORT llama&sort=gpus"])
def test_the_list_is_narrowed_by_search_and_filters(paged: Served, query: str) -> None:
    """Words may stand anywhere, in any case."""
    with paged.client() as client:
        text = client.get(f"/?{query}").text
        assert "svc-c48311a09cf4" in text
        assert "svc-643053a2a043" not in text


def test_a_filter_that_is_not_known_hides_nothing(paged: Served) -> None:
    """An old link, or one that somebody made up, shows a list."""
    with paged.client() as client:
        for query in ("status=nonsense", "sort=nonsense", "page=99"):
            assert client.get(f"/?{query}").status_code == 200
        answer = client.get("/?page=0")
        assert (answer.status_code, "cannot be understood" in answer.text) == (422, True)


def test_a_redeploy_goes_from_the_form_over_its_preview_to_a_redeployment(paged: Served) -> None:
    """Nothing is recorded before the last press; then exactly one, however often it is pressed."""
    with paged.client() as client:
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        assert form["memory_limit"] == "32Gi"
        preview = client.post(f"{SUPPORT}/redeploy", data={**form, "memory_limit": "48Gi", "step": "preview"})
        assert preview.status_code == 200
        assert "48Gi" in preview.text
        queries = paged.stage.service.queries
        assert queries.last_event_id() == 0
        sent = {**read_form(preview.text), "reason": "more room", "step": "commit"}
        answers = [client.post(f"{SUPPORT}/redeploy", data=sent, follow_redirects=False) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303]
        assert answers[0].headers["location"] == answers[1].headers["location"]
        row = queries.find(answers[0].headers["location"].rpartition("/")[2])
        assert (row.state, row.actor, row.reason) == (State.PENDING, "test-user", "more room")
        assert "memory" in str(row.request)
        page = client.get(answers[0].headers["location"]).text
        assert "Accepted, not committed yet" in page
        assert "more room" in page


def test_a_refusal_stands_beside_its_field_and_nothing_is_lost(paged: Served) -> None:
    """What was typed is still there; the field says what is wrong and what would be right."""
    with paged.client() as client:
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        wrong = {**form, "cpu_request": "64", "gpus": "many", "reason": "try", "step": "preview"}
        answer = client.post(f"{SUPPORT}/redeploy", data=wrong)
        assert answer.status_code == 422
        again = read_form(answer.text)
        assert (again["cpu_request"], again["gpus"], again["reason"]) == ("64", "many", "try")
        assert "is not a whole number" in _about(answer.text, "gpus")
        answer = client.post(f"{SUPPORT}/redeploy", data={**wrong, "gpus": form["gpus"]})
        assert answer.status_code == 422
        assert "above the limit" in _about(answer.text, "cpu_request")
        assert paged.stage.service.queries.last_event_id() == 0


def _about(text: str, field: str) -> str:
    found = re.search(rf'id="about-{field}">(.*?)</p>', text, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_second_redeploy_shows_who_runs_the_first_and_can_take_its_place(paged: Served) -> None:
    """The page names the one that runs; only a press of its own supersedes it."""
    with paged.client() as client:
        first = walk_through(client, SUPPORT).headers["location"].rpartition("/")[2]
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        preview = client.post(f"{SUPPORT}/redeploy", data={**form, "step": "preview"})
        refused = client.post(
            f"{SUPPORT}/redeploy", data={**read_form(preview.text), "step": "commit"}, follow_redirects=False
        )
        assert refused.status_code == 409
        assert f"redeploy {first}" in refused.text
        taken = client.post(
            f"{SUPPORT}/redeploy", data={**read_form(refused.text), "step": "commit"}, follow_redirects=False
        )
        assert taken.status_code == 303
        assert paged.stage.service.queries.find(first).superseded_by is not None


def test_a_form_that_was_overtaken_is_shown_once_more(living: Served) -> None:
    """Somebody else's revision came in between: the differences are another ones now."""
    with living.client() as client:
        stage = living.stage
        stage.wait(stage.redeploy("c48311a0-9cf4-501c-b0af-ca267da9bdfa").row)
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        preview = client.post(f"{SUPPORT}/redeploy", data={**form, "memory_limit": "40Gi", "step": "preview"})
        stage.wait(stage.redeploy("prod/svc-c48311a09cf4").row)
        sent = {**read_form(preview.text), "step": "commit"}
        answer = client.post(f"{SUPPORT}/redeploy", data=sent, follow_redirects=False)
        assert answer.status_code == 200
        assert "by now" in answer.text
        done = client.post(
            f"{SUPPORT}/redeploy", data={**read_form(answer.text), "step": "commit"}, follow_redirects=False
        )
        assert done.status_code == 303


def test_a_rollback_shows_its_difference_and_asks_for_a_reason(living: Served) -> None:
    """It comes back as a new revision that names the old one."""
    with living.client() as client:
        stage = living.stage
        stage.wait(stage.redeploy("c48311a0-9cf4-501c-b0af-ca267da9bdfa").row)
        stage.wait(stage.redeploy("prod/svc-c48311a09cf4", {"memoryLimit": "48Gi"}).row)
        page = client.get(f"{SUPPORT}/rollback?to=1").text
        assert "r3 = r1" in page
        assert "48Gi" in page
        form = read_form(page)
        missing = client.post(f"{SUPPORT}/rollback", data={**form, "step": "commit"})
        assert (missing.status_code, "Say why." in missing.text) == (422, True)
        done = client.post(
            f"{SUPPORT}/rollback", data={**form, "reason": "too slow", "step": "commit"}, follow_redirects=False
        )
        row = stage.wait(stage.service.queries.find(done.headers["location"].rpartition("/")[2]))
        assert (row.state, row.revision, row.restores, row.reason) == (State.HEALTHY, 3, 1, "too slow")
        page = client.get(SUPPORT).text
        assert "r3 = r1" in page
        assert "too slow" in page


def test_every_page_of_an_endpoint_can_be_read_without_javascript(living: Served) -> None:
    """Overview, values, drift, a revision, a redeployment; in both languages."""
    with living.client() as client:
        stage = living.stage
        row = stage.wait(stage.redeploy("c48311a0-9cf4-501c-b0af-ca267da9bdfa", reason="first").row)
        paths = ["/", SUPPORT, f"{SUPPORT}/values", f"{SUPPORT}/drift", f"{SUPPORT}/revisions/1"]
        paths += [f"/redeployments/{row.id}", f"{SUPPORT}/redeploy", f"{SUPPORT}/rollback"]
        for path in paths:
            for language, word in (("en", "Endpoints"), ("ko", "엔드포인트")):
                answer = client.get(path, headers={"Accept-Language": f"{language}-XX,en;q=0.5"})
                assert answer.status_code in (200, 422), (path, answer.text)
                assert word in answer.text
                assert f'lang="{language}"' in answer.text
        assert "Done:" in client.get(f"/redeployments/{row.id}").text
        assert "environments/prod/endpoints" in client.get(f"{SUPPORT}/values").text


def test_what_people_write_is_never_markup(paged: Served) -> None:
    """Reasons, names, requests and searches are text."""
    hostile = Asker(SCRIPT, SCRIPT, None, "", False)
    row = paged.stage.service.redeploy("c48311a0-9cf4-501c-b0af-ca267da9bdfa", hostile).row
    with paged.client() as client:
        pages = [client.get(path).text for path in ("/", SUPPORT, f"/redeployments/{row.id}")]
        pages.append(client.get("/", params={"q": SCRIPT, "environment": SCRIPT, "status": SCRIPT}).text)
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        filled = dict.fromkeys(form, SCRIPT) | {"step": "preview"}
        pages.append(client.post(f"{SUPPORT}/redeploy", data=filled).text)
        pages.append(client.get(f"/endpoints/prod/{SCRIPT}").text)
        pages.append(client.get(f"/redeployments/{SCRIPT}").text)
        for text in pages:
            assert "<script>alert" not in text
            assert "<img" not in text
            assert not [name for name in list_attributes(text) if name.startswith("on")]


def test_pages_carry_no_inline_script_or_style(living: Served) -> None:
    """The content security policy would stop them, so the page must not need them."""
    with living.client() as client:
        row = living.stage.wait(living.stage.redeploy("c48311a0-9cf4-501c-b0af-ca267da9bdfa").row)
        for path in ("/", SUPPORT, f"/redeployments/{row.id}", f"{SUPPORT}/redeploy"):
            answer = client.get(path)
            assert "style=" not in answer.text
            assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


def test_an_error_is_a_page_that_says_what_to_do(paged: Served) -> None:
    """Unknown things, other people, nobody."""
    with paged.client() as client:
        answer = client.get("/endpoints/prod/nothing")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "there is no endpoint prod/nothing" in answer.text
        assert client.get("/redeployments/999").status_code == 404
        assert client.get("/endpoints/prod/../../etc").status_code == 404
    with paged.client(peer="203.0.113.9") as client:
        answer = client.get("/")
        assert (answer.status_code, "Sign in" in answer.text) == (401, True)
    with paged.client(**{"X-User-Id": "eve", "X-User-Roles": "guest"}) as client:
        assert client.get("/").status_code == 403


def test_a_press_of_somebody_who_may_not_is_refused_and_audited(paged: Served) -> None:
    """Whoever may look may not always change."""
    from generator.api.roles import parse_roles

    paged.context.roles = parse_roles("prod=release")
    with paged.client() as client:
        answer = walk_through(client, SUPPORT)
        assert answer.status_code == 403
        assert paged.stage.platform.read_audit()[0]["result"] == "denied"
        assert paged.stage.service.queries.last_event_id() == 0


def test_only_a_form_is_taken_for_a_form(paged: Served) -> None:
    """Another site's script may send text or JSON without asking; neither is read."""
    with paged.client() as client:
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            answer = client.post(f"{SUPPORT}/redeploy", content=b"step=commit&base=0", headers={"Content-Type": kind})
            assert answer.status_code == 422, kind
        many = "&".join(f"a{number}=1" for number in range(5000)).encode()
        kind = "application/x-www-form-urlencoded"
        assert client.post(f"{SUPPORT}/redeploy", content=many, headers={"Content-Type": kind}).status_code == 422


def test_static_files_are_named_by_their_content_and_nothing_else_is_served(paged: Served) -> None:
    """A changed file has another address, so that it may be kept for ever."""
    with paged.client() as client:
        address = re.search(r'href="(/static/page\.css\?[0-9a-f]{12})"', client.get("/").text)
        assert address is not None
        answer = client.get(address[1])
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/css")
        for name in ("../routes.py", "%2e%2e/routes.py", "page.css/..", "nothing.css"):
            assert client.get(f"/static/{name}").status_code == 404


def test_a_language_that_was_chosen_stays_and_leads_nowhere_else(paged: Served) -> None:
    """The link back is a path of this page only."""
    with paged.client() as client:
        answer = client.get("/language/ko?back=/endpoints/prod/x", follow_redirects=False)
        assert answer.headers["location"] == "/endpoints/prod/x"
        assert "엔드포인트" in client.get("/").text
        for back in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
            assert client.get("/language/en", params={"back": back}, follow_redirects=False).headers["location"] == "/"
        assert client.get("/language/xx").status_code == 404


def test_both_languages_have_the_same_words_with_the_same_blanks() -> None:
    """A text that is missing, or fills in something else, would be found by a reader first."""
    assert list(ENGLISH) == list(KOREAN)
    for key, text in ENGLISH.items():
        blanks = [set(re.findall(r"{(\w+)}", words)) for words in (text, KOREAN[key])]
        assert blanks[0] == blanks[1], key


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_cannot_press_a_button(paged: Served, headers: dict[str, str]) -> None:
    """Neither by a form nor by a script; the browser says whose page it is."""
    with paged.client() as client:
        form = read_form(client.get(f"{SUPPORT}/redeploy").text)
        preview = client.post(f"{SUPPORT}/redeploy", data={**form, "step": "preview"})
        sent = {**read_form(preview.text), "step": "commit"}
        answer = client.post(f"{SUPPORT}/redeploy", data=sent, headers=headers, follow_redirects=False)
        assert answer.status_code == 403
        assert paged.stage.service.queries.last_event_id() == 0
        own = client.post(
            f"{SUPPORT}/redeploy", data=sent, headers={"Origin": "http://testserver"}, follow_redirects=False
        )
        assert own.status_code == 303


def test_every_page_is_documented() -> None:
    """docs/page.md names each address."""
    text = (Path(__file__).parents[2] / "docs" / "page.md").read_text(encoding="utf-8")
    for route in (*routes.router.routes, *form_routes.router.routes):
        path = route.path.removeprefix("/endpoints/{environment}/{name}")  # type: ignore[attr-defined]
        if not path.startswith(("/static", "/language")):
            assert f"`{path}`" in text or f"…{path}`" in text or not path, path


def test_what_was_deleted_says_so(living: Served) -> None:
    """Its page stays, with its past."""
    stage = living.stage
    stage.wait(stage.redeploy("b158fadf-6990-5161-87a4-700e901c8236").row)
    stage.wait(stage.service.delete("stg/svc-b158fadf6990", Asker("ann")).row)
    with living.client() as client:
        stage.until(lambda: "Deleted" in client.get("/endpoints/stg/svc-b158fadf6990").text, "it says so")
        assert "Deletion" in client.get("/endpoints/stg/svc-b158fadf6990").text
        assert client.get("/endpoints/stg/svc-b158fadf6990/redeploy").status_code in (404, 409)


def test_a_bug_is_a_page_and_not_a_traceback(paged: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the request, by which the log is found."""
    monkeypatch.setattr("generator.page.routes.choose_lines", lambda *_, **__: 1 / 0)
    with paged.client() as client:
        answer = client.get("/", headers={"X-Request-Id": "req-77"})
        assert (answer.status_code, "req-77" in answer.text) == (500, True)
        assert "ZeroDivisionError" not in answer.text
