/** The button that ends the session of this browser. */

import { html } from "htm/preact";
import { send } from "../data/http.js";
import { Icon } from "./icon.js";
import { toast } from "./toast.js";

/** End the session, and open the page on which one signs in. @param {string} address */
async function signOut(address) {
  try {
    location.assign((await send(address, { method: "POST" })).url);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: "problem" });
  }
}

/** @param {{ address: string }} props `address` is empty if this browser has no session. */
export const SignOut = ({ address }) =>
  address
    ? html`<button class="button quiet icon" onClick=${() => signOut(address)} aria-label="Sign out" title="Sign out of this server">
        <${Icon} name="leave" />
      </button>`
    : null;
