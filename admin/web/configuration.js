// Blueprints: what is wrong with them, their versions, and what was written in each.

import { el, keyed, mark, say } from "./dom.js";
import { age, base, clock, short } from "./words.js";
import { changes, written } from "./text.js";
import { confirm } from "./dialog.js";

const first = 6; // versions of a list that is folded
const tones = { accepted: "good", refused: "bad", "rolled back": "warn" };

/** Configuration shows histories; a version's text is fetched when it is opened. */
export class Configuration {
  all = new Set(); // blueprints whose list is unfolded

  constructor(section, feed) {
    this.feed = feed;
    this.problems = section.querySelector(".problems");
    this.histories = section.querySelector(".histories");
    this.empty = section.querySelector(".empty");
    const reload = () => confirm("Load the blueprints now?", "Their files are read again, as when one of them is saved. What has errors stays on its last good version.", "Load", () => feed.act("api/v1/reload", {}));
    section.querySelector(".tools").append(el("button", { type: "button", click: reload }, "Load again"));
  }

  show(state) {
    const s = state.status;
    if (!s) return;
    keyed(this.problems, s.problems, (p) => p.text + p.severity, (p) => el("p", { class: "problem", "data-tone": p.severity === "error" ? "bad" : "warn" }, el("b", {}, p.severity), el("code", {}, p.line ? `${p.file}:${p.line}:${p.column}` : p.file), el("span", {}, [p.path, p.message].filter(Boolean).join(": "))));
    const list = s.blueprints.map((b) => ({ ...b, versions: versions(b, state.histories) }));
    keyed(this.histories, list, (b) => b.file, (b) => this.blueprint(b), (node, b) => this.update(node, b));
    this.empty.hidden = list.length > 0;
    say(this.empty, "No blueprint is served.");
  }

  blueprint(b) {
    const node = el("article", { class: "card" },
      el("header", {}, el("div", { class: "who" }, el("h3", {}, base(b.file)), el("p", { class: "muted" }, b.file))),
      el("ol", { class: "versions" }),
      el("button", { type: "button", class: "quiet", click: () => {
        if (!this.all.delete(b.file)) this.all.add(b.file);
        this.update(node, node.shown);
      } }),
      el("div", { class: "text", role: "region", "aria-label": `Text of ${base(b.file)}`, hidden: true }));
    return node;
  }

  update(node, b) {
    node.shown = b;
    const [, versionsOf, more, text] = node.children;
    const list = this.all.has(b.file) ? b.versions : b.versions.slice(0, first);
    more.hidden = b.versions.length <= first;
    say(more, this.all.has(b.file) ? "Show fewer" : `Show all ${b.versions.length} versions`);
    const row = (v) => el("li", {}, el("code", {}, short(v.version)), el("span", { class: "pill" }), el("time", {}), el("span", { class: "why" }), el("span", { class: "buttons" },
      el("button", { type: "button", class: "view", "aria-label": `View version ${short(v.version)}`, click: () => this.open(text, node.shown, v, false) }, "View"),
      el("button", { type: "button", class: "changes", "aria-label": `Changes of version ${short(v.version)}`, click: () => this.open(text, node.shown, v, true) }, "Changes"),
      el("button", { type: "button", class: "back", "aria-label": `Roll back to version ${short(v.version)}`, click: () => this.back(b, v) }, "Roll back")));
    keyed(versionsOf, list, (v) => v.version, row, (li, v) => {
      const [, pill, time, why, buttons] = li.children;
      const served = v.version === b.version;
      say(pill, served ? "served" : v.stage);
      mark(pill, "data-tone", tones[v.stage] ?? "busy");
      say(time, v.at ? age(v.at) : "");
      mark(time, "title", v.at ? clock(v.at) : null);
      say(why, [...(v.where ?? []), v.reason].filter(Boolean).join(": "));
      buttons.children[1].hidden = !older(b, v);
      buttons.children[2].hidden = served || v.stage !== "accepted";
    });
  }

  back(b, v) {
    confirm(`Roll ${base(b.file)} back?`, `All its Envoys get version ${v.version} at once. The present one is not tried again until a file changes, or Retry.`, "Roll back",
      () => this.feed.act("api/v1/rollback", { blueprint: b.file, version: v.version }));
  }

  async open(text, b, v, compare) {
    const ask = (version) => this.feed.json(`api/v1/blueprint?${new URLSearchParams({ blueprint: b.file, version })}`);
    const close = el("button", { type: "button", click: () => (text.hidden = true) }, "Close");
    try {
      const [now, before] = await Promise.all([ask(v.version), compare ? ask(older(b, v).version) : null]);
      const title = compare ? `Changes from ${short(older(b, v).version)} to ${short(v.version)}` : `Version ${short(v.version)}`;
      text.replaceChildren(el("div", { class: "head" }, el("h4", {}, title), close), compare ? el("div", {}, ...changes(before, now)) : written(now, (type, name) => this.feed.json(`api/v1/resource?${new URLSearchParams({ blueprint: b.file, version: v.version, type, name })}`)));
    } catch (error) {
      text.replaceChildren(el("div", { class: "head" }, el("h4", {}, `Version ${short(v.version)}`), close), el("p", { class: "failed", role: "alert" }, error.message));
    }
    text.hidden = false;
    close.focus({ preventScroll: true });
    text.scrollIntoView({ block: "nearest" });
  }
}

// versions are those of the history, and the one that is on its way.
function versions(b, histories) {
  const known = histories?.find((h) => h.file === b.file)?.versions ?? [];
  const under = [{ version: b.rollout.version, stage: b.rollout.stage, at: b.rollout.since }, { version: b.version, stage: "accepted", at: b.since }];
  const more = under.filter((u, i) => !known.some((v) => v.version === u.version) && under.findIndex((x) => x.version === u.version) === i);
  return [...more, ...known];
}

// older is the version below in the list.
function older(b, v) {
  const list = b.versions;
  return list[list.findIndex((x) => x.version === v.version) + 1];
}
