// A fault of the page's own is shown, not a blank screen.

import { html, Component } from "./ui.js";

export class Problem extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<main class="problem"><h1>This page has failed</h1>
      <p>${error.message}</p><p><a href="/">Load it again</a>. The cloud keeps running.</p></main>`;
  }
}
