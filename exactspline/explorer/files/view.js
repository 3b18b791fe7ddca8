// The view: where the picture is, how pointers and keys move it, and the axes around it.

const MARGIN = { left: 62, right: 14, top: 22, bottom: 34 };
const KEY_STEP = 0.12; // of the picture's width

class View {
  constructor(bounds) {
    this.x = 0; // centre
    this.y = 0;
    this.perPixel = 1;
    this.width = 300;
    this.height = 200;
    this.setBounds(bounds, 0);
  }

  /** Where the picture is, and how far corners are off at most. */
  setBounds(bounds, error) {
    this.bounds = bounds;
    this.error = error;
    const [x0, y0, x1, y1] = bounds, ratio = (y1 - y0) / (x1 - x0);
    // one scale for both axes, unless one extent is much longer
    this.stretch = ratio > 0.2 && ratio < 5 ? 1 : ratio || 1;
  }

  fit(box, room = 1.04) {
    const [x0, y0, x1, y1] = box;
    this.x = (x0 + x1) / 2;
    this.y = (y0 + y1) / 2;
    this.perPixel = Math.max(((x1 - x0) * room) / this.width,
      ((y1 - y0) * room) / this.height / this.stretch) || 1;
  }

  get halfX() { return (this.perPixel * this.width) / 2; }
  get halfY() { return (this.perPixel * this.stretch * this.height) / 2; }
  get frame() { return [this.x - this.halfX, this.y - this.halfY, this.x + this.halfX, this.y + this.halfY]; }

  /** From pixels of the picture, from its upper left corner, to a point. */
  point(px, py) {
    return [this.x + (px - this.width / 2) * this.perPixel,
      this.y - (py - this.height / 2) * this.perPixel * this.stretch];
  }

  pixel(x, y) {
    return [this.width / 2 + (x - this.x) / this.perPixel,
      this.height / 2 - (y - this.y) / (this.perPixel * this.stretch)];
  }

  moveBy(dx, dy) {
    this.x -= dx * this.perPixel;
    this.y += dy * this.perPixel * this.stretch;
    this.keepInside();
  }

  /** Zoom so that the point under a pixel stays there. */
  zoomAt(px, py, factor) {
    const [x, y] = this.point(px, py);
    const size = Math.max(Math.abs(this.x), this.perPixel * this.width, 1e-300);
    const [x0, y0, x1, y1] = this.bounds;
    const most = 3 * Math.max((x1 - x0) / this.width, (y1 - y0) / this.height / this.stretch);
    const least = Math.max(size * 2e-15, 4 * this.error); // corners are known down to there
    const next = Math.min(most, Math.max(least, this.perPixel / factor));
    const share = next / this.perPixel;
    this.perPixel = next;
    this.x = x + (this.x - x) * share;
    this.y = y + (this.y - y) * share;
    this.keepInside();
  }

  keepInside() {
    const [x0, y0, x1, y1] = this.bounds;
    this.x = Math.min(x1, Math.max(x0, this.x));
    this.y = Math.min(y1, Math.max(y0, this.y));
  }
}

/** Short text of a number. */
function short(value, digits = 4) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4
    ? value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e")
    : String(Number(value.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

function ticksOf(low, high, most) {
  const raw = (high - low) / Math.max(1, most), base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw * 0.999);
  const out = [], digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(k * step);
  const size = Math.max(Math.abs(low), Math.abs(high));
  const text = (v) => digits > 7 || size >= 1e6
    ? v.toExponential(Math.max(0, Math.min(16, Math.ceil(Math.log10(size / step)))))
    : v.toFixed(Math.min(20, digits));
  // with an origin and a power of ten apart where all numbers would be long and alike
  const apart = size / step > 1e5;
  const origin = apart ? out[Math.floor(out.length / 2)] ?? (low + high) / 2 : null;
  const power = apart ? Math.floor(Math.log10(step)) : 0;
  const label = (v) => apart
    ? short(Math.round((v - origin) / 10 ** power), 6)
    : text(Math.abs(v) < step / 1e6 ? 0 : v).replace("-", "−");
  return { values: out, label, origin, power };
}

/** Frame, ticks and names of the axes. */
function drawAxes(context, view, names, colours) {
  const { left, top } = MARGIN, { width, height } = view, [x0, y0, x1, y1] = view.frame;
  context.save();
  context.strokeStyle = colours.line;
  context.fillStyle = colours.soft;
  context.lineWidth = 1;
  context.font = "11px system-ui, sans-serif";
  context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  const across = ticksOf(x0, x1, width / 90), up = ticksOf(y0, y1, height / 60);
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const v of across.values) {
    const px = Math.round(left + view.pixel(v, 0)[0]) + 0.5;
    context.beginPath();
    context.moveTo(px, top + height + 1);
    context.lineTo(px, top + height + 5);
    context.stroke();
    context.fillText(across.label(v), px, top + height + 7);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const v of up.values) {
    const py = Math.round(top + view.pixel(0, v)[1]) + 0.5;
    context.beginPath();
    context.moveTo(left - 1, py);
    context.lineTo(left - 5, py);
    context.stroke();
    context.fillText(up.label(v), left - 8, py);
  }
  context.fillStyle = colours.ink;
  context.textBaseline = "bottom";
  const say = (name, { origin, power }) => (origin === null ? name
    : `${name} = ${origin.toPrecision(14).replace("-", "−")} + … × 1e${power}`);
  context.fillText(say(names[0], across), left + width, top + height + MARGIN.bottom);
  context.textAlign = "left";
  context.fillText(say(names[1], up), left, top - 5);
  context.restore();
}

/** Pointers: drag, wheel, pinch, hover, tap. `on` has moved, hover, leave, tap. */
function listenToPointers(stage, view, on) {
  const down = new Map();
  let travelled = 0, last = null;
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - MARGIN.left, event.clientY - box.top - MARGIN.top];
  };
  const inside = ([px, py]) => px >= 0 && py >= 0 && px < view.width && py < view.height;
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const delta = Math.max(-300, Math.min(300, event.deltaY * lines));
    view.zoomAt(...at(event), Math.exp(-delta * (event.ctrlKey ? 0.01 : 0.002)));
    on.moved();
    on.hover(...at(event));
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, at(event));
    travelled = down.size > 1 ? Infinity : 0;
    try { stage.setPointerCapture(event.pointerId); } catch { /* a made-up pointer */ }
  });
  stage.addEventListener("pointermove", (event) => {
    const here = at(event), before = down.get(event.pointerId);
    if (!before) {
      if (inside(here)) on.hover(...here);
      else on.leave();
      return;
    }
    if (down.size === 1) {
      travelled += Math.hypot(here[0] - before[0], here[1] - before[1]);
      if (travelled > 4) {
        view.moveBy(here[0] - before[0], here[1] - before[1]);
        on.moved();
      }
    } else {
      const [a, b] = [...down.values()];
      const other = [...down.entries()].find(([id]) => id !== event.pointerId)[1];
      const size = Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      const next = Math.hypot(here[0] - other[0], here[1] - other[1]) || 1;
      view.zoomAt((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, next / size);
      view.moveBy((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
      on.moved();
    }
    if (travelled > 4 || down.size > 1) down.set(event.pointerId, here);
  });
  const up = (event) => {
    const was = down.delete(event.pointerId);
    last = at(event);
    if (was && travelled <= 4 && event.type === "pointerup" && inside(last)) on.tap(...last);
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => on.leave());
  stage.addEventListener("dblclick", (event) => {
    view.zoomAt(...at(event), 2);
    on.moved();
  });
}
