// The whole: one state, and what follows from a change of it.

const SAID = JSON.parse(by("said").textContent);
const KEEP = 3; // datasets that stay read
const FEW_LINES = 6000; // that are drawn while the picture moves, if that is slow
const RARE = 600; // milliseconds between two new pictures while it moves, if they take very long
const STILL = 160; // milliseconds without a movement, from which on all lines are drawn

/** A checkpoint with its columns read. */
async function readDataset(number) {
  const said = SAID.datasets[number];
  if (said.empty) return { number, said, empty: true };
  const geometry = await Geometry.read(said.geometry, said.sides);
  const [codes, units, hash] = await Promise.all(
    [Codes.read(said.codes, said.count), Units.read(said.groups), column(said.hash)],
  );
  const network = said.program.layers ? await Network.read(said.program) : null;
  const boundary = said.boundary.segments ? await column(said.boundary.segments) : null;
  return { number, said, geometry, codes, units, hash, network, boundary, values: new Map() };
}

class App {
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

  // --- beginning ---------------------------------------------------------------------------

  async begin() {
    by("title").textContent = SAID.title;
    const link = readLink();
    const checkpoint = Math.min(SAID.datasets.length - 1, Math.max(0, Math.round(numberOf(link.checkpoint)) || 0));
    if (SAID.datasets.length > 1) {
      by("checkpoints").hidden = false;
      by("checkpoint").max = SAID.datasets.length - 1;
    }
    this.listen();
    this.resize();
    await this.setCheckpoint(checkpoint, true);
    if (!this.data.empty) this.applyLink(link);
    this.plot.dataset.state = "ready";
    this.plot.dataset.firstPicture = String(Math.round(performance.now()));
  }

  applyLink(link) {
    const [x, y, w] = [numberOf(link.x), numberOf(link.y), numberOf(link.w)];
    if (Number.isFinite(x) && Number.isFinite(y) && w > 0) {
      this.view.x = x;
      this.view.y = y;
      this.view.perPixel = Math.max(w / this.view.width, 4 * this.view.error);
      this.view.keepInside();
    }
    if (link.colour !== undefined) this.setColour(link.colour);
    if (link.off !== undefined) this.state.off = new Set(link.off.split(",").filter((v) => /^\d+$/.test(v)).map(Number));
    if (link.boundary !== undefined) this.state.boundary = link.boundary !== "0";
    if (/^\d+$/.test(link.unit ?? "")) this.setUnit(Number(link.unit));
    const region = numberOf(link.region);
    if (Number.isInteger(region) && region >= 0 && region < this.data.said.count) this.hold(region);
    this.showLayers();
    this.moved();
  }

  async setCheckpoint(number, first = false) {
    const before = this.data, wanted = number;
    this.wanted = wanted;
    by("checkpoint").value = number;
    by("checkpoint-name").textContent = SAID.datasets[number].label;
    by("checkpoint").setAttribute("aria-valuetext", SAID.datasets[number].label);
    if (!this.read.has(number)) this.read.set(number, readDataset(number));
    const data = await this.read.get(number);
    if (this.wanted !== wanted) return; // the slider went on
    for (const key of this.read.keys()) { // the oldest ones go
      if (this.read.size <= KEEP) break;
      if (key !== number) this.read.delete(key);
    }
    const anchor = this.anchor;
    this.data = data;
    this.state.checkpoint = number;
    this.dropLevels();
    this.showFacts();
    if (data.empty) {
      this.say("This partition has no regions.\nNothing is drawn.");
      this.request();
      return;
    }
    this.say("");
    this.view.setBounds(data.geometry.bounds, data.said.geometry.error);
    if (first || !before || before.empty) {
      this.resize();
      this.view.fit(data.geometry.middle());
    }
    this.fillColours();
    this.showLayers();
    this.fillUnits();
    await this.setColour(this.state.colour);
    this.setUnit(this.state.unit);
    this.hovered = -1;
    if (anchor) this.hold(data.geometry.locate(...anchor), anchor);
    else this.hold(-1);
    this.plot.dataset.checkpoint = number;
    this.moved();
  }

  dropLevels() {
    for (const level of [this.whole, this.near]) if (level) this.drawing.forget(level);
    this.whole = this.near = null;
    this.idsOf = null;
    for (const name of ["unitLines", "boundaryLines"]) this.dropLines(name);
  }

  dropLines(name) {
    if (this[name]) this.drawing.forgetSegments(this[name].segments);
    this[name] = null;
  }

  say(text) {
    by("message").textContent = text;
  }

  showFacts() {
    const { said } = this.data;
    const parts = [count(said.count, "region"), count(said.units, "unit")];
    if (said.geometry) parts.push(count(said.geometry.edges, "edge"), count(said.geometry.corners, "corner"));
    by("facts").textContent = parts.join(", ");
    const cut = said.geometry?.windowText;
    by("domain").textContent = said.domain + (cut
      ? `; unbounded regions are cut at [${cut[0]}, ${cut[2]}] × [${cut[1]}, ${cut[3]}]` : "");
  }

  // --- colours and lines ---------------------------------------------------------------------

  get quantities() {
    const code = { key: "region", label: "region", kind: "labels", note: "one colour a code, the same at every checkpoint" };
    const all = this.data.said.quantities, at = all[0].key === "piece" ? 1 : 0; // left out if too wide
    return [...all.slice(0, at), code, ...all.slice(at)];
  }

  fillColours() {
    const select = by("colour");
    select.replaceChildren(...this.quantities.map((q) => make("option", { value: q.key, text: q.label })),
      make("option", { value: "none", text: "none" }));
  }

  /** A scale for all checkpoints, so that colours can be compared. */
  scaleOf(quantity) {
    const same = SAID.datasets.flatMap((d) => (d.quantities ?? []).filter((q) => q.key === quantity.key));
    if (!same.length) return new Scale(quantity);
    const all = (name, pick) => pick(...same.map((q) => q[name]));
    return new Scale({ kind: quantity.kind, low: all("low", Math.min), high: all("high", Math.max),
      least: all("least", Math.min), most: all("most", Math.max) });
  }

  async setColour(key) {
    const data = this.data, quantity = this.quantities.find((q) => q.key === key) ?? null;
    if (!quantity && key !== "none") key = this.quantities[0].key;
    const chosen = key === "none" ? null : this.quantities.find((q) => q.key === key);
    this.state.colour = key;
    by("colour").value = key;
    let values = null;
    if (chosen?.column) {
      if (!data.values.has(key)) data.values.set(key, await column(chosen.column));
      values = data.values.get(key);
    }
    if (this.state.colour !== key || this.data !== data) return; // another one was chosen meanwhile
    this.scale = chosen && ["sequential", "diverging", "logarithmic"].includes(chosen.kind) ? this.scaleOf(chosen) : null;
    this.colours = coloursOf(chosen, this.scale, values, data.hash, new Uint8Array(4 * data.said.count));
    this.drawing.setColours(this.colours, data.said.count);
    if (chosen?.kind === "classes" && data.said.outputs === 1) chosen.names = { 0: "f ≤ 0", 1: "f > 0" };
    showLegend(by("legend"), chosen, this.scale, values);
    this.plot.dataset.colour = key;
    this.request();
    this.link();
  }

  showLayers() {
    const { units, boundary, said } = this.data, list = by("layers");
    list.replaceChildren();
    const box = (text, on, act) => {
      const input = make("input", { type: "checkbox" });
      input.checked = on;
      input.addEventListener("change", () => {
        act(input.checked);
        this.request();
        this.link();
      });
      list.append(make("label", {}, input, text));
      return input;
    };
    for (let l = 0; l < units.layers; l++) {
      box(`layer ${l + 1}`, !this.state.off.has(l), (on) => {
        if (on) this.state.off.delete(l);
        else this.state.off.add(l);
      });
    }
    const name = said.outputs > 1 ? "decision boundary" : "f = 0";
    const input = box(name, this.state.boundary && boundary !== null, (on) => { this.state.boundary = on; });
    input.disabled = boundary === null;
    if (boundary?.length === 0) list.append(make("span", { class: "note", text: "(none in the picture)" }));
    if (boundary === null) list.append(make("span", { class: "note", text: `(${said.boundary.why})` }));
  }

  fillUnits() {
    const { units } = this.data;
    by("unit-layer").replaceChildren(make("option", { value: "", text: "none" }),
      ...Array.from({ length: units.layers }, (_, l) => make("option", { value: String(l), text: `layer ${l + 1}` })));
  }

  /** Show where one unit bends: all edges across which its piece changes. */
  setUnit(unit) {
    const { units, codes, geometry: g } = this.data;
    if (unit !== null && !(unit >= 0 && unit < units.count)) unit = null;
    this.state.unit = unit;
    this.dropLines("unitLines");
    this.unitSegments = null;
    by("unit-layer").value = unit === null ? "" : String(units.layerOf(unit));
    by("unit").value = unit === null ? "" : String(unit - units.layerStart[units.layerOf(unit)]);
    if (unit !== null) {
      const out = [], constant = codes.first[unit] < 0;
      for (let e = 0; e < (constant ? 0 : g.edges); e++) {
        if (g.left[e] < 0 || g.right[e] < 0 || codes.piece(g.left[e], unit) === codes.piece(g.right[e], unit)) continue;
        for (const p of [g.tail[e], g.head[e]]) out.push(g.points[2 * p], g.points[2 * p + 1]);
      }
      this.unitSegments = Float64Array.from(out);
      by("unit-name").textContent = `${units.name(unit)} bends on ${count(out.length / 4, "edge")}`;
    } else by("unit-name").textContent = "";
    this.plot.dataset.unit = unit ?? "";
    this.request();
    this.link();
  }

  readUnit() {
    const { units } = this.data, layer = by("unit-layer").value, text = by("unit").value.trim();
    if (layer === "") return this.setUnit(null);
    const l = Number(layer), size = units.layerStart[l + 1] - units.layerStart[l];
    const k = /^\d+$/.test(text) ? Math.min(size - 1, Number(text)) : 0;
    return this.setUnit(units.layerStart[l] + k);
  }

  // --- drawing -------------------------------------------------------------------------------

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
    const level = this.level(), { x, y, perPixel } = this.view;
    this.drawing.draw(level, this.view, this.linesOf(level));
    by("faces").style.transform = "";
    this.drawn = { x, y, perPixel, when: now };
    if (!this.slow) return; // how long it takes in fact is only known when it is done
    this.drawing.gl.readPixels(0, 0, 1, 1, this.drawing.gl.RGBA, this.drawing.gl.UNSIGNED_BYTE, this.one ??= new Uint8Array(4));
    const took = performance.now() - now;
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

  // --- regions -------------------------------------------------------------------------------

  /** The region of a pixel, by the buffer of ids. */
  regionAt(px, py) {
    if (!this.data || this.data.empty) return -1;
    const x = Math.floor(px * this.ratio), row = Math.floor(py * this.ratio);
    const { width, height } = this.drawing.canvas;
    if (x < 0 || row < 0 || x >= width || row >= height) return -1;
    const key = [this.view.x, this.view.y, this.view.perPixel, width, height, this.data.number].join();
    if (this.idsOf !== key) {
      this.pixels = this.drawing.readIds(this.level(), this.view);
      this.idsOf = key;
    }
    const i = 4 * ((height - 1 - row) * width + x), p = this.pixels;
    return p[i + 3] === 0 ? -1 : p[i] + 256 * p[i + 1] + 65536 * p[i + 2] - 1;
  }

  get heldRegion() {
    return this.state.held ?? -1;
  }

  get anchor() {
    return this.anchorPoint ?? null;
  }

  hover(px, py) {
    this.pointer = [px, py];
    this.byKeys = false;
    this.look();
  }

  /** Look again at what is under the pointer, or the cross; once a frame. */
  look() {
    if (this.looking) return;
    this.looking = true;
    requestAnimationFrame(() => {
      this.looking = false;
      this.lookNow();
    });
  }

  lookNow() {
    if (!this.data || this.data.empty || (this.moving && this.slow)) return; // again when it rests
    const at = this.byKeys ? [this.view.width / 2, this.view.height / 2] : this.pointer;
    const region = at ? this.regionAt(...at) : -1;
    if (region !== this.hovered) {
      this.hovered = region;
      if (this.byKeys) by("live").textContent = region < 0 ? "No region." : `Region ${region}.`;
      this.request();
    }
    this.plot.dataset.region = String(region);
    if (at && region >= 0) this.pointerPane.show(this.data, region, ...this.view.point(...at));
    else this.pointerPane.clear();
    this.showPane();
  }

  showPane() {
    const held = this.heldRegion, region = held >= 0 ? held : this.hovered;
    if (region < 0) return this.pane.clear();
    return this.pane.show(this.data, region, held >= 0, this.marked, this.colourOf(region));
  }

  colourOf(region) {
    if (!this.colours || this.state.colour === "none") return "transparent";
    return `rgb(${this.colours.subarray(4 * region, 4 * region + 3).join()})`;
  }

  leave() {
    this.pointer = null;
    if (!this.byKeys) this.look();
  }

  /** Hold a region (-1: none); its point finds it again at another checkpoint. */
  hold(region, point = null) {
    this.state.held = region >= 0 ? region : null;
    this.marked = -1;
    if (region >= 0) {
      const { x, y } = this.data.geometry.measure(region);
      this.anchorPoint = point ?? [x, y];
      this.announce(region);
    } else this.anchorPoint = null;
    this.plot.dataset.held = region;
    this.showPane();
    this.request();
    this.link();
  }

  announce(region) {
    const { geometry: g, said } = this.data, sides = g.sidesOf(region), across = sides.filter((s) => s.across >= 0);
    const { area } = g.measure(region);
    const size = g.cut.has(region) ? "unbounded" : `area ${short(area)}`;
    by("live").textContent = `Region ${region} of ${said.count}: ${size}, ${count(sides.length, "side")}, `
      + `${count(across.length, "neighbour")}${across.length ? `: ${across.slice(0, 8).map((s) => s.across).join(", ")}` : ""}.`;
  }

  /** Go to a region: hold it, and have it in the picture. */
  goTo(region) {
    const { x, y } = this.data.geometry.measure(region), [px, py] = this.view.pixel(x, y);
    this.hold(region);
    const size = this.spanInPixels(region);
    if (size < 12) this.zoomTo(region);
    else if (!(px > 0 && py > 0 && px < this.view.width && py < this.view.height)) {
      this.view.x = x;
      this.view.y = y;
    }
    this.moved();
  }

  spanInPixels(region) {
    const box = [0, 0, 0, 0];
    this.data.geometry.faceBox(region, box);
    return Math.max((box[2] - box[0]) / this.view.perPixel, (box[3] - box[1]) / this.view.perPixel / this.view.stretch);
  }

  zoomTo(region) {
    const box = [0, 0, 0, 0], g = this.data.geometry;
    g.faceBox(region, box);
    if (!Number.isFinite(box[0])) return;
    const before = this.view.perPixel, least = Math.max(Math.abs(box[0]) * 2e-15, Math.abs(box[1]) * 2e-15, 4 * this.view.error, 1e-300);
    this.view.fit(box, 6);
    this.view.perPixel = Math.min(before, Math.max(least, this.view.perPixel));
    const { x, y } = g.measure(region);
    this.view.x = x;
    this.view.y = y;
  }

  search(text) {
    const g = this.data.geometry, found = readQuery(text, this.data.said.count);
    by("found").textContent = "";
    if (found.error) {
      by("found").textContent = found.error;
    } else if (found.point) {
      const region = g.locate(...found.point);
      if (region < 0) by("found").textContent = "That point lies in no region of the picture.";
      else {
        this.hold(region, found.point);
        [this.view.x, this.view.y] = found.point;
        if (this.spanInPixels(region) < 12) this.zoomTo(region);
        this.moved();
      }
    } else {
      if (g.start[found.region + 1] === g.start[found.region]) by("found").textContent = `Region ${found.region} lies beyond the window.`;
      this.hold(found.region);
      if (g.start[found.region + 1] > g.start[found.region]) {
        const { x, y } = g.measure(found.region);
        [this.view.x, this.view.y] = [x, y];
        if (this.spanInPixels(found.region) < 12) this.zoomTo(found.region);
      }
      this.moved();
    }
  }

  /** The view has changed. While it does, and frames take long, most lines are left out. */
  moved() {
    this.moving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.request();
      this.look();
    }, STILL);
    this.request();
    this.look();
    this.link();
  }

  link() {
    clearTimeout(this.linking);
    if (this.plot.dataset.state !== "ready") return;
    this.linking = setTimeout(() => {
      const { view, state } = this;
      writeLink({
        x: view.x, y: view.y, w: view.perPixel * view.width, colour: state.colour,
        off: [...state.off].sort((a, b) => a - b).join(","), unit: state.unit,
        boundary: state.boundary ? null : "0", region: state.held,
        checkpoint: SAID.datasets.length > 1 ? state.checkpoint : null,
      });
    }, 120);
  }

  // --- keys and buttons ----------------------------------------------------------------------

  listen() {
    listenToPointers(this.stage, this.view, {
      moved: () => this.moved(),
      hover: (px, py) => this.hover(px, py),
      leave: () => this.leave(),
      tap: (px, py) => {
        this.byKeys = false;
        const region = this.regionAt(px, py);
        this.hold(region === this.heldRegion ? -1 : region, this.view.point(px, py));
      },
    });
    this.stage.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (this.data && !this.data.empty && this.key(event.key, event.shiftKey)) event.preventDefault();
    });
    this.stage.addEventListener("blur", () => {
      this.byKeys = false;
      this.look();
      this.request();
    });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.request());
    const zoom = (factor) => () => this.zoom(factor);
    by("zoom-in").addEventListener("click", zoom(1.6));
    by("zoom-out").addEventListener("click", zoom(1 / 1.6));
    by("home").addEventListener("click", () => this.home());
    by("save").addEventListener("click", () => this.save());
    by("help").addEventListener("click", () => this.toggleHelp());
    by("colour").addEventListener("change", () => this.setColour(by("colour").value));
    by("unit-layer").addEventListener("change", () => this.readUnit());
    by("unit").addEventListener("change", () => this.readUnit());
    by("checkpoint").addEventListener("input", () => this.setCheckpoint(Number(by("checkpoint").value)));
    by("search").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.data && !this.data.empty) this.search(by("query").value);
    });
    window.addEventListener("hashchange", () => {
      if (this.data && !this.data.empty) this.applyLink(readLink());
    });
    by("faces").addEventListener("webglcontextlost", () => this.say("The graphics card has lost the picture; load the page again."));
  }

  key(key, shift) {
    const step = KEY_STEP * (shift ? 0.2 : 1), moves = {
      ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    };
    if (moves[key]) {
      this.byKeys = true;
      this.view.moveBy(moves[key][0] * this.view.width, moves[key][1] * this.view.height);
      this.moved();
      return true;
    }
    const act = {
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), 0: () => this.home(),
      Enter: () => this.enter(), " ": () => this.enter(), "[": () => this.mark(-1), "]": () => this.mark(1),
      Escape: () => this.escape(), c: () => this.nextColour(), ",": () => this.step(-1), ".": () => this.step(1),
      "/": () => by("query").focus(), s: () => this.save(), "?": () => this.toggleHelp(), Home: () => this.home(),
    }[key];
    if (act) act();
    return Boolean(act);
  }

  zoom(factor) {
    if (this.data?.empty) return;
    this.view.zoomAt(this.view.width / 2, this.view.height / 2, factor);
    this.moved();
  }

  /** Where most corners are; from there, all of the window. */
  home() {
    if (this.data?.empty) return;
    const before = [this.view.x, this.view.y, this.view.perPixel].join();
    this.view.fit(this.data.geometry.middle());
    if ([this.view.x, this.view.y, this.view.perPixel].join() === before) this.view.fit(this.data.geometry.bounds);
    this.moved();
  }

  enter() {
    this.byKeys = true;
    if (this.heldRegion >= 0 && this.marked >= 0) {
      this.goTo(this.data.geometry.sidesOf(this.heldRegion)[this.marked].across);
      return;
    }
    this.moving = false;
    this.lookNow();
    this.hold(this.hovered, [this.view.x, this.view.y]);
    this.look();
  }

  /** Mark the next side of the held region that has a neighbour. */
  mark(way) {
    if (this.heldRegion < 0) this.enter();
    if (this.heldRegion < 0) return;
    const sides = this.data.geometry.sidesOf(this.heldRegion), n = sides.length;
    let at = this.marked < 0 && way < 0 ? 0 : this.marked;
    for (let i = 0; i < n; i++) {
      at = (at + way + n) % n;
      if (sides[at].across < 0) continue;
      this.marked = at;
      by("live").textContent = `Neighbour ${sides[at].across}, across side ${at + 1} of ${n}.`;
      break;
    }
    this.plot.dataset.marked = this.marked < 0 ? "-1" : String(sides[this.marked].across);
    this.showPane();
    this.request();
  }

  escape() {
    if (!by("keys").hidden) this.toggleHelp();
    else this.hold(-1);
  }

  nextColour() {
    const options = [...by("colour").options].map((o) => o.value);
    this.setColour(options[(options.indexOf(this.state.colour) + 1) % options.length]);
    by("live").textContent = `Colour: ${by("colour").selectedOptions[0].textContent}.`;
  }

  step(way) {
    const next = this.state.checkpoint + way;
    if (next >= 0 && next < SAID.datasets.length) {
      this.setCheckpoint(next);
      by("live").textContent = `Checkpoint ${SAID.datasets[next].label}.`;
    }
  }

  toggleHelp() {
    const keys = by("keys");
    keys.hidden = !keys.hidden;
    by("help").setAttribute("aria-expanded", String(!keys.hidden));
  }

  /** The picture as PNG: faces, lines and axes on the paper. */
  picture() {
    const out = document.createElement("canvas"), ratio = this.ratio;
    out.width = this.overlay.width;
    out.height = this.overlay.height;
    const context = out.getContext("2d");
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, out.width, out.height);
    this.moving = false;
    this.frame(); // what was drawn before may be gone
    context.drawImage(this.drawing.canvas, MARGIN.left * ratio, MARGIN.top * ratio);
    context.drawImage(this.overlay, 0, 0);
    return out;
  }

  save() {
    if (!this.data || this.data.empty) return;
    this.picture().toBlob((blob) => {
      const link = make("a", { download: "partition.png", href: URL.createObjectURL(blob) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      this.plot.dataset.saved = String(blob.size);
    });
  }
}

try {
  const app = new App();
  window.exactspline = app; // for the console
  app.begin().catch((error) => {
    app.say(String(error.message));
    by("plot").dataset.state = "failed";
    console.error(error);
  });
} catch (error) {
  by("message").textContent = String(error.message);
  by("plot").dataset.state = "failed";
  console.error(error);
}
