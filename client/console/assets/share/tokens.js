// The layer of dots with the audience's requests in their colours, the emphasised ones larger and with their names.

import { Tokens } from "../overview/tokens.js";
import { COLOURS } from "./colours.js";

const NAME_FONT = "600 12px system-ui, sans-serif";

export class GuestTokens extends Tokens {
  /** `emphasise(request)`: whether its dot stands out; by default those of the whole audience do. */
  constructor(places, handlers, emphasise = (request) => request.colour !== undefined) {
    super(places, handlers);
    this.emphasise = emphasise;
  }

  add(requests) {
    super.add(requests.map((each) => (this.emphasise(each) ? { ...each, mine: true } : each)));
    // What stands out is drawn last, over the others.
    this.tokens.sort((a, b) => Boolean(a.request.mine) - Boolean(b.request.mine));
  }

  measure() {
    super.measure();
    const style = getComputedStyle(this.stage);
    this.guest = COLOURS.map((_, number) => style.getPropertyValue(`--guest-${number}`).trim());
    this.ink = style.getPropertyValue("--ink").trim();
  }

  dot(spot, dot, request) {
    const own = this.guest[request.colour];
    if (!own) return super.dot(spot, dot, request);
    const usual = this.colour;
    this.colour = { ...usual, ok: own, mine: own };
    super.dot(spot, dot, request);
    this.colour = usual;
    if (dot.main && request.mine) this.name(spot, request.name);
  }

  /** The name above the dot, on a rim of paper so that it can be read over anything. */
  name({ x, y }, name) {
    const { context } = this;
    context.font = NAME_FONT;
    const half = context.measureText(name).width / 2 + 3;
    const at = Math.max(half, Math.min(this.width - half, x));
    context.textAlign = "center";
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = this.colour.paper;
    context.strokeText(name, at, y - 18);
    context.fillStyle = this.ink;
    context.fillText(name, at, y - 18);
  }
}
