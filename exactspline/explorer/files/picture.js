// The picture: which level is drawn, lines by layer, what lies over it, and its moving.

const FEW_LINES = 6000; // that are drawn while the picture moves, if that is slow
const RARE = 600; // milliseconds between two new pictures while it moves, if they take very long
const STILL = 160; // milliseconds without a movement, from which on all lines are drawn

class Picture {
  constructor() {
    this.plot = by("plot");
    this.stage = by("stage");
    this.overlay = by("overlay");
    this.view = new View([-1, -1, 1, 1]);
    this.drawing = new Drawing(by("faces"));
    this.read = new Map();
    this.state = { checkpoint: 0, colour: "piece", off: new Set(), unit: null, boundary: true, held: null };
    this.hovered = -1;
    this.pointer = null; // pixels of the picture
    this.marked = -1; // side of the held region
    this.byKeys = false; // the cross in the middle points
    this.pane = new RegionPane(by("region-title"), by("region-body"), (region) => this.goTo(region));
    this.pointerPane = new PointerPane(by("place"), by("images"), by("scores"));
  }

  resize() {
    const box = this.stage.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    const width = Math.max(40, Math.floor(box.width - MARGIN.left - MARGIN.right));
    const height = Math.max(40, Math.floor(box.height - MARGIN.top - MARGIN.bottom));
    this.ratio = ratio;
    this.view.perPixel *= this.view.width / width;
    this.view.width = width;
    this.view.height = height;
    const faces = by("faces");
    faces.width = Math.round(width * ratio);
    faces.height = Math.round(height * ratio);
    by("frame").style.cssText = `left:${MARGIN.left}px;top:${MARGIN.top}px;width:${width}px;height:${height}px`;
    this.overlay.width = Math.round(box.width * ratio);
    this.overlay.height = Math.round(box.height * ratio);
    this.overlay.style.cssText = `width:${box.width}px;height:${box.height}px`;
    this.idsOf = null;
    this.request();
  }

  layerOf(edge) {
    const { units, geometry } = this.data, unit = geometry.unit[edge];
    return unit < 0 ? units.layers : units.layerOf(unit);
  }

  /** The level for the view: the whole, or one cut at a frame around the view. */
  level() {
    const g = this.data.geometry, view = this.view, many = g.n > 200000;
    if (!this.whole) this.whole = this.newLevel(this.wholeFrame(g));
    const fits = (level, depth) => {
      const [a, b, c, d] = view.frame, [x0, y0, x1, y1] = level.frame;
      const inside = level.whole || (a >= x0 && b >= y0 && c <= x1 && d <= y1);
      return inside && level.half <= depth * Math.max(view.halfX, view.halfY);
    };
    if (fits(this.whole, many ? 3 : 10)) return this.whole;
    if (this.near && fits(this.near, 10)) return this.near;
    if (this.near) this.drawing.forget(this.near);
    const room = many && view.halfX > this.whole.half / 12 ? 1.5 : 3;
    this.near = this.newLevel([view.x - room * view.halfX, view.y - room * view.halfY,
      view.x + room * view.halfX, view.y + room * view.halfY]);
    return this.near;
  }

  wholeFrame(g) {
    const [x0, y0, x1, y1] = g.bounds;
    return [x0, y0, x1, y1];
  }

  newLevel(frame) {
    const { units, geometry } = this.data;
    if (!this.edgeLayers || this.edgeLayers.of !== geometry) {
      const layers = new Uint16Array(geometry.edges);
      for (let e = 0; e < geometry.edges; e++) layers[e] = this.layerOf(e);
      this.edgeLayers = { of: geometry, layers };
    }
    const { layers } = this.edgeLayers;
    return new Level(geometry, (e) => layers[e], units.layers, frame);
  }

  /** Lines of all layers, as they are seen: what would cover the picture fades. */
  linesOf(level) {
    const { units } = this.data, view = this.view, out = [];
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const ink = this.state.colour === "none" && dark ? [0.85, 0.88, 0.92] : [0.07, 0.09, 0.13];
    const area = (level.whole ? this.wholeArea() : 4 * level.half ** 2) || 1;
    this.plot.dataset.faded = "0";
    for (let l = units.layers - 1; l >= 0; l--) {
      if (this.state.off.has(l)) continue;
      const width = (l === 0 ? 1.9 : l === 1 ? 1.3 : 0.95) * this.ratio;
      const cover = (level.length[l] * view.perPixel * width) / this.ratio / area; // share of the pixels
      const fade = Math.min(1, Math.max(0, (0.62 - cover) / 0.4));
      if (fade < 1) this.plot.dataset.faded = "1";
      const many = level.layerStart[l + 1] - level.layerStart[l] > FEW_LINES;
      if (fade > 0.02 && !(this.moving && this.slow && many)) {
        const alpha = (l === 0 ? 0.85 : l === 1 ? 0.6 : 0.42) * fade;
        out.push({ segments: this.drawing.layer(level, l), width, ink: [...ink, alpha] });
      }
    }
    out.push({ segments: this.drawing.layer(level, units.layers), width: 1.4 * this.ratio, ink: [...ink, 0.9] });
    this.extraLines(level, out);
    return out;
  }

  wholeArea() {
    const [x0, y0, x1, y1] = this.data.geometry.bounds;
    return (x1 - x0) * (y1 - y0);
  }

  extraLines(level, out) {
    const add = (name, segments, width, ink) => {
      if (!segments) return;
      if (!this[name] || this[name].level !== level) {
        this.dropLines(name);
        this[name] = { level, segments: this.drawing.segments(level.relative(segments)) };
      }
      const kept = this[name].segments;
      out.push({ segments: kept, width: (width + 2) * this.ratio, ink: [1, 1, 1, 0.85] });
      out.push({ segments: kept, width: width * this.ratio, ink });
    };
    if (this.state.boundary) add("boundaryLines", this.data.boundary, 2.6, [0.78, 0.1, 0.2, 1]);
    add("unitLines", this.unitSegments, 2.4, [0.02, 0.35, 0.85, 1]);
  }

  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.frame();
    });
  }

  frame() {
    if (!this.data || (!this.data.empty && !this.colours)) return;
    const now = performance.now(), gap = now - (this.last ?? now);
    this.last = now;
    if (this.moving && gap < 1000) { // from frame to frame, smoothed
      this.gap = 0.7 * (this.gap ?? gap) + 0.3 * gap;
      if (this.gap > 45) this.slow = true;
    }
    if (!this.data.empty) {
      if (this.moving && this.drawn && this.cost > 110 && now - this.drawn.when < RARE) this.shift();
      else this.drawNow(now);
      this.plot.dataset.frame = String(Number(this.plot.dataset.frame ?? 0) + 1);
    }
    this.drawOverlay();
  }

  drawNow(now) {
    const level = this.level(), { x, y, perPixel } = this.view, begin = performance.now();
    this.drawing.draw(level, this.view, this.linesOf(level));
    by("faces").style.transform = "";
    this.drawn = { x, y, perPixel, when: now };
    if (!this.slow) return; // how long it takes in fact is only known when it is done
    this.drawing.gl.readPixels(0, 0, 1, 1, this.drawing.gl.RGBA, this.drawing.gl.UNSIGNED_BYTE, this.one ??= new Uint8Array(4));
    const took = performance.now() - begin;
    this.cost = this.cost === undefined ? took : Math.min(took, 0.5 * (this.cost + took));
  }

  /** Move and stretch the last picture in place of a new one. */
  shift() {
    const { drawn, view } = this, [px, py] = view.pixel(drawn.x, drawn.y);
    by("faces").style.transform = `translate(${px - view.width / 2}px, ${py - view.height / 2}px) scale(${drawn.perPixel / view.perPixel})`;
    this.plot.dataset.shifted = String(Number(this.plot.dataset.shifted ?? 0) + 1);
  }

  drawOverlay() {
    const context = this.overlay.getContext("2d"), style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    if (this.data.empty) return;
    drawAxes(context, this.view, this.data.said.axes, { line: colour("--soft"), soft: colour("--soft"), ink: colour("--ink") });
    context.save();
    context.translate(MARGIN.left, MARGIN.top);
    context.beginPath();
    context.rect(0, 0, this.view.width, this.view.height);
    context.clip();
    const held = this.heldRegion;
    if (held >= 0) {
      this.data.geometry.sidesOf(held).forEach(({ across }, i) => {
        if (across >= 0) this.trace(context, across, i === this.marked ? "#e8a200" : null, i === this.marked ? 3 : 1, "rgba(255,255,255,0.16)");
      });
      this.trace(context, held, "#ffffff", 5);
      this.trace(context, held, "#111111", 2.4);
    }
    if (this.hovered >= 0 && this.hovered !== held) {
      this.trace(context, this.hovered, "#ffffff", 3.4);
      this.trace(context, this.hovered, "#111111", 1.4);
    }
    if (this.byKeys) {
      const x = Math.round(this.view.width / 2) + 0.5, y = Math.round(this.view.height / 2) + 0.5;
      for (const [ink, width] of [["#ffffff", 3.5], ["#111111", 1.5]]) {
        context.strokeStyle = ink;
        context.lineWidth = width;
        context.beginPath();
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(x + 4 * dx, y + 4 * dy);
          context.lineTo(x + 11 * dx, y + 11 * dy);
        }
        context.stroke();
      }
    }
    context.restore();
  }

  trace(context, region, ink, width, fill = null) {
    const [a, b, c, d] = this.view.frame, rx = c - a, ry = d - b; // far corners are brought near first
    const polygon = cutPolygon(this.data.geometry.polygon(region), [a - rx, b - ry, c + rx, d + ry]);
    if (!polygon.length) return;
    context.beginPath();
    for (let i = 0; i < polygon.length; i += 2) context.lineTo(...this.view.pixel(polygon[i], polygon[i + 1]));
    context.closePath();
    if (fill) {
      context.fillStyle = fill;
      context.fill();
    }
    if (ink) {
      context.strokeStyle = ink;
      context.lineWidth = width;
      context.lineJoin = "round";
      context.stroke();
    }
  }
}
