// @ts-check
// The first page: clients, front end and hosts with requests moving between them; experiments and their results;
// searches.

import { html } from "../lib/ui.js";
import { Experiments } from "./experiments.js";
import { Header } from "./header.js";
import { RequestsTable } from "./requests_table.js";
import { SearchResult } from "./search_result.js";
import { Stage } from "./stage.js";
import { Tips } from "./tips.js";

export function Overview() {
  return html`<div class="overview">
    <${Header} />
    <${Tips} />
    <${Stage} />
    <${Experiments} />
    <${SearchResult} />
    <${RequestsTable} />
  </div>`;
}
