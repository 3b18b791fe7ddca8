// Regions: what is under the pointer, which one is held, going to one, searching.

class Regions extends Picture {
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
}
