// @ts-check
// The layer of dots over the stage: every dot is a recorded request. This module draws; `motion` says where the dots
// are.

import { dots, plan } from "./motion.js";

const REQUESTS_MAX = 150;
const NEAR_PX = 16;
const DENSE_PER_S = 60;
const MARK_APART_PX = 9;
const COLOURS = ["ok", "error", "hedge", "edge", "mine", "paper"];

/**
 * @typedef {{ canvas: HTMLCanvasElement, under: HTMLCanvasElement, stage: HTMLElement }} Places
 * @typedef {{ request: RequestRow, x: number, y: number, cut: boolean }} Hovered
 * @typedef {{ onPick: (request: RequestRow) => void, onHover: (hovered: Hovered | null) => void }} Handlers
 * @typedef {{ left: number, right: number, x: number, y: number }} Anchor
 * @typedef {{ request: RequestRow, motion: import("./motion.js").Motion, since: number }} Moving
 * @typedef {{ x: number, y: number }} Spot
 */

/**
 * Draws dots on `canvas` over `stage` and lines on `under` beneath its boxes. Both start and end at children with a
 * data-anchor. Where the boxes are stacked (on a phone), all lines run along their left edge.
 */
export class DotLayer {
  /** @param {Places} places @param {Handlers} handlers */
  constructor({ canvas, under, stage }, { onPick, onHover }) {
    this.canvas = canvas;
    this.under = under;
    this.stage = stage;
    this.onPick = onPick;
    this.onHover = onHover;
    this.context = contextOf(canvas);
    this.below = contextOf(under);
    /** @type {Moving[]} */
    this.moving = [];
    /** @type {Map<string, Anchor>} */
    this.anchors = new Map();
    /** @type {Map<string, number>} */
    this.flows = new Map();
    /** @type {Record<string, string>} */
    this.colour = {};
    this.width = 0;
    this.height = 0;
    this.stacked = false;
    this.slower = 200;
    this.stopped = false;
    /** @type {Moving | null} */
    this.hovered = null;
    this.now = 0;
    this.last = 0;
    this.frame = 0;
    /** @type {(Spot & { moving: Moving })[]} */
    this.drawn = [];
    this.resizes = new ResizeObserver(() => this.measure());
    this.resizes.observe(stage);
    // A box that grows moves those below it in its column, without a change of the stage's own size.
    for (const column of stage.querySelectorAll(".column")) this.resizes.observe(column);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    stage.addEventListener("pointermove", (event) => this.hoverAt(event), { signal });
    stage.addEventListener("pointerleave", () => this.hover(null), { signal });
    stage.addEventListener("click", () => this.hovered && this.onPick(this.hovered.request), { signal });
    this.measure();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.resizes.disconnect();
    this.listeners.abort();
  }

  /**
   * Adds requests. Beyond a maximum they are not drawn; the counts beside the dots stay exact.
   * @param {RequestRow[]} requests
   */
  add(requests) {
    for (const request of requests) {
      const known = this.moving.find((each) => each.request.id === request.id);
      if (known) known.request = request;
      // While paused, the dots that are there are looked at, and no others are added.
      else if (request.mine || (!this.stopped && this.moving.length < REQUESTS_MAX))
        this.moving.push({ request, motion: plan(request, this.slower), since: this.now });
    }
    this.wake();
  }

  /**
   * Pauses or continues. `slower` is the slow-down of requests from now on, `flows` are the rates between anchors.
   * @param {{ stopped?: boolean, slower?: number, flows?: Map<string, number> }} change
   */
  set({ stopped = this.stopped, slower = this.slower, flows = this.flows }) {
    Object.assign(this, { stopped, slower, flows });
    this.drawLines();
    this.wake();
  }

  measure() {
    const box = this.stage.getBoundingClientRect();
    const dense = devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.under]) {
      canvas.width = Math.round(box.width * dense);
      canvas.height = Math.round(box.height * dense);
      contextOf(canvas).setTransform(dense, 0, 0, dense, 0, 0);
    }
    this.width = box.width;
    this.height = box.height;
    this.anchors = new Map();
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (this.stage.querySelectorAll("[data-anchor]"))) {
      const at = node.getBoundingClientRect();
      const left = at.left - box.left;
      const top = at.top - box.top;
      this.anchors.set(node.dataset.anchor ?? "", {
        left,
        right: left + at.width,
        x: left + at.width / 2,
        y: top + at.height / 2,
      });
    }
    const front = this.anchors.get("front");
    this.stacked = front !== undefined && front.right - front.left > this.width / 2;
    const style = getComputedStyle(this.stage);
    this.colour = Object.fromEntries(
      COLOURS.map((name) => [name, style.getPropertyValue(`--dot-${name}`).trim()]),
    );
    this.drawLines();
    this.wake();
  }

  wake() {
    if (this.frame) return;
    this.last = 0;
    this.frame = requestAnimationFrame((at) => this.step(at));
  }

  /** @param {number} at */
  step(at) {
    const moved = this.last ? Math.min(0.1, (at - this.last) / 1000) : 0;
    this.last = at;
    const still = this.stopped || this.hovered !== null;
    if (!still) this.now += moved;
    this.moving = this.moving.filter((each) => this.now - each.since < each.motion.end);
    this.draw();
    const idle = still || !this.moving.length;
    this.frame = idle ? 0 : requestAnimationFrame((next) => this.step(next));
  }

  draw() {
    this.context.clearRect(0, 0, this.width, this.height);
    this.drawn = [];
    for (const moving of this.moving) {
      const { request } = moving;
      const source = sourceAnchor(request, this.anchors);
      for (const dot of dots(moving.motion, source, request.status >= 500, this.now - moving.since)) {
        const spot = this.place(dot);
        if (!spot) continue;
        // Several that fail at once are drawn beside each other, not on one another.
        if (dot.mark) spot.y += ((parseInt(request.id.slice(-2), 16) % 5) - 2) * MARK_APART_PX;
        this.drawDot(spot, dot, request);
        this.drawn.push({ ...spot, moving });
      }
    }
  }

  drawLines() {
    const context = this.below;
    context.clearRect(0, 0, this.width, this.height);
    context.lineCap = "round";
    for (const [key, rate] of this.flows) {
      const [from, to] = key.split(">");
      const ends = this.ends(from, to);
      if (!ends) continue;
      context.strokeStyle = this.colour.edge;
      context.lineWidth = rate > DENSE_PER_S ? Math.min(14, 2 + Math.log2(rate / DENSE_PER_S) * 2) : 1.5;
      context.beginPath();
      context.moveTo(ends.x0, ends.y0);
      context.bezierCurveTo(ends.x0 + ends.bend, ends.y0, ends.x1 - ends.bend, ends.y1, ends.x1, ends.y1);
      context.stroke();
    }
  }

  /** @param {string} from @param {string} to */
  ends(from, to) {
    const a = this.anchors.get(from);
    const b = this.anchors.get(to);
    if (!a || !b) return null;
    if (this.stacked) return { x0: a.left, y0: a.y, x1: b.left, y1: b.y, bend: 0 };
    const [x0, x1] = b.x >= a.x ? [a.right, b.left] : [a.left, b.right];
    return { x0, y0: a.y, x1, y1: b.y, bend: (x1 - x0) / 2 };
  }

  /** @param {import("./motion.js").Dot} dot @returns {Spot | null} */
  place({ from, to, share: t }) {
    if (from === to) {
      const at = this.anchors.get(from);
      return at ? { x: from === "front" && !this.stacked ? at.right : at.left, y: at.y } : null;
    }
    const ends = this.ends(from, to);
    if (!ends) return null;
    const { x0, y0, x1, y1, bend } = ends;
    const u = 1 - t;
    /** @param {number} p0 @param {number} p1 @param {number} p2 @param {number} p3 */
    const mix = (p0, p1, p2, p3) => u * u * u * p0 + 3 * u * u * t * p1 + 3 * u * t * t * p2 + t * t * t * p3;
    return { x: mix(x0, x0 + bend, x1 - bend, x1), y: mix(y0, y0, y1, y1) };
  }

  /** @param {Spot} spot @param {import("./motion.js").Dot} dot @param {RequestRow} request */
  drawDot({ x, y }, { kind, main, faint }, request) {
    const { context, colour } = this;
    const radius = request.mine ? 8 : main ? 5.5 : 4.5;
    context.globalAlpha = faint ? 0.45 : 1;
    context.fillStyle = request.mine && kind === "ok" ? colour.mine : colour[kind];
    context.beginPath();
    if (kind === "error") {
      context.moveTo(x, y - radius - 2);
      context.lineTo(x + radius + 2, y);
      context.lineTo(x, y + radius + 2);
      context.lineTo(x - radius - 2, y);
      context.closePath();
      context.fill();
    } else {
      context.arc(x, y, radius, 0, 7);
      if (kind === "hedge") {
        context.fillStyle = colour.paper;
        context.fill();
        context.lineWidth = 2.5;
        context.strokeStyle = colour.hedge;
        context.stroke();
      } else context.fill();
    }
    if (request.mine) {
      context.lineWidth = 2.5;
      context.strokeStyle = colour.mine;
      context.beginPath();
      context.arc(x, y, radius + 5, 0, 7);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** @param {PointerEvent} event */
  hoverAt(event) {
    const box = this.stage.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let nearest = null;
    let least = NEAR_PX;
    for (const each of this.drawn) {
      const distance = Math.hypot(each.x - x, each.y - y);
      if (distance < least) {
        least = distance;
        nearest = each;
      }
    }
    this.hover(nearest);
  }

  /** @param {(Spot & { moving: Moving }) | null} spot */
  hover(spot) {
    const moving = spot?.moving ?? null;
    if (moving === this.hovered) return;
    this.hovered = moving;
    this.stage.classList.toggle("hovering", moving !== null);
    this.onHover(spot ? { request: spot.moving.request, x: spot.x, y: spot.y, cut: spot.moving.motion.cut } : null);
    this.wake();
  }
}

/** @param {HTMLCanvasElement} canvas */
const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

/** @param {RequestRow} request @param {Map<string, Anchor>} anchors */
function sourceAnchor(request, anchors) {
  const own = `source-${request.source}`;
  return anchors.has(own) ? own : "source-others";
}
