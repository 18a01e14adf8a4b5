/** A picker of keys: it searches thousands of them, and several can be chosen. */

import { html } from "htm/preact";
import { useMemo, useState } from "preact/hooks";
import { find } from "../lib/match.js";
import { Popover } from "./popover.js";
import { SearchList } from "./search_list.js";

/** @typedef {{ id: string, text: string, hint?: any, icon?: string }} PickItem */

/**
 * The list of a picker, for a place that is open already.
 *
 * @param {object} props
 * @param {string} props.label The accessible name of the field.
 * @param {readonly PickItem[]} props.items
 * @param {ReadonlySet<string>} [props.chosen] The ids of the chosen items. If it is absent, only one can be chosen.
 * @param {(id: string, isChosen: boolean) => unknown} props.onPick Called with what the item has become.
 * @param {any} [props.foot]
 * @param {any} [props.none]
 * @param {() => void} [props.onClose]
 */
function PickList({ label, items, chosen, onPick, foot, none, onClose }) {
  const [text, setText] = useState("");
  const found = useMemo(() => find(items, text, (item) => item.text), [items, text]);
  const rows = useMemo(
    () =>
      found.map(({ item, marks }) => ({
        ...item,
        marks,
        checked: chosen?.has(item.id),
        pick: () => onPick(item.id, !chosen?.has(item.id)),
      })),
    [found, chosen, onPick],
  );
  return html`<${SearchList} label=${label} text=${text} onText=${setText} rows=${rows} several=${Boolean(chosen)} foot=${foot} none=${none} onClose=${onClose} />`;
}

/**
 * A button that opens a picker.
 *
 * @param {object} props
 * @param {string} props.label
 * @param {any} [props.text]
 * @param {string} [props.icon]
 * @param {string} [props.class]
 * @param {readonly PickItem[]} props.items
 * @param {ReadonlySet<string>} [props.chosen] If it is absent, only one item can be chosen, and the choice closes the picker.
 * @param {(id: string, isChosen: boolean) => unknown} props.onPick
 * @param {any} [props.foot]
 * @param {any} [props.none]
 * @param {string} [props.find] The accessible name of the field; the label if it is absent.
 * @param {boolean} [props.end]
 * @param {{ current: (() => void) | null }} [props.opener] Gets a function that opens the picker.
 */
export const Picker = ({ items, chosen, onPick, foot, none, find: field, ...button }) =>
  html`<${Popover} ...${button} boxClass="picker">
    ${(/** @type {() => void} */ close) => {
      const pick = (/** @type {string} */ id, /** @type {boolean} */ is) => {
        if (!chosen) close();
        onPick(id, is);
      };
      return html`<${PickList} label=${field ?? button.label} items=${items} chosen=${chosen} onPick=${pick} foot=${foot} none=${none} onClose=${close} />`;
    }}
  <//>`;
