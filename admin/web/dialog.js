// A question before anything is changed.

import { say } from "./dom.js";

const dialog = document.getElementById("confirm");
const [title, text, failed] = [dialog.querySelector("h2"), dialog.querySelector("p"), dialog.querySelector(".failed")];
const yes = dialog.querySelector(".primary");

/** confirm asks, does it, and stays open with the reason when it fails. */
export function confirm(what, why, button, act) {
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
    } catch (error) {
      say(failed, error.message);
      failed.hidden = false;
    }
    yes.disabled = false;
  };
  dialog.showModal();
}
