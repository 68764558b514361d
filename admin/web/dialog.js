// A question before anything is changed.

import { instead, say } from "./dom.js";

const dialog = document.getElementById("confirm");
const [title, text, failed] = [dialog.querySelector("h2"), dialog.querySelector("p"), dialog.querySelector(".failed")];
const yes = dialog.querySelector(".primary");

/** confirm asks, does it, and stays open with the reason when it fails. */
export function confirm(what, why, button, act) {
  const opener = document.activeElement; // gets the focus back, unless it is gone by then
  say(title, what);
  say(text, why);
  say(yes, button);
  failed.hidden = true;
  yes.disabled = false;
  yes.onclick = async () => {
    yes.disabled = true;
    try {
      await act();
      dialog.close();
      if (opener.hidden) instead(opener);
    } catch (error) {
      say(failed, error.message);
      failed.hidden = false;
    }
    yes.disabled = false;
  };
  dialog.showModal();
}
