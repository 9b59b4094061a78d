// @ts-check
// Shows an error in the page's own code instead of a blank screen.

import { html, Component } from "./ui.js";

export class ErrorBoundary extends Component {
  /** @param {Error} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  /** @param {{ children: unknown }} props @param {{ error?: Error }} state */
  render({ children }, { error }) {
    if (!error) return children;
    return html`<main class="problem"><h1>This page has failed</h1>
      <p>${error.message}</p><p><a href="/">Load it again</a>. The cloud keeps running.</p></main>`;
  }
}
