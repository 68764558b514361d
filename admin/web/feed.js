// What the management server says: its status, asked for each second, and the figures,
// which it sends by itself where it can; else they are asked for as well.

import { Telemetry } from "./telemetry.js";

const every = 1000;
// Addresses are made from here: what is relative would take over a password in the
// page's own address, which must not be in that of a request.
const here = location.origin + location.pathname;
const patience = 8000; // for one answer; asking every Envoy takes longest

/** Feed asks and tells: each second all that is known goes to the listener. */
export class Feed {
  state = { status: null, targets: null, histories: null, telemetry: null, at: 0, lost: 0, error: "" };
  pages = ""; // the list of pages says what this server can be asked for

  constructor(listener) {
    this.listener = listener;
    // A page that nobody looks at leaves the connection to others: browsers have few.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.forget();
      else this.now();
    });
  }

  async start() {
    for (;;) {
      const began = performance.now();
      if (!document.hidden) await this.ask();
      const wait = this.state.lost ? 2 * every : every;
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, Math.max(100, wait - (performance.now() - began)));
      });
    }
  }

  // forget ends what is sent; it is asked for anew, with five minutes of before.
  forget() {
    this.state.telemetry?.close();
    this.state.telemetry = null;
  }

  /** now asks at once. */
  now() {
    this.wake?.();
  }

  async ask() {
    const s = this.state;
    try {
      if (!this.pages) this.pages = await this.text("", "text/plain");
      if (!s.telemetry && this.has("/api/v1/telemetry")) {
        s.telemetry = new Telemetry(await this.json("api/v1/telemetry?window=300"));
        if (this.has("/api/v1/stream")) s.telemetry.follow(here + "api/v1/stream");
      } else if (s.telemetry && !s.telemetry.followed) {
        s.telemetry.take(await this.json("api/v1/telemetry"));
      }
      // The figures tell of targets without an Envoy being asked for each page.
      const [status, asked] = await Promise.all([this.json("api/v1/status"), s.telemetry ? null : this.json("api/v1/targets")]);
      Object.assign(s, { status, targets: asked?.targets ?? s.telemetry?.rows() ?? s.targets, at: Date.now(), lost: 0, error: "" });
      // What becomes of a version shows in its rollout.
      const stages = JSON.stringify(status.blueprints.map((b) => [b.file, b.version, b.rollout.version, b.rollout.stage, b.rollout.since]));
      if (stages !== this.stages) {
        s.histories = (await this.json("api/v1/history")).blueprints;
        this.stages = stages;
      }
    } catch (error) {
      s.lost ||= Date.now();
      s.error = error instanceof TypeError ? "It does not answer; it is asked every two seconds." : error.message;
      this.forget();
      this.pages = this.stages = ""; // it may come back as another
    }
    this.listener(s);
  }

  has(path) {
    return this.pages.includes(` ${path} `);
  }

  /** text asks for a page, and gives its text or its own words why not. */
  async text(path, accept) {
    const answer = await fetch(here + path, { headers: { Accept: accept }, signal: AbortSignal.timeout(patience), cache: "no-store" });
    const text = await answer.text();
    if (answer.ok) return text;
    let said = "";
    try {
      said = JSON.parse(text).error;
    } catch { /* not ours */ }
    throw new Error(said || `/${path} answers ${answer.status}`);
  }

  async json(path) {
    return JSON.parse(await this.text(path, "application/json"));
  }

  /** act has something done by hand, and asks what came of it. */
  async act(path, query) {
    const answer = await fetch(`${here}${path}?${new URLSearchParams(query)}`, { method: "POST", signal: AbortSignal.timeout(60000) });
    const said = await answer.json().catch(() => ({}));
    this.now();
    if (!answer.ok) throw new Error(said.error ?? said.problems?.[0]?.text ?? `the management server answers ${answer.status}`);
    return said;
  }
}
