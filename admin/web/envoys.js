// Envoys and how far each is, and the rollout in progress.

import { el, keyed, mark, offer, say } from "./dom.js";
import { age, base, clock, plural, rate, short } from "./words.js";
import { List } from "./list.js";
import { confirm } from "./dialog.js";

const size = 20; // Envoys on a page
const tones = { SYNCED: "good", STALE: "warn", REJECTED: "bad", "NOT SENT": "none" };
const stages = { accepted: "good", refused: "bad", "rolled back": "warn" };

/** Envoys are the nodes on the stream, and the rollouts of blueprints. */
export class Envoys extends List {
  constructor(section, feed) {
    super(section, size, "Envoys", [["only", "Show", [["", "all states"], ["SYNCED", "up to date"], ["STALE", "behind"], ["REJECTED", "refusing"]]]]);
    this.feed = feed;
    this.rollouts = section.querySelector(".rollouts");
    this.nodes = section.querySelector(".nodes");
  }

  show(state) {
    this.shown = state;
    const s = state?.status;
    if (!s) return;
    keyed(this.rollouts, s.blueprints, (b) => b.file, (b) => this.rollout(b), (node, b) => this.progress(node, b));
    const rank = (n) => ["REJECTED", "STALE", "NOT SENT", "SYNCED"].indexOf(n.state);
    const list = s.nodes
      .filter((n) => this.found(n.id, n.cluster, n.peer))
      .filter((n) => !this.only || n.state === this.only)
      .sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, undefined, { numeric: true }));
    const figures = new Map([...(state.telemetry?.tables.envoys.values() ?? [])].map((e) => [e.node, e]));
    for (const n of list) n.figures = figures.get(n.id);
    keyed(this.nodes, this.pager.cut(list), (n) => `${n.id} ${n.peer}`, envoy, paint);
    this.empty.hidden = list.length > 0;
    say(this.empty, s.nodes.length ? `None of ${plural(s.nodes.length, "Envoy")} is like that.` : "No Envoy is connected. One that others run is started with what “backworks bootstrap” writes.");
  }

  rollout(b) {
    const act = (path) => () => this.feed.act(path, { blueprint: b.file });
    return el("article", { class: "card rollout" },
      el("header", {}, el("h3"), el("span", { class: "pill" })),
      el("p", { class: "facts muted" }),
      el("p", { class: "why" }),
      el("details", {}, el("summary", {}, "Steps"), el("ol", { class: "trail" })),
      el("div", { class: "buttons" },
        el("button", { type: "button", class: "retry", click: () => confirm(`Retry ${base(b.file)}?`, "The version that was loaded last is brought to the Envoys once more, though it was refused or rolled back.", "Retry", act("api/v1/retry")) }, "Retry"),
        el("button", { type: "button", class: "rollback", click: () => confirm(`Roll ${base(b.file)} back?`, "All its Envoys get the version that was accepted before the present one, at once. The present one is not tried again until a file changes, or Retry.", "Roll back", act("api/v1/rollback")) }, "Roll back")));
  }

  progress(node, b) {
    const [head, facts, why, details, buttons] = node.children;
    const r = b.rollout;
    say(head.firstChild, b.name ? `${b.name} (${base(b.file)})` : base(b.file));
    say(head.lastChild, r.stage);
    mark(head.lastChild, "data-tone", stages[r.stage] ?? "busy");
    const on = r.nodes.length ? `, first on ${r.nodes.slice(0, 3).join(", ")}${r.nodes.length > 3 ? ` and ${r.nodes.length - 3} more` : ""}` : "";
    say(facts, `Served: ${short(b.version)} since ${clock(b.since)}. Loaded last: ${short(r.version)}, ${r.stage} ${age(r.since)}${on}`);
    const held = r.held.map((h) => `${h.node} stays on ${short(h.version)}`);
    say(why, [[...(r.where ?? []), r.reason].filter(Boolean).join(": "), ...held].filter(Boolean).join(" · "));
    keyed(details.lastChild, [...r.trail].reverse(), (t) => t.at + t.stage, (t) => el("li", {},
      el("time", { datetime: t.at }, clock(t.at)), el("span", { class: "pill", "data-tone": stages[t.stage] ?? "busy" }, t.stage), el("code", {}, short(t.version)), el("span", {}, t.what ?? "")));
    const history = this.shown.histories?.find((h) => h.file === b.file)?.versions ?? [];
    offer(buttons, [["refused", "rolled back"].includes(r.stage), history.some((v) => v.stage === "accepted" && v.version !== b.version)]);
  }
}

function envoy(n) {
  return el("article", { class: "card node" },
    el("header", {}, el("div", { class: "who" }, el("h3", { title: n.id }, n.id), el("p", { class: "muted" })), el("span", { class: "pill" })),
    el("ul", { class: "types" }), el("p", { class: "asked" }), el("ul", { class: "refused" }));
}

function paint(node, n) {
  const [head, types, asked, refused] = node.children;
  const [who, pill] = head.children;
  say(who.lastChild, [n.cluster, n.user_agent, `since ${clock(n.connected)}`, n.blueprint ? base(n.blueprint) : "no blueprint fits it", n.version && short(n.version)].filter(Boolean).join(" · "));
  say(pill, n.state);
  mark(pill, "data-tone", tones[n.state] ?? "none");
  keyed(types, n.types, (t) => t.type, (t) => el("li", {}, el("span", {}, t.type), el("b")), (li, t) => {
    mark(li, "data-tone", tones[t.state] ?? "none");
    say(li.lastChild, t.state);
    mark(li, "title", t.acknowledged_at ? `acknowledged at ${clock(t.acknowledged_at)}` : null);
  });
  say(asked, n.figures ? figures(n.figures) : "");
  const list = n.types.filter((t) => t.refused);
  keyed(refused, list, (t) => t.type, () => el("li", {}, el("b"), el("span")), (li, t) => {
    say(li.firstChild, `${t.type} refused${t.refused.count > 1 ? ` ${t.refused.count} times` : ""}: `);
    say(li.lastChild, [...t.refused.resources.map((r) => [r.position, r.name].filter(Boolean).join(" ")), t.refused.message].join(" · "));
  });
}

// figures are what the Envoy tells of its clients, or why it does not.
function figures(e) {
  if (!e.reachable) return `It is not asked for figures: ${e.error || "where its admin interface is, is not known"}`;
  if (e.source === "load_report") return "It only reports the load of its targets: its admin interface is not asked";
  const parts = [`${rate(e.requests_per_second)} requests a second`];
  if (e.active_connections !== null) parts.push(plural(e.active_connections, "connection"));
  if (e.active_requests !== null) parts.push(`${plural(e.active_requests, "request")} under way`);
  if (e.restarts) parts.push(`restarted ${plural(e.restarts, "time")}`);
  return parts.join(" · ");
}
