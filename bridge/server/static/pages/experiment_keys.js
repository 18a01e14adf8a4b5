/** The keys of the experiment page. */

/**
 * @param {ReturnType<typeof import("./experiment_actions.js").makeActions>} actions
 * @param {import("./experiment_model.js").ExperimentModel} model
 * @param {import("../shell.js").Shell} shell
 * @param {{ live: () => void }} page
 * @returns {import("../parts/keys.js").Keys}
 */
export function experimentKeys(actions, model, shell, page) {
  const place = () => model.activePlace;
  /** @type {import("../parts/keys.js").Keys} */
  const keys = {
    "/": ["Filter", actions.toFilter],
    j: ["Next run", () => actions.move(1)],
    k: ["Run before", () => actions.move(-1)],
    ArrowDown: ["Next run", () => actions.move(1)],
    ArrowUp: ["Run before", () => actions.move(-1)],
    J: ["Select and go on", () => actions.move(1, true)],
    K: ["Select and go back", () => actions.move(-1, true)],
    "Shift+ArrowDown": ["Select and go on", () => actions.move(1, true)],
    "Shift+ArrowUp": ["Select and go back", () => actions.move(-1, true)],
    x: ["Select", () => actions.select(place(), false)],
    "*": ["Select all, or none", () => actions.selectAll()],
    v: ["Show or hide in the charts", () => actions.eye(place())],
    V: ["Show only this run in the charts", () => place() >= 0 && actions.only(model.runsAt(place()))],
    Enter: ["Open the run", () => actions.openPlace(place())],
    Escape: ["Clear the selection", () => (model.state.peek().other.chart ? false : actions.clear())],
    ".": ["Columns", () => actions.openColumns()],
    G: ["Group by", () => actions.groupOpener.current?.()],
    D: ["Only columns that differ", () => actions.toggleOnly()],
    l: ["Logarithmic y", () => actions.toggleLog()],
    o: ["Hide outliers", () => actions.toggleOutliers()],
    "s 0": ["Smoothing, with 0 to 9", () => shell.change({ smooth: 0 })],
    "[": ["The table fills the page", () => actions.fill("table")],
    "]": ["The charts fill the page", () => actions.fill("charts")],
    p: ["Live updates on or off", page.live],
  };
  for (let digit = 1; digit <= 9; digit++) keys[`s ${digit}`] = () => shell.change({ smooth: digit === 9 ? 0.95 : digit / 10 });
  if (shell.role !== "reader") {
    keys.r = ["Rename", () => actions.startRename()];
    keys.e = ["Note", () => actions.startNote()];
  }
  return keys;
}
