// The list: a row for each request, rows of one conversation together. Rows are changed one by one, never all anew.

import { byId, clock, count, element, money, percent, plural, seconds } from "./elements.js";

const rows = new Map(); // by number: what the row says, and its element
const threads = new Map();
let hits = null; // numbers of those that hold what is searched for; null while nothing is
let onlyProblems = false;

export const size = () => rows.size;
export const has = (id) => rows.has(id);
export const get = (id) => rows.get(id)?.row;

const breaks = (row) => row.prefix !== null && ["breaks", "missed"].includes(row.prefix.kind);
const failed = (row) => (row.status !== null && row.status >= 400) || (row.done && !row.whole);
// Neither text nor a call: a client asks again for it, or fails.
export const isEmpty = (row) => row.done && row.path === "/v1/chat/completions" && row.answer.kind === "none";
const hasProblem = (row) =>
  failed(row) || isEmpty(row) || row.fault !== "" || row.rules.length > 0 || breaks(row) || row.answer.kind === "error";

export function statusOf(row) {
  if (row.status === null) return row.done ? ["no", "no answer"] : ["open", "waiting"];
  if (row.status >= 400) return ["no", String(row.status)];
  if (!row.done) return ["open", "answering"];
  return row.whole ? ["ok", String(row.status)] : ["no", "cut off"];
}

function content(row, title) {
  const [kind, status] = statusOf(row);
  const marks = row.rules.map((rule) =>
    element("span", { class: `mark ${rule.refused ? "refused" : "noted"}` }, `${rule.refused ? "refused: " : "noted: "}${rule.id}`),
  );
  if (row.fault) marks.push(element("span", { class: "mark noted" }, `fault: ${row.fault}`));
  if (isEmpty(row) && row.status < 400) marks.push(element("span", { class: "mark noted" }, "neither text nor a call"));
  if (breaks(row)) {
    const place = row.prefix.kind === "missed" ? "prefix not in the cache" : `prefix breaks at ${row.prefix.place}`;
    const cost = row.prefix.lost ? `, ${plural(row.prefix.lost, "token")}, ${money(row.prefix.cost)}` : "";
    marks.push(element("span", { class: "mark noted" }, place + cost));
  }
  const isTitle = row.asked.text === title;
  return [
    isTitle ? null : element("span", { class: `asked ${row.asked.kind}` }, row.asked.text),
    element("span", { class: "meta" }, kind === "ok" ? seconds(row.seconds) : element("span", { class: `status ${kind}` }, status)),
    row.answer.text ? element("span", { class: `answered ${row.answer.kind}` }, element("span", { class: "unseen" }, "answered: "), row.answer.text) : null,
    marks.length ? element("span", { class: "marks" }, marks) : null,
  ];
}

function summary(sums) {
  const tokens = sums.prompt + sums.output;
  const parts = [plural(sums.requests, "request")];
  if (tokens) parts.push(plural(tokens, "token"), `${percent(sums.cached, sums.prompt)} cached`, money(sums.cost));
  return parts.join(" · ");
}

function threadEntry(id) {
  let entry = threads.get(id);
  if (entry) return entry;
  const steps = element("ol", { class: "steps" });
  const node = element("li", { class: "thread", "data-thread": id }, steps);
  entry = { id, node, steps, head: null, title: "", members: new Set() };
  threads.set(id, entry);
  const next = [...byId("list").children].find((each) => Number(each.dataset.thread) < id);
  byId("list").insertBefore(node, next ?? null);
  return entry;
}

// A conversation has a head from its second request on.
function showThread(thread) {
  const entry = threads.get(thread.id);
  if (!entry) return;
  const together = entry.members.size > 1;
  entry.title = thread.title;
  entry.node.classList.toggle("together", together);
  entry.head?.remove();
  entry.head = together
    ? element("h2", { class: "head" }, element("span", { class: "title" }, thread.title), element("span", { class: "quiet" }, summary(thread.sums)))
    : null;
  if (entry.head) entry.node.prepend(entry.head);
  for (const id of entry.members) paint(id);
}

function paint(id) {
  const { row, link } = rows.get(id);
  const entry = threads.get(row.thread);
  const [, status] = statusOf(row);
  link.replaceChildren(...content(row, entry.members.size > 1 ? entry.title : null).filter(Boolean));
  link.setAttribute("title", `#${row.id}, ${clock(row.at)}, ${[row.model, status].filter(Boolean).join(", ")}`);
}

function leave(id, threadId) {
  const entry = threads.get(threadId);
  entry.members.delete(id);
  if (entry.members.size === 0) {
    entry.node.remove();
    threads.delete(threadId);
  }
}

function put(row) {
  const known = rows.get(row.id);
  if (known && known.row.thread === row.thread) {
    known.row = row;
    return;
  }
  if (known) leave(row.id, known.row.thread);
  const link = known?.link ?? element("a", { class: "row", href: `#/r/${row.id}`, "data-id": row.id, tabindex: "-1" });
  const node = known?.node ?? element("li", { class: "entry" }, link);
  rows.set(row.id, { row, node, link });
  const entry = threadEntry(row.thread);
  entry.members.add(row.id);
  const next = [...entry.steps.children].find((each) => Number(each.firstElementChild.dataset.id) > row.id);
  entry.steps.insertBefore(node, next ?? null);
}

export function drop(oldest) {
  for (const [id, { row, node }] of rows) {
    if (id >= oldest) continue;
    node.remove();
    rows.delete(id);
    leave(id, row.thread);
  }
}

export function apply(change) {
  for (const row of change.rows) put(row);
  drop(change.oldest);
  for (const thread of change.threads) showThread(thread);
  showSums(change.sums);
  filter();
}

export function clear() {
  rows.clear();
  threads.clear();
  byId("list").replaceChildren();
  showSums(null);
  filter();
}

function showSums(sums) {
  const node = byId("sums");
  node.hidden = !sums || sums.requests === 0;
  if (node.hidden) return;
  const figures = [
    [count(sums.requests), sums.requests === 1 ? "request" : "requests", "what came in"],
    [count(sums.prompt + sums.output), "tokens", `${count(sums.prompt)} in, ${count(sums.output)} out`],
    [percent(sums.cached, sums.prompt), "cached", `${count(sums.cached)} input tokens came from the cache`],
    [money(sums.cost), "cost", "at list price"],
  ];
  if (sums.lost) figures.push([money(sums.lost_cost), "lost", `${plural(sums.lost, "token")} read anew because prefixes broke`]);
  node.replaceChildren(
    ...figures.map(([value, label, title]) => element("div", { title, class: label === "lost" ? "warn" : null }, element("dt", {}, label), element("dd", {}, value))),
  );
}

export function filter() {
  let shown = 0;
  const full = new Set();
  for (const [id, { row, node }] of rows) {
    const visible = (hits === null || hits.has(id)) && (!onlyProblems || hasProblem(row));
    node.hidden = !visible;
    shown += visible;
    if (visible) full.add(row.thread);
  }
  for (const [id, { node }] of threads) node.hidden = !full.has(id);
  const narrowed = hits !== null || onlyProblems;
  byId("empty").hidden = rows.size > 0;
  byId("nothing").hidden = rows.size === 0 || shown > 0;
  byId("wanted").textContent = hits === null ? "a problem" : `“${byId("search").value.trim()}”${onlyProblems ? " and a problem" : ""}`;
  byId("hits").textContent = narrowed ? `${plural(shown, "request")} shown` : "";
}

export function narrow(found, problems) {
  hits = found;
  onlyProblems = problems;
  filter();
}

const links = () => [...byId("list").querySelectorAll(".entry:not([hidden]) > .row")];

export const first = () => {
  const link = byId("list").querySelector(".entry:not([hidden]) > .row");
  return link ? Number(link.dataset.id) : null;
};

// The row that is so many below (above, if negative) the given one among those shown; at the ends, the last of them.
export function neighbour(id, step) {
  const all = links().map((link) => Number(link.dataset.id));
  if (!all.length) return null;
  const at = all.indexOf(id);
  return all[Math.min(Math.max(at < 0 ? 0 : at + step, 0), all.length - 1)];
}

// Marks the chosen row; only it can be reached with the tab key, the others with the arrows.
export function mark(id, { focus = false, scroll = true } = {}) {
  for (const link of byId("list").querySelectorAll(".row[aria-current]")) {
    link.removeAttribute("aria-current");
    link.setAttribute("tabindex", "-1");
  }
  const link = rows.get(id)?.link;
  if (!link) return;
  link.setAttribute("aria-current", "true");
  link.setAttribute("tabindex", "0");
  if (scroll) link.scrollIntoView({ block: "nearest" });
  if (focus) link.focus({ preventScroll: true });
}
