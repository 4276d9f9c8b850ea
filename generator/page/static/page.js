// Keeps a page up to date and its clocks going. Everything can be read without it.
"use strict";

(() => {
  const words = document.body.dataset;
  const units = words.units.split("|");
  const skew = Date.parse(document.getElementById("asof").dateTime) - Date.now();
  const now = () => Date.now() + skew;

  function duration(seconds) {
    const write = (unit, count) => units[unit].replace("{count}", count);
    if (seconds < 9.95) return write(0, Math.max(0, seconds).toFixed(1));
    const whole = Math.round(seconds);
    for (const [unit, size, below] of [[3, 86400, 3600], [2, 3600, 60], [1, 60, 1]]) {
      if (whole >= size) {
        const rest = Math.floor((whole % size) / below);
        return write(unit, Math.floor(whole / size)) + (rest ? " " + write(unit - 1, rest) : "");
      }
    }
    return write(0, whole);
  }

  const ago = (moment) => words.ago.replace("{span}", duration((now() - Date.parse(moment)) / 1000));

  // Clocks: text only, in no live region, so that a screen reader is not told of every second.
  function tick() {
    for (const item of document.querySelectorAll("time[data-ago]")) item.textContent = ago(item.dateTime);
    for (const item of document.querySelectorAll("[data-since]")) {
      const before = Number(item.dataset.before || 0);
      item.textContent = duration(before + (now() - Date.parse(item.dataset.since)) / 1000);
    }
    for (const item of document.querySelectorAll("[data-left]")) {
      const left = (Date.parse(item.dataset.left) - now()) / 1000;
      item.textContent = left > 0 ? duration(left) : words.over;
    }
    for (const item of document.querySelectorAll("progress[data-until]")) {
      const from = Date.parse(item.dataset.from), until = Date.parse(item.dataset.until);
      item.value = until > from ? Math.min(1, Math.max(0, (now() - from) / (until - from))) : 1;
    }
    if (lostAt) tellLost();
  }

  // What was opened stays open, what has the focus keeps it.
  function replaceMain(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const next = fresh.getElementById("main"), main = document.getElementById("main");
    if (!next || !("live" in next.dataset)) return;
    for (const item of main.querySelectorAll("details[id]")) {
      const same = next.querySelector(`#${CSS.escape(item.id)}`);
      if (same) same.open = item.open;
    }
    const focus = document.activeElement;
    const path = main.contains(focus) && focus !== main ? locate(main, focus) : null;
    announce(main.dataset.announce, next.dataset.announce);
    main.dataset.announce = next.dataset.announce || "";
    main.replaceChildren(...next.childNodes);
    document.title = fresh.title;
    const stamp = fresh.getElementById("asof"), own = document.getElementById("asof");
    own.dateTime = stamp.dateTime;
    own.textContent = stamp.textContent;
    if (path) find(main, path)?.focus({ preventScroll: true });
    prepare();
    tick();
  }

  function locate(main, item) {
    if (item.id) return { id: item.id };
    const href = item.getAttribute("href");
    if (href) return { href, place: [...main.querySelectorAll(`[href="${CSS.escape(href)}"]`)].indexOf(item) };
    return { tag: item.tagName, place: [...main.querySelectorAll(item.tagName)].indexOf(item) };
  }

  function find(main, path) {
    if (path.id) return document.getElementById(path.id);
    if (path.href) return main.querySelectorAll(`[href="${CSS.escape(path.href)}"]`)[path.place];
    return main.querySelectorAll(path.tag)[path.place];
  }

  function announce(before, after) {
    if (after && before !== after) document.getElementById("announcer").textContent = after;
  }

  // The stream only says that something is new; the page itself is fetched again, so that it is never two truths.
  const main = document.getElementById("main");
  const notice = document.getElementById("connection");
  const pace = Number(main.dataset.pace || 250);
  let lostAt = 0, freshAt = Date.now(), askedAt = 0, timer = 0, running = false, again = false;

  function tellLost() {
    notice.hidden = false;
    const text = words.lost.replace("{age}", duration((Date.now() - freshAt) / 1000));
    if (notice.textContent !== text) notice.textContent = text;
  }

  function setLost(isLost) {
    if (isLost && !lostAt) {
      lostAt = Date.now();
      tellLost();
      document.getElementById("announcer").textContent = notice.textContent;
    } else if (!isLost && lostAt) {
      lostAt = 0;
      notice.hidden = true;
      document.getElementById("announcer").textContent = words.back;
    }
  }

  // Nobody is interrupted who types, chooses or marks text.
  function isBusy() {
    const selection = getSelection();
    const marks = selection && !selection.isCollapsed && main.contains(selection.anchorNode);
    return marks || (main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
  }

  async function refresh() {
    if (running) { again = true; return; }
    if (isBusy() && !lostAt) {
      clearTimeout(timer);
      timer = setTimeout(refresh, 1000);
      return;
    }
    running = true;
    askedAt = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok) {
        replaceMain(await answer.text());
        freshAt = Date.now();
        setLost(false);
      } else if (answer.status >= 500) {
        setLost(true);
      } else {
        location.reload();
      }
    } catch {
      setLost(true);
    }
    running = false;
    if (again) { again = false; schedule(); }
  }

  // However much happens, the page is fetched no more often than its pace.
  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(refresh, Math.max(120, askedAt + pace - Date.now()));
  }

  // A tab that nobody sees holds no connection: browsers allow six to one host, over HTTP/1.1.
  let stream = null;
  function follow() {
    if (document.hidden || stream) return;
    stream = new EventSource(main.dataset.stream);
    const names = ["accepted", "refused", "found", "delayed", "not-committed", "proposed", "committed", "rejected",
      "applied", "progressing", "phase", "failing", "recovered", "healthy", "failed", "superseded", "not-rolled-back"];
    for (const name of names) stream.addEventListener(name, schedule);
    let opened = false;
    stream.onopen = () => { if (opened || lostAt) schedule(); opened = true; };
    stream.onerror = () => {
      setLost(true);
      if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(follow, 3000); }
    };
  }

  function show() {
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else {
      follow();
      refresh();
    }
  }

  function prepare() {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = !navigator.clipboard;
      button.onclick = async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = words.copied;
      };
    }
  }

  prepare();
  tick();
  setInterval(tick, 1000);
  document.getElementById("problems")?.focus();
  if (main.dataset.stream) {
    follow();
    setInterval(() => { if (!document.hidden) refresh(); }, Number(main.dataset.poll || 15) * 1000);
    document.addEventListener("visibilitychange", show);
  }
  // A form that was sent is not sent twice by a second press.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "1";
      setTimeout(() => delete form.dataset.sent, 8000);
    });
  }
})();
