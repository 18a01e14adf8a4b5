/** The environment of a run, as rows that can be compared. */

import { bytes } from "./format.js";

/** @typedef {{ facts: Map<string, string>, packages: Map<string, string>, variables: Map<string, string> }} Environment */

const GIT = /^(?:azureml|runbridge|bridge|mlflow\.source)\.git\.?(.*)$/;

/**
 * Return what is known about the environment of a run: what was recorded when it started, its definition, its
 * properties and its tags.
 *
 * @param {{ definition: any, recorded?: any, properties: [string, string | null][], tags: [string, string | null][] }} run
 * @returns {Environment}
 */
export function environmentOf({ definition, recorded, properties, tags }) {
  const facts = new Map();
  /** @param {string} key @param {unknown} value */
  const add = (key, value) => value !== null && value !== undefined && value !== "" && facts.set(key, String(value));
  const environment = definition?.environment ?? {};
  add("name", environment.version ? `${environment.name}:${environment.version}` : environment.name);
  add("script", definition?.script);
  add("arguments", Array.isArray(definition?.arguments) ? definition.arguments.join(" ") : null);
  add("target", definition?.target);
  add("interpreter", environment.python?.interpreterPath ?? recorded?.executable);
  add("Python", recorded?.python && `${recorded.python} (${recorded.implementation})`);
  add("system", recorded?.system);
  add("host", recorded?.host);
  add("processors", recorded?.processors);
  add("memory", recorded?.memory_bytes && bytes(recorded.memory_bytes));
  add("GPUs", recorded?.gpus?.join(", "));
  add("image", environment.docker?.enabled ? environment.docker.baseImage : null);
  for (const [key, value] of [...properties, ...tags]) {
    const git = GIT.exec(key);
    if (git) add(`git ${git[1] || "commit"}`, value);
    else if (/python|cuda|gpu|host|platform|os[._]/i.test(key) && !key.startsWith("_")) add(key, value);
  }
  const variables = new Map(Object.entries(environment.environmentVariables ?? {}).map(([key, value]) => [key, String(value)]));
  const installed = Object.entries(recorded?.packages ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  const packages = installed.length ? new Map(installed) : packagesOf(environment.python?.condaDependencies);
  return { facts, packages, variables };
}

/**
 * Return the versions of the packages of a conda environment by name. A package without a version has the text "any".
 *
 * @param {any} conda the content of `environment.yml`
 */
export function packagesOf(conda) {
  /** @type {Map<string, string>} */
  const packages = new Map();
  const entries = Array.isArray(conda?.dependencies) ? conda.dependencies : [];
  for (const entry of entries) {
    for (const text of typeof entry === "string" ? [entry] : Array.isArray(entry?.pip) ? entry.pip : []) {
      const found = /^\s*([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*(.*)$/.exec(String(text));
      if (found) packages.set(found[1].toLowerCase(), found[2].replace(/^={1,2}\s*/, "").trim() || "any");
    }
  }
  return packages;
}

/**
 * Return rows of the environments of several runs: facts, packages and variables, each sorted by key.
 *
 * @param {Environment[]} environments
 * @returns {import("./compare.js").ComparedRow[]}
 */
export function environmentRows(environments) {
  const parts = /** @type {const} */ ([["fact", "facts"], ["package", "packages"], ["variable", "variables"]]);
  return parts.flatMap(([kind, name]) => {
    const keys = [...new Set(environments.flatMap((one) => [...one[name].keys()]))].sort();
    return keys.map((key) => {
      const values = environments.map((one) => one[name].get(key) ?? null);
      return { kind, key, values, isDifferent: values.some((value) => value !== values[0]) };
    });
  });
}
