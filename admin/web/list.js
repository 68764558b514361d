// What is searched, narrowed down, ordered and walked through is set up alike.

import { Pager, choice, search } from "./pager.js";

/** List is a section of many things: what was chosen is in its fields, by the names of tools. */
export class List {
  text = "";

  /** Of tools, [name, label, options] each, is a choice; nouns names the things. */
  constructor(section, size, nouns, tools) {
    this.empty = section.querySelector(".empty");
    this.pager = new Pager(section.querySelector(".pager"), size, () => this.show(this.shown));
    const set = (name) => (value) => {
      this[name] = value;
      this.pager.page = 0;
      this.show(this.shown);
    };
    section.querySelector(".tools").append(search(`Search ${nouns}`, set("text")), ...tools.map(([name, label, options]) => {
      this[name] = options[0][0];
      return choice(label, options, set(name));
    }));
  }

  /** found tells whether what was typed is in one of parts. */
  found(...parts) {
    return !this.text || parts.join(" ").toLowerCase().includes(this.text);
  }
}
