// The page: follows what happens, keeps the address in step with the chosen request, and listens to the keyboard.

import { byId, copy, element } from "./elements.js";
import { detail } from "./detail.js";
import * as list from "./list.js";

const LOOK_AGAIN = 500; // milliseconds between two looks at an answer that is still coming
const narrowPage = matchMedia("(max-width: 50rem)");
let chosen = null;
let asked = 0;
let again = null;

function fromAddress() {
  const match = /^#\/r\/(\d+)$/.exec(location.hash);
  return match ? Number(match[1]) : null;
}

function say(text) {
  byId("detail").replaceChildren(element("a", { class: "back", href: "#/" }, "All requests"), element("p", { class: "hint" }, text));
}

async function show(id) {
  const mine = ++asked;
  clearTimeout(again);
  let response;
  try {
    response = await fetch(`/_inspector/exchanges/${id}`);
  } catch {
    return; // the state in the header says that the emulator does not answer
  }
  if (mine !== asked) return;
  if (!response.ok) {
    say(await response.text());
    return;
  }
  const exchange = await response.json();
  if (mine !== asked) return;
  const pane = byId("detail");
  const same = pane.dataset.id === String(id);
  const open = same ? [...pane.querySelectorAll("details[open]")].map((each) => each.dataset.name) : [];
  const top = same ? pane.scrollTop : 0;
  pane.replaceChildren(...detail(exchange));
  pane.dataset.id = String(id);
  for (const name of open) {
    const fold = pane.querySelector(`details[data-name="${CSS.escape(name)}"]`);
    if (fold) fold.open = true;
  }
  pane.scrollTop = top;
  if (!exchange.done) again = setTimeout(() => chosen === id && show(id), LOOK_AGAIN);
}

// Chooses what the address says; without an address the first row, where there is room for both panes.
function follow({ focus = false } = {}) {
  const wanted = fromAddress();
  document.body.classList.toggle("with-detail", wanted !== null);
  const id = wanted ?? (narrowPage.matches ? null : chosen !== null && list.has(chosen) ? chosen : list.first());
  if (id === null) {
    chosen = null;
    list.mark(null);
    byId("detail").replaceChildren();
    delete byId("detail").dataset.id;
    return;
  }
  list.mark(id, { focus });
  if (id === chosen && byId("detail").dataset.id === String(id)) return;
  chosen = id;
  show(id);
}

function choose(id) {
  if (id === null) return;
  history.replaceState(null, "", `#/r/${id}`);
  follow({ focus: true });
}

let changes = [];
function applySoon(change) {
  if (changes.push(change) > 1) return;
  setTimeout(() => {
    const all = changes;
    changes = [];
    for (const each of all) list.apply(each);
    const touched = all.some((each) => each.rows.some((row) => row.id === chosen));
    if (touched) show(chosen);
    if (chosen === null || !list.has(chosen)) {
      if (!all.at(-1).more) follow();
    } else list.mark(chosen, { scroll: false });
    if (byId("search").value.trim()) searchSoon();
  }, 30);
}

let typing = null;
function searchSoon() {
  clearTimeout(typing);
  typing = setTimeout(search, 120);
}

async function search() {
  const words = byId("search").value.trim();
  const problems = byId("only-problems").checked;
  if (!words) {
    list.narrow(null, problems);
    return;
  }
  const response = await fetch(`/_inspector/search?words=${encodeURIComponent(words)}`);
  if (words === byId("search").value.trim()) list.narrow(new Set(await response.json()), problems);
}

function listen() {
  const source = new EventSource("/_inspector/events");
  const state = byId("state");
  source.addEventListener("open", () => {
    state.textContent = "live";
    state.className = "live";
  });
  source.addEventListener("error", () => {
    state.textContent = "does not answer, trying again";
    state.className = "lost";
  });
  source.addEventListener("clear", () => {
    changes = [];
    chosen = null;
    if (list.size() && fromAddress() !== null) history.replaceState(null, "", "#/"); // what it named is gone
    list.clear();
    follow();
  });
  source.addEventListener("change", (event) => applySoon(JSON.parse(event.data)));
}

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const field = byId("search");
  const typingNow = document.activeElement === field;
  if (event.key === "/" && !typingNow) {
    event.preventDefault();
    field.focus();
  } else if (event.key === "Escape" && typingNow) {
    field.value = "";
    search();
  } else if (event.key in STEPS && !byId("detail").contains(document.activeElement)) {
    if (typingNow && !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    choose(list.neighbour(chosen, STEPS[event.key]));
  }
});

byId("search").addEventListener("input", searchSoon);
byId("only-problems").addEventListener("change", search);
byId("clear").addEventListener("click", () => fetch("/_inspector/exchanges", { method: "DELETE" }));
byId("show-all").addEventListener("click", () => {
  byId("search").value = "";
  byId("only-problems").checked = false;
  search();
  byId("search").focus();
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => {
    const source = byId(button.dataset.copy);
    copy(button, source.textContent, () => getSelection().selectAllChildren(source));
  });
}
addEventListener("hashchange", () => {
  follow();
  if (document.body.classList.contains("with-detail") && narrowPage.matches) byId("detail").focus();
});

const settings = await (await fetch("/_inspector/settings")).json();
byId("address").textContent = settings.base_url;
byId("key").textContent = settings.api_key;
document.querySelector("[data-copy='key']").hidden = !settings.whole_key;
const key = settings.whole_key ? settings.api_key : "(the key that you gave the emulator)";
byId("exports").textContent = `export MOONSHOT_BASE_URL=${settings.base_url}\nexport MOONSHOT_API_KEY=${key}`;
list.filter();
listen();
