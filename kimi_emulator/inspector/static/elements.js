// What the other files build with: elements, numbers and copying. What clients sent is always text, never markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export const count = (value) => Number(value).toLocaleString("en");

export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 0.0095) return `${(value * 1000).toFixed(1)} ms`;
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

export function money(value) {
  if (!value) return "$0";
  if (value < 0.0001) return "<$0.0001";
  return `$${value < 0.1 ? value.toFixed(4) : value.toFixed(2)}`;
}

export const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "0 %");

export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

// Copies, and says so on the button. Where a browser does not let a page copy, `fallback` shows the text.
export async function copy(button, text, fallback) {
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    fallback?.(text);
    button.textContent = fallback ? "Selected below" : "Select it by hand";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}
