// @ts-check
// The layer of dots with the audience's requests in their colours; emphasised ones are larger and have a name.

import { DotLayer } from "../overview/dot_layer.js";
import { COLOURS } from "./palette.js";

const NAME_FONT = "600 12px system-ui, sans-serif";

/** @typedef {import("../overview/dot_layer.js").Spot} Spot */

export class AudienceDotLayer extends DotLayer {
  /**
   * `emphasise`: whether a request's dot stands out; by default those of the whole audience do.
   * @param {import("../overview/dot_layer.js").Places} places
   * @param {import("../overview/dot_layer.js").Handlers} handlers
   * @param {(request: RequestRow) => boolean} emphasise
   */
  constructor(places, handlers, emphasise = (request) => request.colour !== undefined) {
    super(places, handlers);
    this.emphasise = emphasise;
  }

  /** @override @param {RequestRow[]} requests */
  add(requests) {
    super.add(requests.map((each) => (this.emphasise(each) ? { ...each, mine: true } : each)));
    // Emphasised dots are drawn last, over the others.
    this.moving.sort((a, b) => Number(a.request.mine ?? false) - Number(b.request.mine ?? false));
  }

  /** @override */
  measure() {
    super.measure();
    const style = getComputedStyle(this.stage);
    this.palette = COLOURS.map((_, number) => style.getPropertyValue(`--palette-${number}`).trim());
    this.ink = style.getPropertyValue("--ink").trim();
  }

  /** @override @param {Spot} spot @param {import("../overview/motion.js").Dot} dot @param {RequestRow} request */
  drawDot(spot, dot, request) {
    const own = request.colour === undefined ? undefined : this.palette?.[request.colour];
    if (!own) return super.drawDot(spot, dot, request);
    const usual = this.colour;
    this.colour = { ...usual, ok: own, mine: own };
    super.drawDot(spot, dot, request);
    this.colour = usual;
    if (dot.main && request.mine) this.drawName(spot, request.name ?? "");
  }

  /**
   * Draws the name above the dot, with a rim so that it can be read over anything.
   * @param {Spot} spot
   * @param {string} name
   */
  drawName({ x, y }, name) {
    const { context } = this;
    context.font = NAME_FONT;
    const half = context.measureText(name).width / 2 + 3;
    const at = Math.max(half, Math.min(this.width - half, x));
    context.textAlign = "center";
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = this.colour.paper;
    context.strokeText(name, at, y - 18);
    context.fillStyle = this.ink ?? "";
    context.fillText(name, at, y - 18);
  }
}
