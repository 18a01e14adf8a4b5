/** Copies to the clipboard, with a message. */

import { toast } from "./toast.js";

/**
 * Copy a text, and say so. A browser gives access to its clipboard only on this computer or with https.
 *
 * @param {string} text
 * @param {string} message
 */
export async function copy(text, message) {
  try {
    await navigator.clipboard.writeText(text);
    toast(message);
  } catch {
    toast(`Cannot reach the clipboard. Copy this: ${text}`, { kind: "problem" });
  }
}

/** Copy a link, which may be a path. Without an argument, it is the link to exactly what is shown. */
export const copyLink = (link = location.href) => copy(new URL(link, location.href).href, "The link is copied.");
