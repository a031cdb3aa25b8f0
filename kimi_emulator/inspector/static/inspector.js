"use strict";

// Everything that clients sent is shown through textContent, never as markup.

const KINDS = [
  ["cached", "from the cache"],
  ["input", "other input"],
  ["thinking", "thinking"],
  ["answer", "answer"],
];
const LONG = 1200; // characters of a message that are shown without asking
const exchanges = new Map();
let chosen = null;
let shownVersion = 0;

const $ = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function seconds(value) {
  if (value === null || value === undefined) return "";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`;
}

function milliseconds(value) {
  return value === null || value === undefined ? "none" : seconds(value / 1000);
}

function statusOf(exchange) {
  if (exchange.status === null) return ["open", exchange.done ? "no answer" : "..."];
  if (exchange.status >= 400) return ["no", String(exchange.status)];
  if (!exchange.done) return ["open", `${exchange.status} ...`];
  return exchange.whole ? ["ok", String(exchange.status)] : ["no", `${exchange.status} cut off`];
}

function statusBadge(exchange) {
  const [kind, text] = statusOf(exchange);
  return element("span", { class: `status ${kind}` }, text);
}

function bar(tokens, small) {
  const total = KINDS.reduce((sum, [kind]) => sum + tokens[kind], 0);
  const made = element("div", {
    class: small ? "bar small" : "bar",
    role: "img",
    "aria-label": KINDS.map(([kind, name]) => `${tokens[kind]} tokens ${name}`).join(", "),
  });
  for (const [kind] of KINDS) {
    if (!tokens[kind]) continue;
    const part = element("span", { class: kind });
    part.style.flexGrow = String(tokens[kind] / total);
    made.append(part);
  }
  return made;
}

function listed(exchange) {
  const time = new Date(exchange.at * 1000).toLocaleTimeString();
  const button = element(
    "button",
    { type: "button", "data-id": exchange.id, "aria-current": exchange.id === chosen ? "true" : null },
    element(
      "div",
      { class: "row" },
      element("span", { class: "path" }, `${exchange.method} ${exchange.path.replace(/^\/v1/, "")}`),
      statusBadge(exchange),
    ),
    element(
      "div",
      { class: "row quiet" },
      element("span", {}, [time, exchange.model, exchange.streamed ? "streamed" : ""].filter(Boolean).join(" · ")),
      element("span", {}, seconds(exchange.seconds)),
    ),
    ...exchange.rules.map((rule) =>
      element("span", { class: `rule ${rule.refused ? "refused" : "reported"}` }, rule.id),
    ),
    exchange.tokens ? bar(exchange.tokens, true) : null,
  );
  button.addEventListener("click", () => choose(exchange.id));
  return element("li", {}, button);
}

function wanted(exchange) {
  if ($("only-rules").checked && !exchange.rules.length) return false;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const head = `${exchange.path} ${exchange.model ?? ""} ${exchange.status ?? ""} `;
  const text = head.toLowerCase() + exchange.rules.map((rule) => rule.id).join(" ") + " " + exchange.text;
  return words.every((word) => text.includes(word));
}

function renderList() {
  const shown = [...exchanges.values()].filter(wanted).sort((a, b) => b.id - a.id);
  const focused = document.activeElement?.dataset?.id;
  $("list").replaceChildren(...shown.map(listed));
  if (focused) $("list").querySelector(`[data-id="${focused}"]`)?.focus();
  $("empty").hidden = exchanges.size > 0;
}

let listWaits = false;
function renderListSoon() {
  if (listWaits) return;
  listWaits = true;
  requestAnimationFrame(() => {
    listWaits = false;
    renderList();
  });
}

async function choose(id) {
  chosen = id;
  renderList();
  const asked = ++shownVersion;
  const answer = await fetch(`/_inspector/exchanges/${id}`);
  if (asked !== shownVersion) return;
  if (!answer.ok) {
    $("detail").replaceChildren(element("p", { class: "hint" }, await answer.text()));
    return;
  }
  const open = [...$("detail").querySelectorAll("details[open]")].map((each) => each.dataset.name);
  const top = $("detail").scrollTop;
  $("detail").replaceChildren(...detail(await answer.json()));
  for (const name of open) {
    const same = $("detail").querySelector(`details[data-name="${CSS.escape(name)}"]`);
    if (same) same.open = true;
  }
  $("detail").scrollTop = top;
}

function folded(name, title, ...children) {
  return element("details", { "data-name": name }, element("summary", {}, title), ...children);
}

function json(value) {
  return element("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function partText(part) {
  if (part.type === "text") return part.text ?? "";
  const value = part[part.type];
  const url = typeof value === "string" ? value : value?.url ?? value?.file_id ?? "";
  return `[${part.type}: ${url.length > 80 ? url.slice(0, 77) + "..." : url}]`;
}

function contentText(content) {
  if (content === null || content === undefined) return "";
  return Array.isArray(content) ? content.map(partText).join("\n") : String(content);
}

function spoken(text, kind, name) {
  if (!text) return [];
  if (text.length <= LONG) return [element("div", { class: kind }, text)];
  return [
    element("div", { class: kind }, `${text.slice(0, LONG / 2)} ...`),
    folded(name, `all ${text.length.toLocaleString()} characters`, element("div", { class: kind }, text)),
  ];
}

function message(said, name) {
  const thought = said.reasoning_content ?? said.reasoning;
  const label = [said.role, said.name, said.tool_call_id, said.partial ? "partial" : ""].filter(Boolean).join(" · ");
  return element(
    "div",
    { class: `message ${["system", "user", "assistant", "tool"].includes(said.role) ? said.role : "system"}` },
    element("div", { class: "role" }, label),
    ...spoken(thought, "thought text", `${name}-thought`),
    ...spoken(contentText(said.content), "text", `${name}-text`),
    ...(said.tool_calls ?? []).map((call) =>
      element(
        "div",
        { class: "call" },
        element("div", { class: "quiet" }, `calls ${call.function?.name ?? "?"} (${call.id ?? "no id"})`),
        element("pre", {}, call.function?.arguments ?? ""),
      ),
    ),
    said.tools?.length ? folded(`${name}-tools`, `loads ${said.tools.length} tools`, json(said.tools)) : null,
  );
}

function timeline(timing) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 1000 70");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${timing.pieces} pieces, the first after ${milliseconds(timing.first)}`);
  const end = timing.last || 1;
  for (const point of timing.points) {
    const line = document.createElementNS(space, "rect");
    line.setAttribute("x", String((point / end) * 995));
    line.setAttribute("y", "8");
    line.setAttribute("width", "2");
    line.setAttribute("height", "54");
    svg.append(line);
  }
  return svg;
}

function copyButton(text) {
  const button = element("button", { type: "button", id: "copy-curl" }, "Copy as curl");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // No permission, or no secure context: leave it selected instead.
      const pre = $("curl");
      pre.closest("details").open = true;
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected below";
    }
    setTimeout(() => (button.textContent = "Copy as curl"), 2000);
  });
  return button;
}

function detail(exchange) {
  const body = exchange.request.json ?? {};
  const reply = exchange.reply;
  const parts = [
    element(
      "div",
      { class: "heading" },
      element("h2", {}, `${exchange.method} ${exchange.path} `, statusBadge(exchange)),
      exchange.curl ? copyButton(exchange.curl) : null,
    ),
    element(
      "div",
      { class: "facts quiet" },
      ...[
        exchange.model,
        exchange.streamed ? "streamed" : "in one piece",
        exchange.seconds === null ? "still answering" : seconds(exchange.seconds),
        exchange.cost === null ? null : `$${exchange.cost.toFixed(6)} at list price`,
        exchange.answer_headers["msh-request-id"],
        exchange.request.headers.authorization,
      ]
        .filter(Boolean)
        .map((fact) => element("span", {}, fact)),
    ),
  ];
  for (const rule of exchange.rules) {
    parts.push(
      element(
        "div",
        { class: `explain ${rule.refused ? "refused" : "reported"}` },
        element("strong", {}, `${rule.refused ? "Refused by" : "Let through, but forbidden:"} ${rule.id}`),
        element("p", {}, rule.sentence),
        element("p", {}, rule.message),
      ),
    );
  }
  if (reply.error) parts.push(element("h3", {}, "Error"), json(reply.error));
  if (exchange.tokens) {
    parts.push(element("h3", {}, "Tokens"), bar(exchange.tokens, false));
    const legend = KINDS.map(([kind, name]) =>
      element("span", {}, element("i", { class: kind }), `${exchange.tokens[kind].toLocaleString()} ${name}`),
    );
    parts.push(element("div", { class: "legend quiet" }, ...legend));
  }
  if (reply.message && (reply.message.content || reply.message.tool_calls || reply.finish_reason)) {
    const why = reply.finish_reason ? ` (${reply.finish_reason})` : "";
    parts.push(element("h3", {}, `Answer${why}`), message({ role: "assistant", ...reply.message }, "answer"));
  } else if (reply.json) {
    parts.push(element("h3", {}, "Answer"), json(reply.json));
  }
  if (exchange.streamed && exchange.timing.pieces) {
    parts.push(
      element("h3", {}, "Timing of the stream"),
      timeline(exchange.timing),
      element(
        "p",
        { class: "quiet" },
        `${exchange.timing.pieces} pieces; the first after ${milliseconds(exchange.timing.first)}, ` +
          `the last after ${milliseconds(exchange.timing.last)}; ` +
          `the longest silence between two ${milliseconds(exchange.timing.longest_gap)}`,
      ),
    );
  }
  if (body.messages?.length) {
    parts.push(element("h3", {}, `Messages (${body.messages.length})`));
    parts.push(...body.messages.map((said, place) => message(said, `message-${place}`)));
  }
  if (body.tools?.length) {
    parts.push(element("h3", {}, `Tools (${body.tools.length})`));
    parts.push(
      ...body.tools.map((tool, place) =>
        folded(`tool-${place}`, tool.function?.name ?? tool.type ?? "?", json(tool)),
      ),
    );
  }
  if (exchange.request.form) parts.push(element("h3", {}, "File"), json(exchange.request.form));
  parts.push(element("h3", {}, "As it was"));
  const others = Object.fromEntries(Object.entries(body).filter(([name]) => name !== "messages" && name !== "tools"));
  if (Object.keys(others).length) parts.push(folded("options", "Other fields of the request", json(others)));
  parts.push(folded("request-headers", "Headers of the request", json(exchange.request.headers)));
  parts.push(folded("answer-headers", "Headers of the answer", json(exchange.answer_headers)));
  const cut = exchange.cut ? `, ${exchange.cut.toLocaleString()} of them not kept` : "";
  parts.push(folded("raw", `Answer as sent (${exchange.size.toLocaleString()} bytes${cut})`, json(exchange.raw)));
  if (exchange.curl) {
    parts.push(folded("curl", "As a curl command", element("pre", { id: "curl" }, exchange.curl)));
  }
  return parts.filter(Boolean);
}

function listen() {
  const source = new EventSource("/_inspector/events");
  source.addEventListener("open", () => {
    $("state").textContent = "live";
    $("state").className = "live";
  });
  source.addEventListener("error", () => {
    $("state").textContent = "the emulator does not answer; trying again";
    $("state").className = "lost";
  });
  source.addEventListener("clear", () => {
    exchanges.clear();
    chosen = null;
    $("detail").replaceChildren(element("p", { class: "hint" }, "Choose a request on the left."));
    renderListSoon();
  });
  source.addEventListener("exchange", (event) => {
    const exchange = JSON.parse(event.data);
    exchanges.set(exchange.id, exchange);
    if (exchange.id === chosen) choose(chosen);
    renderListSoon();
  });
}

$("address").textContent = `${location.origin}/v1`;
$("search").addEventListener("input", renderListSoon);
$("only-rules").addEventListener("change", renderListSoon);
$("clear").addEventListener("click", () => fetch("/_inspector/exchanges", { method: "DELETE" }));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== $("search")) {
    event.preventDefault();
    $("search").focus();
  }
});
listen();
