/** The session of this browser. */

import { send } from "./http.js";

/**
 * End the session, and return the address of the page on which one signs in.
 * @param {string} address the address that ends it
 * @returns {Promise<string>}
 */
export const endSession = async (address) => (await send(address, { method: "POST" })).url;
