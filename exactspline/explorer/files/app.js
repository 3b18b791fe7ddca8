// The whole: one state, and what follows from a change of it.

const SAID = JSON.parse(by("said").textContent);
const KEEP = 3; // datasets that stay read

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

class App extends Shown {
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
