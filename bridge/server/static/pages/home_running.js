/** What is running now, in all experiments. */

import { html } from "htm/preact";
import { runColour } from "../lib/colour.js";
import { ago, duration, number } from "../lib/format.js";
import { Line } from "../parts/spark.js";
import { Status } from "../parts/status.js";

/**
 * @typedef {object} RunningRun
 * @property {string} id
 * @property {string} name
 * @property {number} number
 * @property {string} status
 * @property {string} experiment_id
 * @property {number | null} start_time
 * @property {Record<string, string>} tags
 * @property {{ key: string, value: number, step: number }[]} latest
 */

/**
 * Return the metric of a run that says most: a loss of the validation, otherwise a loss, otherwise the first metric.
 *
 * @template {{ key: string }} T
 * @param {{ latest: T[] }} run
 * @returns {T | undefined}
 */
export function metricOf({ latest }) {
  const score = (/** @type {string} */ key) => Number(/val|test/i.test(key)) + 2 * Number(/loss|error/i.test(key));
  return latest.reduce((best, one) => (best && score(best.key) >= score(one.key) ? best : one), latest[0]);
}

/**
 * Return the share of a run that is done, from 0 to 1, or NaN if the run does not log it.
 *
 * @param {RunningRun} run
 */
export function progressOf({ latest, tags }) {
  const logged = latest.find(({ key }) => /(^|[/_.])progress$/i.test(key))?.value ?? Number(tags.progress ?? NaN);
  if (logged > 1 && logged <= 100) return logged / 100;
  return logged >= 0 && logged <= 1 ? logged : NaN;
}

/**
 * @param {object} props
 * @param {RunningRun[]} props.runs
 * @param {{ id: string, name: string }[]} props.experiments
 * @param {Map<string, ArrayLike<number>>} props.lines
 * @param {number} props.now
 * @param {import("../shell.js").Shell} props.shell
 */
export function Running({ runs, experiments, lines, now, shell }) {
  const names = new Map(experiments.map((one) => [one.id, one.name]));
  return html`<section class="home-running" aria-label="Running">
    <h2>Running now <span class="soft">${runs.length}</span></h2>
    <ul aria-label="Running now">
      ${runs.map((run) => html`<${Card} key=${run.id} ...${{ run, now, shell }} experiment=${names.get(run.experiment_id) ?? ""} line=${lines.get(run.id)} />`)}
    </ul>
  </section>`;
}

/** @param {{ run: RunningRun, experiment: string, line: ArrayLike<number> | undefined, now: number, shell: import("../shell.js").Shell }} props */
function Card({ run, experiment, line, now, shell }) {
  const metric = metricOf(run);
  const progress = progressOf(run);
  const { colour } = runColour(run.number, shell.dark.value);
  const since = run.start_time ? now - run.start_time : NaN;
  return html`<li class="home-card">
    <div class="home-card-head">
      <a href=${shell.href({ page: "run", id: run.id })} title=${run.name}><bdi>${run.name}</bdi></a>
      <${Status} status=${run.status} text=${Number.isNaN(progress) ? duration(since) : `${Math.round(progress * 100)} %`} />
    </div>
    <a class="home-card-place" href=${shell.href({ page: "experiment", id: run.experiment_id })}><bdi>${experiment}</bdi></a>
    <div class="home-card-metric">
      ${metric
        ? html`<span class="soft" title=${metric.key}><bdi>${metric.key}</bdi></span><b>${number(metric.value)}</b>${line ? html`<${Line} values=${line} colour=${colour} label=${`${metric.key} so far`} width=${88} />` : null}`
        : html`<span class="soft">no metrics yet, started ${ago(now - since, now)} ago</span>`}
    </div>
    ${Number.isNaN(progress) ? null : html`<progress class="home-progress" value=${progress} max="1" aria-label=${`Progress of ${run.name}`}></progress>`}
  </li>`;
}
