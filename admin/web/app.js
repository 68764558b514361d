// The page: each second what the management server says goes through the model to the
// sections, in the order of the page.

import { Feed } from "./feed.js";
import { Model } from "./model.js";
import * as standing from "./standing.js";
import { Distribution } from "./distribution.js";
import { Targets } from "./targets.js";
import { Traffic } from "./traffic.js";
import { Envoys } from "./envoys.js";
import { Configuration } from "./configuration.js";
import { Events } from "./events.js";

const section = (id) => document.getElementById(id);
const model = new Model();
const feed = new Feed((state) => {
  if (!state.lost) model.take(state);
  document.body.toggleAttribute("data-stale", Boolean(state.lost));
  standing.show(state, model);
  if (!state.status) return;
  document.body.toggleAttribute("data-ready", true);
  distribution.show(model);
  targets.show(model);
  traffic.show(model);
  envoys.show(state);
  configuration.show(state);
  events.show(state);
});
const distribution = new Distribution(section("distribution"));
const targets = new Targets(section("targets"), feed);
const traffic = new Traffic(section("traffic"));
const envoys = new Envoys(section("envoys"), feed);
const configuration = new Configuration(section("configuration"), feed);
const events = new Events(section("events"));

await feed.start();
