// The pane of a region, in text only: names from files are never markup.

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (key === "on") for (const [kind, act] of Object.entries(value)) element.addEventListener(kind, act);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const count = (n, word, words = `${word}s`) => `${n.toLocaleString("en")} ${n === 1 ? word : words}`;

/** c + a x + b y >= 0 as people write it. */
function inequalityText([c, a, b], axes) {
  let [p, q, bound, relation] = [a, b, -c, "≥"];
  if (p <= 0 && q <= 0) [p, q, bound, relation] = [-p, -q, c, "≤"];
  return `${sumText([p, q], axes)} ${relation} ${short(bound)}`;
}

function sumText(coefficients, axes, constant = null) {
  let text = constant !== null && constant !== 0 ? short(constant) : "";
  coefficients.forEach((v, j) => {
    if (v === 0) return;
    const size = Math.abs(v) === 1 ? "" : `${short(Math.abs(v))} `;
    text += text ? (v < 0 ? " − " : " + ") : v < 0 ? "−" : "";
    text += size + axes[j];
  });
  return text || "0";
}

/** Names of units: the operator and the index in its output. */
class Units {
  static async read(groups) {
    const entries = await Promise.all(groups.map((g) => (g.entries ? column(g.entries) : null)));
    return new Units(groups, entries);
  }

  constructor(groups, entries) {
    this.groups = groups;
    this.entries = entries;
    this.starts = [0];
    for (const g of groups) this.starts.push(this.starts.at(-1) + g.count);
    this.count = this.starts.at(-1);
    this.layers = groups.length ? Math.max(...groups.map((g) => g.layer)) + 1 : 0;
    this.layerStart = new Array(this.layers + 1).fill(this.count);
    for (let i = groups.length - 1; i >= 0; i--) this.layerStart[groups[i].layer] = this.starts[i];
  }

  groupOf(unit) {
    let low = 0, high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  layerOf(unit) {
    return this.groups[this.groupOf(unit)].layer;
  }

  name(unit) {
    const g = this.groupOf(unit), { operator, shape } = this.groups[g];
    let flat = unit - this.starts[g];
    if (this.entries[g]) flat = this.entries[g][flat];
    const index = [];
    for (let k = shape.length - 1; k >= 0; k--) {
      index.unshift(flat % shape[k]);
      flat = Math.floor(flat / shape[k]);
    }
    return `${operator}[${index.join(", ")}]`;
  }
}

/** What there is to say about the region of a dataset; `go` is called with a neighbour. */
class RegionPane {
  constructor(title, body, go) {
    this.title = title;
    this.body = body;
    this.go = go;
    this.shown = null;
  }

  clear() {
    if (this.shown === "none") return;
    this.shown = "none";
    this.title.replaceChildren("Region");
    this.body.replaceChildren(make("p", { class: "note", text: "Point at a region; click or press Enter to hold it." }));
  }

  show(data, region, held, marked, colour) {
    const key = `${data.number} ${region} ${held}`;
    if (this.shown !== key) {
      this.shown = key;
      this.build(data, region, held, colour);
    }
    this.body.querySelectorAll(".facets li").forEach((item, i) => item.classList.toggle("marked", i === marked));
    const swatch = this.title.querySelector(".swatch");
    if (swatch) swatch.style.background = colour;
  }

  build(data, region, held, colour) {
    const { geometry: g, units, codes, network, said } = data;
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = colour;
    this.title.replaceChildren(swatch, `Region ${region}`, make("span", { class: "held", text: held ? "held" : "" }));
    const measure = g.measure(region), sides = g.sidesOf(region), code = codes.of(region);
    const area = g.cut.has(region) ? `unbounded (${short(measure.area)} in the window)` : short(measure.area);
    const facts = make("table");
    const row = (name, value) => facts.append(make("tr", {}, make("th", { scope: "row", text: name }), make("td", { class: "number", text: value })));
    row("area", area);
    row("centroid", `${short(measure.x)}, ${short(measure.y)}`);
    const rows = network ? network.rows(code) : null;
    this.body.replaceChildren(facts);
    this.addMap(data, rows);
    this.addSides(data, region, sides, code, rows);
    this.addCode(units, code);
    if (!network) {
      this.body.append(make("p", { class: "note", text:
        `The network has ${count(said.program.coefficients, "coefficient")}, more than the ${said.program.limit.toLocaleString("en")} `
        + "that a page takes: affine maps, inequalities and templates are left out. In Python, partition[id] has them." }));
    }
  }

  addMap(data, rows) {
    if (!rows) return;
    const { axes } = data.said, n = rows.outputs.length / 3;
    const list = make("table");
    for (let c = 0; c < Math.min(n, 40); c++) {
      const [k, a, b] = rows.outputs.subarray(3 * c, 3 * c + 3);
      list.append(make("tr", {}, make("th", { scope: "row", text: n > 1 ? `f[${c}]` : "f" }),
        make("td", { class: "number", text: sumText([a, b], axes, k) })));
    }
    if (n > 40) list.append(make("tr", {}, make("td", { colspan: "2", text: `and ${n - 40} more outputs` })));
    this.body.append(make("h3", { text: "Affine map" }), list);
  }

  addSides(data, region, sides, code, rows) {
    const { units, codes, geometry: g, network, said } = data;
    const list = make("ol", { class: "facets" });
    for (const { edge, across } of sides) {
      const item = make("li");
      if (edge < 0) {
        item.append(make("span", { class: "from", text: "cut at the window" }));
      } else if (across < 0) {
        const side = said.sides.find((s) => s.side === g.sideOf.get(edge));
        item.append(make("span", { class: "inequality numbers", text: side ? side.text : "" }),
          make("span", { class: "from", text: "side of the domain" }));
      } else {
        const unit = g.unit[edge], there = codes.piece(across, unit);
        const row = rows ? network.side(rows.members, unit, code[unit], there) : null;
        const bending = [];
        for (let k = unit; k < units.count && bending.length < 4; k++) if (codes.piece(across, k) !== code[k]) bending.push(k);
        const more = bending.length > 1 ? `, and ${bending.slice(1, 3).map((k) => units.name(k)).join(", ")}${bending.length > 3 ? ", …" : ""}` : "";
        item.append(
          make("span", { class: "inequality numbers", text: row ? inequalityText(row, said.axes) : `piece ${code[unit]}, ${there} across` }),
          make("span", { class: "from", text: `${units.name(unit)}, layer ${units.layerOf(unit) + 1}${more}` }),
          make("button", { type: "button", "aria-label": `Go to region ${across}`, text: `${across} →`, on: { click: () => this.go(across) } }),
        );
      }
      list.append(item);
    }
    const own = sides.filter((side) => side.edge >= 0).length;
    this.body.append(make("h3", { text: count(own, "side") }), list);
  }

  addCode(units, code) {
    this.body.append(make("h3", { text: `Code, ${count(units.count, "unit")}` }));
    for (let l = 0; l < units.layers; l++) {
      const part = code.slice(units.layerStart[l], units.layerStart[l + 1]);
      const wide = part.some((v) => v > 9), most = 600;
      let text = Array.from(part.subarray(0, most)).join(wide ? " " : "");
      if (!wide) text = text.replace(/(.{8})(?=.)/g, "$1 ");
      if (part.length > most) text += ` … (${part.length} units)`;
      this.body.append(make("code", { class: "code", text }));
    }
  }
}
