"""A real Chromium drives the page, as a person does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from generator.cluster.kinds import SERVICE, ObjectRef
from generator.cluster.simulated import SimulatedCluster
from generator.service.recording import Asker
from generator.store.states import State
from tests.api.conftest import WHO, Served
from tests.page.browser import Tab, browsing, check_accessibility, serving
from tests.page.conftest import SUPPORT
from tests.worker.stage import PATIENCE

pytestmark = pytest.mark.browser

ID = "c48311a0-9cf4-501c-b0af-ca267da9bdfa"
CRASHING = "registry.internal/serve/vllm:fate-crash-loop"
SLOW = "registry.internal/serve/vllm:fate-slow-load-after-10m"


def fill_and_commit(tab: Tab, **fields: str) -> None:
    """From the endpoint's page over form and preview to the redeployment's page."""
    tab.open(SUPPORT)
    tab.press("Redeploy…")
    for name, value in fields.items():
        tab.page.fill(f"[name={name}]", value)
    tab.press("Show what would happen")
    tab.sees("Impact")
    tab.press("Redeploy now")
    tab.page.wait_for_url("**/redeployments/*")


def test_a_redeploy_is_followed_to_healthy(living: Served, chromium: Any) -> None:
    """From the list to the verdict; every phase change is announced once, and the last one is that it is live."""
    with serving(living) as base, browsing(base, chromium) as tab:
        tab.open("/?q=svc-c48311a09cf4")
        tab.press("svc-c48311a09cf4")
        tab.press("Redeploy…")
        tab.page.fill("[name=memory_limit]", "48Gi")
        tab.page.fill("[name=reason]", "longer answers")
        tab.press("Show what would happen")
        tab.sees("48Gi")
        tab.sees("Downtime")
        tab.press("Redeploy now")
        tab.sees("r1 is live")
        assert tab.page.locator(".steps .done").count() == 8
        assert "longer answers" in tab.text
        assert tab.page.locator("#announcer").inner_text() == "r1 is live"
        tab.page.reload()
        tab.sees("r1 is live")


def test_a_refusal_is_read_first_and_leads_to_its_field(living: Served, chromium: Any) -> None:
    """The summary has the focus; its link leads to the field, which says what is wrong."""
    with serving(living) as base, browsing(base, chromium, ("422",)) as tab:
        tab.open(f"{SUPPORT}/redeploy")
        tab.page.fill("[name=cpu_request]", "64")
        tab.press("Show what would happen")
        tab.sees("This cannot be deployed")
        assert tab.page.evaluate("document.activeElement.id") == "problems"
        tab.press("CPU request")
        assert tab.page.locator("[name=cpu_request]").get_attribute("aria-invalid") == "true"
        assert tab.page.input_value("[name=cpu_request]") == "64"
        assert "above the limit" in tab.page.locator("#about-cpu_request").inner_text()


def test_a_failing_one_names_its_reason_and_is_rolled_back(living: Served, chromium: Any) -> None:
    """The old revision serves all along, and the page says so in both lanes."""
    stage = living.stage
    stage.wait(stage.redeploy(ID).row)
    with serving(living) as base, browsing(base, chromium) as tab:
        fill_and_commit(tab, image=CRASHING, reason="the nightly build")
        tab.sees("r2 is failing, r1 still serving")
        tab.sees("The server crashes again and again")
        tab.sees("In Kubernetes' own words")
        assert tab.page.locator(".lane.serving .revision").inner_text() == "r1"
        assert tab.page.locator(".lane.coming .revision").inner_text() == "r2"
        assert tab.page.locator(".lane.serving .pods").inner_text() == "2 of 2"
        assert "--previous" in tab.page.locator("#logs").inner_text()
        tab.press("Roll back…")
        tab.sees("r3 = r1")
        assert CRASHING in tab.text
        tab.page.fill("[name=reason]", "it crashes")
        tab.press("Roll back to r1")
        tab.sees("r3 is live")
        tab.open(SUPPORT)
        tab.sees("r3 = r1")
        tab.sees("Superseded by a newer one")


def test_two_browsers_see_the_same_and_a_reload_loses_nothing(living: Served, chromium: Any) -> None:
    """One in Korean, one in English; one of them is loaded anew in the middle."""
    stage = living.stage
    stage.wait(stage.redeploy(ID).row)
    with (
        serving(living) as base,
        browsing(base, chromium) as tab,
        browsing(base, chromium, locale="ko-KR") as other,
    ):
        fill_and_commit(tab, image=SLOW)
        path = tab.page.url.removeprefix(base)
        other.open(path)
        tab.sees("Rolling out r2")
        other.sees("r2 배포 중")
        step = tab.page.locator(".steps .current .step-name")
        step.filter(has_text="Loading the model").wait_for()
        other.page.locator(".steps .current").filter(has_text="모델 로딩").wait_for()
        tab.page.reload()
        step.filter(has_text="Loading the model").wait_for()
        assert "left." in tab.text
        row = stage.service.queries.find(path.rpartition("/")[2])
        stage.service.rollback(row.name, _ann(), 1)
        tab.sees("Superseded by a newer one")
        other.sees("더 새로운 요청으로 대체됨")


def _ann() -> Asker:
    return Asker("Ann <ann@example.com>", "not now")


def test_a_lost_connection_says_how_old_the_page_is_and_mends_itself(living: Served, chromium: Any) -> None:
    """The server goes away and comes back at the same place: no press is needed."""
    stage = living.stage
    row = stage.redeploy(ID, {"servingRuntimeImage": SLOW}).row
    stage.wait(row, State.PROGRESSING)
    with serving(living) as base:
        port = int(base.rpartition(":")[2])
    with browsing(base, chromium, ("ERR_",)) as tab:
        with serving(living, port):
            tab.open(f"/redeployments/{row.id}")
            tab.sees("Rolling out r1")
        tab.sees("Connection lost. What you see is")
        stage.service.scale(row.name, _ann(), 0, 0)
        with serving(living, port):
            tab.page.locator("#connection").wait_for(state="hidden")
            tab.sees("Superseded by a newer one")


def test_a_live_change_leaves_focus_and_what_was_opened_alone(living: Served, chromium: Any) -> None:
    """Whoever reads the events with a keyboard is not thrown out."""
    stage = living.stage
    row = stage.redeploy(ID, {"servingRuntimeImage": SLOW}).row
    stage.wait(row, State.PROGRESSING)
    with serving(living) as base, browsing(base, chromium) as tab:
        tab.open(f"/redeployments/{row.id}")
        tab.page.locator("#events summary").click()
        tab.page.locator("a:has-text('To the endpoint')").focus()
        stage.service.scale(row.name, _ann(), 0, 0)
        tab.sees("Superseded by a newer one")
        assert tab.page.evaluate("document.getElementById('events').open")
        assert tab.page.evaluate("document.activeElement.textContent") == "To the endpoint"


def test_whoever_types_or_marks_text_is_not_interrupted(living: Served, chromium: Any) -> None:
    """The page waits with what is new until they are done."""
    stage = living.stage
    row = stage.redeploy(ID, {"servingRuntimeImage": SLOW}).row
    stage.wait(row, State.PROGRESSING)
    with serving(living) as base, browsing(base, chromium) as tab:
        tab.open("/?q=svc-c48311")
        tab.sees("Rolling out r1")
        tab.page.focus("[name=q]")
        tab.page.keyboard.type("a09")
        stage.service.scale(row.name, _ann(), 0, 0)
        stage.until(lambda: "Stopped" in httpx.get(f"{base}/", headers=WHO, timeout=PATIENCE).text, "it stops")
        tab.page.wait_for_timeout(3500)
        assert "Rolling out r1" in tab.text
        assert tab.page.input_value("[name=q]") == "a09svc-c48311"
        tab.page.keyboard.press("Escape")
        tab.page.evaluate("document.activeElement.blur()")
        tab.sees("Stopped")


def test_a_redeploy_needs_no_mouse(living: Served, chromium: Any) -> None:
    """Tab and Enter alone, from the skip link to the verdict."""
    with serving(living) as base, browsing(base, chromium) as tab:
        keys = tab.page.keyboard
        tab.open(SUPPORT)
        keys.press("Tab")
        assert tab.page.evaluate("document.activeElement.className") == "skip"
        for wanted in ("Redeploy…", "Show what would happen", "Redeploy now"):
            for _ in range(60):
                keys.press("Tab")
                if tab.page.evaluate("document.activeElement.textContent.trim()") == wanted:
                    break
            before = tab.page.url
            with tab.page.expect_navigation():
                keys.press("Enter")
            assert tab.page.url != before or wanted == "Show what would happen"
        tab.sees("r1 is live")


def test_everything_can_be_read_and_done_without_javascript(living: Served, chromium: Any) -> None:
    """Pages load themselves anew while something goes on; forms work as forms do."""
    with serving(living) as base, browsing(base, chromium, java_script_enabled=False) as tab:
        fill_and_commit(tab, memory_limit="40Gi")
        tab.sees("r1 is live")
        tab.open("/")
        tab.sees("svc-c48311a09cf4")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_a_phone(
    living: Served, chromium: Any, scheme: str, width: int
) -> None:
    """Every page, in light and dark, on a desk and in a hand."""
    stage = living.stage
    first = stage.wait(stage.redeploy(ID, reason="first").row)
    running = stage.redeploy(ID, {"servingRuntimeImage": CRASHING}).row
    stage.until(lambda: stage.row(running).failing, "it fails")
    paths = ["/", SUPPORT, f"{SUPPORT}/values", f"{SUPPORT}/drift", f"{SUPPORT}/revisions/1", f"{SUPPORT}/redeploy"]
    paths += [f"{SUPPORT}/rollback", f"/redeployments/{first.id}", f"/redeployments/{running.id}"]
    size = {"width": width, "height": 800}
    with serving(living) as base, browsing(base, chromium, color_scheme=scheme, viewport=size) as tab:
        for path in paths:
            tab.open(path)
            check_accessibility(tab)
            wide = tab.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, wide)


def test_nothing_moves_for_those_who_asked_for_that(living: Served, chromium: Any) -> None:
    """Reduced motion is honoured."""
    stage = living.stage
    row = stage.redeploy(ID, {"servingRuntimeImage": SLOW}).row
    stage.wait(row, State.PROGRESSING)
    with serving(living) as base:
        for motion, count in (("reduce", 0), ("no-preference", 1)):
            with browsing(base, chromium, reduced_motion=motion) as tab:
                tab.open(f"/redeployments/{row.id}")
                tab.page.locator(".steps .current").wait_for()
                assert tab.page.evaluate("document.getAnimations().length") == count


def test_drift_is_shown_field_by_field(living: Served, chromium: Any, simulated: SimulatedCluster) -> None:
    """Somebody changed the cluster by hand, where nobody heals; the page says which field, and what git wants."""
    living.stage.wait(living.stage.redeploy("b158fadf-6990-5161-87a4-700e901c8236").row)
    with serving(living) as base, browsing(base, chromium) as tab:
        tab.open("/endpoints/stg/svc-b158fadf6990/drift")
        tab.sees("The cluster is what the branch says")
        ref = ObjectRef(SERVICE, "llm-ops-stg", "svc-b158fadf6990-svc")
        operations = [{"op": "replace", "path": "/spec/ports/0/port", "value": 4242}]
        simulated.patch(ref, operations, manager="kubectl-edit")
        tab.page.reload()
        tab.sees("4242")
        assert "spec.ports" in tab.text
