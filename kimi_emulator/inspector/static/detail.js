// The chosen request: what it is, what was wrong with it, what it cost, and everything that was said.

import { byId, clock, copy, count, element, money, percent, plural, seconds } from "./elements.js";
import { isEmpty, statusOf } from "./list.js";

const KINDS = [
  ["cached", "from the cache"],
  ["input", "other input"],
  ["thinking", "thinking"],
  ["answer", "answer"],
];
const LONG = 1200; // characters of a message that are shown without asking
const DRAWN = /^data:image\/(png|jpe?g|gif|webp|bmp);base64,/i;

function folded(name, title, ...children) {
  return element("details", { "data-name": name }, element("summary", {}, title), ...children);
}

function json(value) {
  return element("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function section(title, ...children) {
  return element("section", {}, element("h3", {}, title), ...children);
}

function media(part) {
  const value = part[part.type];
  const url = typeof value === "string" ? value : value?.url ?? "";
  const stored = /^ms:\/\/([\w-]+)$/.exec(url);
  const inline = /^data:([^;,]*)[^,]*,/.exec(url);
  const about = inline ? `${inline[1] || "data"}, ${count(Math.round((url.length - inline[0].length) * 0.75))} bytes` : url;
  const note = element("span", { class: "quiet" }, `${part.type ?? "a part without a type"}: ${about}`);
  if (part.type !== "image_url" || !(stored || DRAWN.test(url))) return element("div", { class: "media" }, note);
  const image = element("img", { src: stored ? `/_inspector/images/${stored[1]}` : url, alt: "An image of this message", loading: "lazy" });
  image.addEventListener("error", () => image.remove());
  return element("div", { class: "media" }, image, note);
}

function spoken(text, kind, name) {
  if (!text) return [];
  if (text.length <= LONG) return [element("div", { class: kind }, text)];
  return [
    element("div", { class: kind }, `${text.slice(0, LONG / 2)}…`),
    folded(name, `All ${count(text.length)} characters`, element("div", { class: kind }, text)),
  ];
}

function contents(content, name) {
  if (content === null || content === undefined) return [];
  if (!Array.isArray(content)) return spoken(String(content), "text", name);
  return content.flatMap((part, at) => (part?.type === "text" ? spoken(String(part.text ?? ""), "text", `${name}-${at}`) : [media(part ?? {})]));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function message(item, name, label) {
  const thought = item.reasoning_content ?? item.reasoning;
  const calls = Array.isArray(item.tool_calls) ? item.tool_calls : [];
  const facts = [item.name, item.tool_call_id, item.partial ? "partial" : ""].filter(Boolean).join(" · ");
  const role = ["system", "user", "assistant", "tool"].includes(item.role) ? item.role : "other";
  return element(
    "div",
    { class: `message ${role}` },
    element("h4", {}, label ?? String(item.role ?? "no role"), facts ? element("span", { class: "quiet" }, ` ${facts}`) : null),
    element(
      "div",
      { class: "body" },
      thought ? element("div", { class: "thought" }, element("span", { class: "unseen" }, "Thinking: "), spoken(String(thought), "text", `${name}-thought`)) : null,
      contents(item.content, `${name}-text`),
      calls.map((call) =>
        element(
          "div",
          { class: "call" },
          element("div", {}, "calls ", element("code", {}, call?.function?.name ?? "?"), element("span", { class: "quiet" }, ` ${call?.id ?? "without an id"}`)),
          element("pre", { tabindex: "0" }, pretty(String(call?.function?.arguments ?? ""))),
        ),
      ),
      item.tools?.length ? folded(`${name}-tools`, `loads ${plural(item.tools.length, "tool")}`, json(item.tools)) : null,
    ),
  );
}

function refusedValue({ place, text }) {
  const name = element("code", {}, place);
  if (text === "") return element("p", { class: "value" }, name, " is missing");
  if (text.length <= 60) return element("p", { class: "value" }, name, ": ", element("code", { class: "wrong" }, text));
  return element("div", { class: "value" }, name, element("pre", { tabindex: "0" }, text));
}

function refusal(rule) {
  return element(
    "section",
    { class: `box ${rule.refused ? "refused" : "noted"}` },
    element("h3", {}, rule.refused ? "Refused" : "Let through, though the documents forbid it", " ", element("code", {}, rule.id)),
    rule.values.map(refusedValue),
    element("p", {}, rule.message),
    element("p", { class: "rule-sentence" }, "The rule: ", rule.sentence.split("`").map((piece, at) => (at % 2 ? element("code", {}, piece) : piece))),
  );
}

function link(id, text) {
  return element("a", { href: `#/r/${id}` }, text ?? `#${id}`);
}

function differing(prefix) {
  const [before, after] = [prefix.before, prefix.after];
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shortest - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const shown = (text, word) => {
    const changed = element("mark", {}, text.slice(start, text.length - end) || "(nothing)");
    return element("div", {}, element("dt", {}, word), element("dd", {}, element("code", {}, text.slice(0, start), changed, text.slice(text.length - end))));
  };
  return element("dl", { class: "differing" }, shown(before, "was"), shown(after, "is now"));
}

function prefixBox(prefix) {
  if (!prefix) return null;
  const lost = prefix.lost
    ? element("p", { class: "loss" }, element("strong", {}, `${plural(prefix.lost, "token")} read anew, ${money(prefix.cost)} more`), " than from the cache.")
    : null;
  const equal = `${plural(prefix.messages, "message")} (about ${plural(prefix.equal, "token")})`;
  if (prefix.kind === "extends") return element("p", { class: "aside" }, "Goes on from ", link(prefix.with), `: its whole prompt, ${equal}, is repeated unchanged.`);
  if (prefix.kind === "branches") return element("p", { class: "aside" }, "Shares ", equal, " with ", link(prefix.with), " and branches off at ", element("code", {}, prefix.place), ".");
  if (prefix.kind === "missed") {
    return element(
      "section",
      { class: "box noted" },
      element("h3", {}, "Not in the cache"),
      element("p", {}, "The prompt repeats that of ", link(prefix.with), ` unchanged, ${equal}, but the cache no longer had it, or not yet: entries live for five minutes.`),
      lost,
    );
  }
  return element(
    "section",
    { class: "box noted" },
    element("h3", {}, "The prefix breaks at ", element("code", {}, prefix.place)),
    element(
      "p",
      {},
      "Equal to ",
      link(prefix.with),
      prefix.messages ? ` for ${plural(prefix.messages, "message")}` : "",
      ` up to character ${count(prefix.character)} there, about ${plural(prefix.equal, "token")}. What comes behind it is not read from the cache.`,
    ),
    differing(prefix),
    lost ?? element("p", {}, "It cost nothing here: the cache reads in steps of 256 tokens."),
  );
}

function tokens(exchange) {
  const all = KINDS.reduce((sum, [kind]) => sum + exchange.tokens[kind], 0);
  const input = exchange.tokens.cached + exchange.tokens.input;
  const bar = element("div", { class: "bar", role: "img", "aria-label": KINDS.map(([kind, name]) => `${count(exchange.tokens[kind])} tokens ${name}`).join(", ") });
  for (const [kind] of KINDS) {
    if (!exchange.tokens[kind]) continue;
    const part = element("span", { class: kind });
    part.style.flexGrow = String(exchange.tokens[kind] / all);
    bar.append(part);
  }
  return element(
    "section",
    { class: "spent" },
    element("h3", {}, `${plural(all, "token")}, ${money(exchange.cost)}`, element("span", { class: "quiet" }, ` ${percent(exchange.tokens.cached, input)} of the input cached`)),
    bar,
    element("ul", { class: "legend" }, KINDS.filter(([kind]) => exchange.tokens[kind]).map(([kind, name]) => element("li", {}, element("i", { class: kind }), `${count(exchange.tokens[kind])} ${name}`))),
  );
}

function timeline(timing) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const at = (value) => seconds((value ?? 0) / 1000);
  svg.setAttribute("viewBox", "0 0 1000 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${timing.pieces} pieces, the first after ${at(timing.first)}`);
  for (const point of timing.points) {
    const line = document.createElementNS(space, "rect");
    line.setAttribute("x", String((point / (timing.last || 1)) * 996));
    line.setAttribute("y", "6");
    line.setAttribute("width", "2");
    line.setAttribute("height", "28");
    svg.append(line);
  }
  const words = `${plural(timing.pieces, "piece")}; the first after ${at(timing.first)}, the last after ${at(timing.last)}; the longest silence ${at(timing.longest_gap)}`;
  return section("Stream", svg, element("p", { class: "quiet" }, words));
}

function conversation(exchange, body) {
  const messages = Array.isArray(body.messages) ? body.messages.filter((each) => each !== null && typeof each === "object") : [];
  if (!messages.length) return [];
  const shown = messages.map((item, at) => message(item, `message-${at}`));
  const prefix = exchange.prefix;
  // What an earlier request said already is folded away, if it is more than a message or two.
  const known = prefix && prefix.kind !== "breaks" ? Math.min(prefix.messages, messages.length - 1) : 0;
  if (known < 2) return [section(plural(messages.length, "message"), shown)];
  return [section(plural(messages.length, "message"), folded("earlier", `The first ${count(known)}, as in #${prefix.with}`, shown.slice(0, known)), shown.slice(known))];
}

function answer(exchange) {
  const reply = exchange.reply;
  if (reply.message && (reply.message.content || reply.message.tool_calls || reply.message.reasoning_content || reply.message.reasoning)) {
    const why = { stop: "", tool_calls: "" }[reply.finish_reason] ?? reply.finish_reason ?? "not ended";
    return section(`Answer${why ? ` (${why})` : ""}`, message({ role: "assistant", ...reply.message }, "answer", "assistant"));
  }
  return reply.json ? section("Answer", json(reply.json)) : null;
}

function copyButton(id, label, text) {
  const button = element("button", { type: "button", id }, label);
  button.addEventListener("click", async () => {
    copy(button, await text(), (value) => {
      const pre = byId("copied-text");
      pre.textContent = value;
      pre.hidden = false;
      getSelection().selectAllChildren(pre);
    });
  });
  return button;
}

export function detail(exchange) {
  const body = exchange.request.json !== null && typeof exchange.request.json === "object" ? exchange.request.json : {};
  const reply = exchange.reply;
  const [kind, status] = statusOf(exchange);
  const step = exchange.steps.indexOf(exchange.id);
  const facts = [
    `#${exchange.id}`,
    exchange.steps.length > 1 ? `${step + 1} of ${exchange.steps.length}` : null,
    clock(exchange.at),
    exchange.model,
    `${exchange.method} ${exchange.path}`,
    exchange.streamed ? "streamed" : null,
    exchange.seconds === null ? null : seconds(exchange.seconds),
  ];
  const refused = exchange.rules.some((rule) => rule.refused);
  const others = Object.fromEntries(Object.entries(body).filter(([name]) => name !== "messages" && name !== "tools"));
  const tools = Array.isArray(body.tools) ? body.tools : [];
  const cut = exchange.cut ? `, ${count(exchange.cut)} of them not kept` : "";
  return [
    element("a", { class: "back", href: "#/" }, "All requests"),
    element(
      "div",
      { class: "heading" },
      element("p", { class: "facts" }, element("span", { class: `status ${kind}` }, status), facts.filter(Boolean).map((fact) => element("span", {}, fact))),
      element("h2", {}, exchange.asked.text),
      element(
        "div",
        { class: "actions" },
        exchange.curl ? copyButton("copy-curl", "Copy as curl", () => exchange.curl) : null,
        exchange.script ? copyButton("copy-script", "Copy answer as script", () => exchange.script) : null,
        exchange.script && exchange.steps.length > 1
          ? copyButton("copy-run", "Copy run as script", async () => (await fetch(`/_inspector/exchanges/${exchange.id}/script`)).text())
          : null,
      ),
      element("pre", { id: "copied-text", hidden: true, tabindex: "0" }),
    ),
    exchange.fault
      ? element(
          "section",
          { class: "box noted" },
          element("h3", {}, "A fault that was asked for ", element("code", {}, exchange.fault)),
          element("p", {}, exchange.fault_sentence.split("`").map((piece, at) => (at % 2 ? element("code", {}, piece) : piece))),
        )
      : null,
    isEmpty(exchange) && exchange.status < 400
      ? element(
          "section",
          { class: "box noted" },
          element("h3", {}, "An empty answer"),
          element("p", {}, "Neither text nor a tool call. A client asks again for it, or fails; an agent that takes it for the last word stops."),
        )
      : null,
    exchange.rules.map(refusal),
    reply.error && !refused ? element("section", { class: "box refused" }, element("h3", {}, "Error"), json(reply.error)) : null,
    exchange.prefix?.kind === "breaks" || exchange.prefix?.kind === "missed" ? prefixBox(exchange.prefix) : null,
    exchange.tokens ? tokens(exchange) : null,
    exchange.prefix?.kind === "extends" || exchange.prefix?.kind === "branches" ? prefixBox(exchange.prefix) : null,
    conversation(exchange, body),
    answer(exchange),
    tools.length ? section(plural(tools.length, "tool"), tools.map((tool, at) => folded(`tool-${at}`, tool?.function?.name ?? tool?.type ?? "?", json(tool)))) : null,
    exchange.streamed && exchange.timing.pieces ? timeline(exchange.timing) : null,
    exchange.request.form ? section("File", json(exchange.request.form)) : null,
    section(
      "As it was sent",
      Object.keys(others).length ? folded("options", "Other fields of the request", json(others)) : null,
      folded("request-headers", "Headers of the request", json(exchange.request.headers)),
      folded("answer-headers", "Headers of the answer", json(exchange.answer_headers)),
      folded("raw", `The answer, ${plural(exchange.size, "byte")}${cut}`, json(exchange.raw)),
      exchange.curl ? folded("curl", "The request as curl", json(exchange.curl)) : null,
      exchange.script ? folded("script", "The answer as kimi.script(...)", json(exchange.script)) : null,
    ),
  ]
    .flat()
    .filter(Boolean);
}
