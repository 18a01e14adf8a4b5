/** What a page shows when something is missing: an error's sentence, or the lines of Python that fill it. */

import { Component } from "preact";
import { html } from "htm/preact";

/** Return the sentence of an error. @param {unknown} error */
export const sentence = (error) => (error instanceof Error && error.message ? error.message : String(error));

/**
 * An error: the sentence of the server, and a button that tries again.
 *
 * @param {{ error: unknown, retry?: () => void }} props
 */
export function Problem({ error, retry }) {
  const code = /** @type {{ code?: string }} */ (error)?.code;
  return html`<div class="problem" role="alert">
    <p>${sentence(error)}</p>
    ${code ? html`<p class="soft">${code}</p>` : null}
    ${retry ? html`<button class="button" onClick=${retry}>Try again</button>` : null}
  </div>`;
}

/**
 * A page or part without content.
 *
 * @param {{ title: string, children?: any, code?: string }} props `code` contains the lines of Python that fill it.
 */
export const Empty = ({ title, children, code }) =>
  html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${children ? html`<p class="soft">${children}</p>` : null}
    ${code ? html`<pre class="code-block" tabindex="0"><code>${code}</code></pre>` : null}
  </div>`;

/** A border around a page: an error inside it shows its sentence, and the header and the keys go on working. */
export class Boundary extends Component {
  /** @type {{ error: unknown }} */
  state = { error: null };

  /** @param {unknown} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render() {
    if (this.state.error === null) return this.props.children;
    return html`<${Problem} error=${this.state.error} retry=${() => this.setState({ error: null })} />`;
  }
}
