// What is at the pointer: the scores there, and of image networks the input and the template.

class PointerPane {
  constructor(place, images, scores) {
    Object.assign(this, { place, images, scores });
    this.rows = [];
    this.canvases = null;
  }

  clear() {
    this.place.textContent = "–";
    this.scores.replaceChildren();
    this.rows = [];
    this.images.hidden = true;
  }

  show(data, region, x, y) {
    const { said, network, codes } = data;
    this.place.textContent = `${said.axes[0]} = ${short(x, 6)}, ${said.axes[1]} = ${short(y, 6)}`;
    if (region < 0 || !network) {
      this.scores.replaceChildren();
      this.rows = [];
      this.images.hidden = true;
      return;
    }
    if (this.of !== data.number || this.region !== region) {
      this.of = data.number;
      this.region = region;
      this.code = codes.of(region);
      this.outputs = network.rows(this.code).outputs;
      this.template = null;
    }
    const values = [];
    for (let k = 0; k < this.outputs.length; k += 3) {
      values.push(this.outputs[k] + this.outputs[k + 1] * x + this.outputs[k + 2] * y);
    }
    const best = values.length > 1 ? values.indexOf(Math.max(...values)) : 0;
    this.showScores(values, best);
    if (said.image) this.showImages(data, best, network.input(x, y));
    else this.images.hidden = true;
  }

  showScores(values, best) {
    const shown = Math.min(values.length, 20);
    if (this.rows.length !== shown) {
      this.rows = [];
      for (let c = 0; c < shown; c++) {
        const bar = make("span", { class: "bar" });
        const value = make("span", { class: "value numbers" });
        const row = make("div", { class: "score" }, make("span", { text: values.length > 1 ? `f[${c}]` : "f" }),
          make("span", { class: "track" }, bar), value);
        this.rows.push({ row, bar, value });
      }
      this.scores.replaceChildren(...this.rows.map((r) => r.row));
      if (values.length > shown) this.scores.append(make("p", { class: "note", text: `and ${values.length - shown} more outputs` }));
    }
    const low = Math.min(0, ...values), high = Math.max(0, ...values), span = high - low || 1;
    this.rows.forEach(({ row, bar, value }, c) => {
      const a = (Math.min(0, values[c]) - low) / span, b = (Math.max(0, values[c]) - low) / span;
      bar.style.left = `${100 * a}%`;
      bar.style.width = `${100 * (b - a)}%`;
      value.textContent = short(values[c]);
      row.classList.toggle("best", values.length > 1 && c === best);
    });
  }

  showImages(data, best, input) {
    const { image } = data.said, [channels, height, width] = image.shape;
    if (!this.canvases) {
      this.canvases = ["input", "template"].map((name) => {
        const canvas = make("canvas", { role: "img", "aria-label": name });
        const caption = make("figcaption", { text: name });
        this.images.append(make("figure", {}, canvas, caption));
        return { canvas, caption };
      });
    }
    this.images.hidden = false;
    const [shown, slope] = this.canvases;
    for (const { canvas } of this.canvases) {
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    paint(shown.canvas, input, channels, (v) => (255 * (v - image.low)) / (image.high - image.low));
    shown.caption.textContent = "input";
    if (!this.template || this.best !== best) {
      this.template = data.network.template(this.code, best);
      this.best = best;
      const size = this.template.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || 1;
      if (channels === 1) paintDiverging(slope.canvas, this.template, size);
      else paint(slope.canvas, this.template, channels, (v) => 127.5 + (127.5 * v) / size);
      slope.caption.textContent = `template of ${data.said.outputs > 1 ? `f[${best}]` : "f"}, up to ±${short(size, 3)}`;
    }
  }
}

/** An image of one or three channels, channels first. */
function paint(canvas, values, channels, grey) {
  const { width, height } = canvas, n = width * height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = grey(values[channels === 3 ? c * n + i : i]);
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

function paintDiverging(canvas, values, size) {
  const { width, height } = canvas, colours = RAMPS.diverging;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const k = Math.round(127.5 + (127.5 * values[i]) / size);
    picture.data.set(colours.subarray(4 * k, 4 * k + 4), 4 * i);
  }
  context.putImageData(picture, 0, 0);
}
