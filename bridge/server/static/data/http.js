/** Requests to the server: JSON, frames and errors. */

import { readFrame } from "../lib/frame.js";

/** The address of the pages, such as `/portal`. The server writes it into the page. */
export const base = () => globalThis.document?.documentElement.dataset.base ?? "/portal";

/** An answer of the server that is an error. `message` is one sentence for the user. */
export class ApiError extends Error {
  /**
   * @param {string} code the name of the error, such as `NotFound`; `Offline` if the server did not answer
   * @param {string} message
   * @param {number} status the HTTP status; 0 if the server did not answer
   */
  constructor(code, message, status = 0) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Parameters */

/**
 * Return the address of an endpoint. Parameters that are empty are left out.
 * @param {string} path the path below `/portal/api`, with each part encoded
 * @param {Parameters} [parameters]
 */
export function address(path, parameters = {}) {
  const search = new URLSearchParams();
  for (const key of Object.keys(parameters).sort()) {
    const value = parameters[key];
    if (value !== undefined && value !== null && value !== "" && value !== false) {
      search.set(key, value === true ? "1" : String(value));
    }
  }
  const text = search.toString();
  return `${base()}/api${path}${text ? `?${text}` : ""}`;
}

/**
 * Encode the parts of a path that may contain slashes.
 * @param {string} path
 */
export const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

/**
 * Send a request and return the answer if it is no error.
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function send(url, init = {}) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("Offline", "The server does not answer. Is it still running?");
  }
  if (response.ok || response.status === 304) return response;
  throw await errorOf(response);
}

/** @param {Response} response */
async function errorOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(error.kind, error.sentence, response.status);
  } catch {
    return new ApiError("BridgeError", `The server answered with status ${response.status}.`, response.status);
  }
}

/**
 * @param {string} path
 * @param {Parameters} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export const getJson = async (path, parameters, signal) =>
  (await send(address(path, parameters), { signal, headers: { Accept: "application/json" } })).json();

/**
 * @param {string} path
 * @param {Parameters} [parameters]
 * @param {AbortSignal} [signal]
 */
export const getFrame = async (path, parameters, signal) =>
  readFrame(await (await send(address(path, parameters), { signal })).arrayBuffer());

/**
 * Send JSON. The header `X-Runbridge` shows the server that a page of its own sends the request.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 */
export const sendJson = (method, path, body = {}, signal) =>
  send(address(path), {
    method,
    signal,
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Runbridge": "1" },
  });

/**
 * Return a number that JSON cannot represent: the server sends NaN and ±Infinity as texts.
 * @param {number | string | null} value
 * @returns {number | null}
 */
export const numberOf = (value) => (value === null ? null : Number(value));
