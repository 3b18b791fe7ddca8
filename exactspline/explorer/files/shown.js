// What is shown: colours with their scale, lines by layer, one unit.

class Shown extends Regions {
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
    this.showPane(); // its colour, too
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
}
