// The layer of dots over the stage: every dot is a recorded request on its way. It draws; `motion` knows where.

import { dots, plan } from "./motion.js";

const TOKENS_MAX = 150;
const NEAR_PX = 16;
const DENSE_PER_S = 60;
const MARK_APART_PX = 9;

/**
 * Dots on `canvas` over `stage`, lines on `under` beneath its boxes; children with data-anchor are where both begin and
 * end. Where the boxes stand one above the other (a phone), all ways run along their left edge.
 */
export class Tokens {
  constructor({ canvas, under, stage }, { pick, hover }) {
    this.canvas = canvas;
    this.under = under;
    this.stage = stage;
    this.pick = pick;
    this.hover = hover;
    this.context = canvas.getContext("2d");
    this.below = under.getContext("2d");
    this.tokens = [];
    this.anchors = new Map();
    this.flows = new Map();
    this.slower = 200;
    this.stopped = false;
    this.held = null;
    this.now = 0;
    this.last = 0;
    this.frame = 0;
    this.drawn = [];
    this.watch = new ResizeObserver(() => this.measure());
    this.watch.observe(stage);
    // A box that grows in its column moves those below it, and the stage need not change for that.
    for (const column of stage.querySelectorAll(".column")) this.watch.observe(column);
    stage.addEventListener("pointermove", (this.onMove = (event) => this.look(event)));
    stage.addEventListener("pointerleave", (this.onLeave = () => this.hold(null)));
    stage.addEventListener("click", (this.onClick = () => this.held && this.pick(this.held.request)));
    this.measure();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.watch.disconnect();
    this.stage.removeEventListener("pointermove", this.onMove);
    this.stage.removeEventListener("pointerleave", this.onLeave);
    this.stage.removeEventListener("click", this.onClick);
  }

  /** Takes new requests on; those that are too many are not drawn, the counts beside them stay exact. */
  add(requests) {
    for (const request of requests) {
      const known = this.tokens.find((each) => each.request.id === request.id);
      if (known) known.request = request;
      // While the motion is stopped, what stands there is looked at; the counts go on.
      else if (request.mine || (!this.stopped && this.tokens.length < TOKENS_MAX))
        this.tokens.push({ request, motion: plan(request, this.slower), since: this.now });
    }
    this.wake();
  }

  /** Pauses or goes on; `slower` is the slow-down of requests that come from now on; `flows` are rates by anchor. */
  set({ stopped = this.stopped, slower = this.slower, flows = this.flows }) {
    Object.assign(this, { stopped, slower, flows });
    this.edges();
    this.wake();
  }

  measure() {
    const box = this.stage.getBoundingClientRect();
    const dense = devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.under]) {
      canvas.width = Math.round(box.width * dense);
      canvas.height = Math.round(box.height * dense);
      canvas.getContext("2d").setTransform(dense, 0, 0, dense, 0, 0);
    }
    this.width = box.width;
    this.height = box.height;
    this.anchors = new Map();
    for (const node of this.stage.querySelectorAll("[data-anchor]")) {
      const at = node.getBoundingClientRect();
      const left = at.left - box.left;
      const top = at.top - box.top;
      this.anchors.set(node.dataset.anchor, {
        left,
        right: left + at.width,
        x: left + at.width / 2,
        y: top + at.height / 2,
      });
    }
    const front = this.anchors.get("front");
    this.stacked = Boolean(front) && front.right - front.left > this.width / 2;
    const style = getComputedStyle(this.stage);
    this.colour = Object.fromEntries(
      ["ok", "error", "hedge", "edge", "mine", "paper"].map((name) => [name, style.getPropertyValue(`--dot-${name}`).trim()]),
    );
    this.edges();
    this.wake();
  }

  wake() {
    if (this.frame) return;
    this.last = 0;
    this.frame = requestAnimationFrame((at) => this.step(at));
  }

  step(at) {
    const moved = this.last ? Math.min(0.1, (at - this.last) / 1000) : 0;
    this.last = at;
    const still = this.stopped || this.held;
    if (!still) this.now += moved;
    this.tokens = this.tokens.filter((each) => this.now - each.since < each.motion.end);
    this.draw();
    const idle = still || !this.tokens.length;
    this.frame = idle ? 0 : requestAnimationFrame((next) => this.step(next));
  }

  draw() {
    this.context.clearRect(0, 0, this.width, this.height);
    this.drawn = [];
    for (const token of this.tokens) {
      const { request } = token;
      const failed = request.status >= 500;
      for (const dot of dots(token.motion, sourceAnchor(request, this.anchors), failed, this.now - token.since)) {
        const spot = this.place(dot);
        if (!spot) continue;
        // Several that fail at once stand beside each other, not on one another.
        if (dot.mark) spot.y += ((parseInt(request.id.slice(-2), 16) % 5) - 2) * MARK_APART_PX;
        this.dot(spot, dot, request);
        this.drawn.push({ ...spot, token });
      }
    }
  }

  edges() {
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

  ends(from, to) {
    const a = this.anchors.get(from);
    const b = this.anchors.get(to);
    if (!a || !b) return null;
    if (this.stacked) return { x0: a.left, y0: a.y, x1: b.left, y1: b.y, bend: 0 };
    const forth = b.x >= a.x;
    const [x0, x1] = forth ? [a.right, b.left] : [a.left, b.right];
    return { x0, y0: a.y, x1, y1: b.y, bend: (x1 - x0) / 2 };
  }

  place({ from, to, share }) {
    if (from === to) {
      const at = this.anchors.get(from);
      return at ? { x: from === "front" && !this.stacked ? at.right : at.left, y: at.y } : null;
    }
    const ends = this.ends(from, to);
    if (!ends) return null;
    const { x0, y0, x1, y1, bend } = ends;
    const t = share;
    const u = 1 - t;
    const mix = (p0, p1, p2, p3) => u * u * u * p0 + 3 * u * u * t * p1 + 3 * u * t * t * p2 + t * t * t * p3;
    return { x: mix(x0, x0 + bend, x1 - bend, x1), y: mix(y0, y0, y1, y1) };
  }

  dot({ x, y }, { kind, main, faint }, request) {
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

  look(event) {
    const box = this.stage.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let near = null;
    let least = NEAR_PX;
    for (const each of this.drawn) {
      const away = Math.hypot(each.x - x, each.y - y);
      if (away < least) {
        least = away;
        near = each;
      }
    }
    this.hold(near);
  }

  hold(near) {
    const token = near?.token ?? null;
    if (token === this.held) return;
    this.held = token;
    this.stage.classList.toggle("holding", Boolean(token));
    this.hover(token ? { request: token.request, x: near.x, y: near.y, cut: token.motion.cut } : null);
    this.wake();
  }
}

function sourceAnchor(request, anchors) {
  const own = `source-${request.source}`;
  return anchors.has(own) ? own : "source-others";
}
