// The text of a version: beside what it became in Envoy, or beside another version.

import { el, mark, say } from "./dom.js";
import { around, diff } from "./diff.js";

/** written is a version, and its resources: each leads to its line and shows its content,
    which ask gives. */
export function written(version, ask) {
  const files = version.files.map((f) => ({ path: f.path, node: page(f.text.replace(/\n$/, "").split("\n").map((l, i) => [" ", l, i + 1])) }));
  const text = el("div", { class: "files" }, ...files.flatMap((f) => [path(f.path), f.node]));
  if (!version.resources.length) return text;
  const list = version.resources.map((r) => resource(r, () => lead(files, r.position), ask));
  return el("div", { class: "beside" }, text, el("div", { class: "became" }, el("h5", {}, "What it became in Envoy"), el("ul", {}, ...list)));
}

// resource is a line of the list that unfolds.
function resource(r, lead, ask) {
  const content = el("pre", { tabindex: "0", hidden: true, "aria-label": `Content of ${r.type} ${r.name}` });
  const button = el("button", { type: "button", class: "quiet", "aria-expanded": "false", click: async () => {
    const open = content.hidden;
    mark(button, "aria-expanded", String(open));
    content.hidden = !open;
    if (!open) return;
    lead();
    if (content.firstChild && !content.querySelector(".failed")) return;
    say(content, "Asking…");
    try {
      say(content, JSON.stringify((await ask(r.type, r.name)).content, null, 2));
    } catch (error) {
      content.replaceChildren(el("span", { class: "failed", role: "alert" }, error.message));
    }
  } }, el("b", {}, r.type), " ", r.name, el("span", { class: "muted" }, ` ${r.position}`));
  return el("li", {}, button, content);
}

// lead marks the line of a place, file:line:column or a whole file, and shows it.
function lead(files, place) {
  const [, name, line] = /^(.*?)(?::(\d+):\d+)?$/.exec(place);
  const file = files.find((f) => f.path === name || f.path.endsWith("/" + name));
  for (const f of files) f.node.querySelector("[aria-current]")?.removeAttribute("aria-current");
  const at = file?.node.children[Number(line ?? 1) - 1];
  if (!at) return;
  at.setAttribute("aria-current", "true");
  at.scrollIntoView({ block: "nearest" });
  file.node.scrollTop = at.offsetTop - file.node.clientHeight / 2;
}

/** changes are the files by which two versions differ. */
export function changes(before, now) {
  const then = new Map(before.files.map((f) => [f.path, f.text]));
  const parts = [];
  for (const f of now.files) {
    const lines = around(diff(then.get(f.path) ?? "", f.text));
    then.delete(f.path);
    if (lines.some((l) => l)) parts.push(path(f.path), page(lines));
  }
  for (const [name, old] of then) parts.push(path(name), page(diff(old, "")));
  return parts.length ? parts : [el("p", { class: "muted" }, "They do not differ in a line.")];
}

const path = (name) => el("p", { class: "muted path" }, name);

function page(lines) {
  return el("pre", { tabindex: "0" }, ...lines.map((l) => (l ? el("span", { class: "line", "data-sign": l[0] }, el("i", { "data-n": l[2] }), l[0] + " " + l[1] + "\n") : el("span", { class: "line gap" }, "…\n"))));
}
