// What the management server says: the figures, which it sends by itself where it can, and
// its status, asked for when something has happened. Else both are asked for each second.

import { Telemetry } from "./telemetry.js";

const every = 1000;
const seldom = 5000; // between questions while nothing happens: the status may be long
// Addresses are made from here: what is relative would take over a password in the
// page's own address, which must not be in that of a request.
const here = location.origin + location.pathname;
// A password is not asked for over the page: it says itself that it is not let in.
const byPage = { "X-Requested-With": "fetch" };
const patience = 8000; // for one answer; asking every Envoy takes longest

/** Feed asks and tells: each second all that is known goes to the listener. */
export class Feed {
  state = { status: null, targets: null, histories: null, telemetry: null, at: 0, lost: 0, denied: false, error: "" };
  pages = ""; // the list of pages says what this server can be asked for
  asked = 0; // when the status was; 0: it is due

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

  // forget ends what is sent, and keeps what was; it is asked for anew, with five minutes
  // of before.
  forget() {
    this.state.telemetry?.close();
  }

  /** now asks at once. */
  now() {
    this.asked = 0;
    this.wake?.();
  }

  // due tells whether the status may have changed.
  due() {
    return this.state.lost || !this.state.telemetry?.followed || !this.asked || Date.now() - this.asked > seldom - every / 2;
  }

  async ask() {
    const s = this.state;
    try {
      if (!this.pages) this.pages = await this.text("", "text/plain");
      if (s.telemetry?.closed && !this.has("/api/v1/telemetry")) s.telemetry = null;
      if ((!s.telemetry || s.telemetry.closed) && this.has("/api/v1/telemetry")) {
        s.telemetry = new Telemetry(await this.json("api/v1/telemetry?window=300"));
        if (this.has("/api/v1/stream")) s.telemetry.follow(here + "api/v1/stream", () => (this.asked = 0));
      } else if (s.telemetry && !s.telemetry.followed) {
        s.telemetry.take(await this.json("api/v1/telemetry"));
      }
      if (this.due()) await this.askStatus();
      // The figures tell of targets without an Envoy being asked for each page.
      const targets = s.telemetry?.rows() ?? (await this.json("api/v1/targets")).targets;
      Object.assign(s, { targets, at: Date.now(), lost: 0, error: "" });
    } catch (error) {
      s.lost ||= Date.now();
      s.denied = Boolean(error.denied);
      s.error = error instanceof TypeError ? "It does not answer; it is asked every two seconds." : error.message;
      this.forget();
      this.pages = this.stages = ""; // it may come back as another
    }
    this.listener(s);
  }

  async askStatus() {
    const s = this.state;
    this.asked = Date.now(); // what happens from here on counts
    try {
      const status = await this.json("api/v1/status");
      // What becomes of a version shows in its rollout.
      const stages = JSON.stringify(status.blueprints.map((b) => [b.file, b.version, b.rollout.version, b.rollout.stage, b.rollout.since]));
      if (stages !== this.stages) {
        s.histories = (await this.json("api/v1/history")).blueprints;
        this.stages = stages;
      }
      s.status = status;
    } catch (error) {
      this.asked = 0;
      throw error;
    }
  }

  has(path) {
    return this.pages.includes(` ${path} `);
  }

  /** text asks for a page, and gives its text or its own words why not. */
  async text(path, accept) {
    const answer = await fetch(here + path, { headers: { ...byPage, Accept: accept }, signal: AbortSignal.timeout(patience), cache: "no-store" });
    const text = await answer.text();
    if (answer.ok) return text;
    let said = "";
    try {
      said = JSON.parse(text).error;
    } catch { /* not ours */ }
    throw Object.assign(new Error(said || `/${path} answers ${answer.status}`), { denied: answer.status === 401 });
  }

  async json(path) {
    return JSON.parse(await this.text(path, "application/json"));
  }

  /** act has something done by hand, and asks what came of it. */
  async act(path, query) {
    const answer = await fetch(`${here}${path}?${new URLSearchParams(query)}`, { method: "POST", headers: byPage, signal: AbortSignal.timeout(60000) });
    const said = await answer.json().catch(() => ({}));
    this.now();
    if (!answer.ok) throw new Error(said.error ?? said.problems?.[0]?.text ?? `the management server answers ${answer.status}`);
    return said;
  }
}
