// Colours that most people tell apart: lightness, and blue against yellow or orange.

const SEQUENTIAL = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884",
  "#44bf70", "#7ad151", "#bddf26", "#fde725"];
const DIVERGING = ["#17427f", "#3b6db3", "#7ea3d3", "#bfd2e9", "#f3f2ee", "#f3cfa6", "#e09b57",
  "#b96420", "#7c3a06"];
const CLASSES = ["#4477aa", "#ddaa33", "#66ccee", "#bb5566", "#228833", "#bbbbbb", "#332288",
  "#ee99aa", "#999933", "#004488", "#eecc66", "#882255"];

function rgb(hex) {
  const v = parseInt(hex.slice(1), 16);
  return [v >> 16, (v >> 8) & 255, v & 255];
}

function ramp(stops, size = 256) {
  const parsed = stops.map(rgb), out = new Uint8Array(size * 4);
  for (let i = 0; i < size; i++) {
    const at = (i / (size - 1)) * (parsed.length - 1);
    const k = Math.min(Math.floor(at), parsed.length - 2), share = at - k;
    for (let c = 0; c < 3; c++) {
      out[4 * i + c] = Math.round(parsed[k][c] * (1 - share) + parsed[k + 1][c] * share);
    }
    out[4 * i + 3] = 255;
  }
  return out;
}

function fromOklab(L, a, b) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((v) => {
    const clipped = Math.min(1, Math.max(0, v));
    const curved = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(255 * curved);
  });
}

/** A palette for labels: many colours that differ in lightness and between blue and yellow. */
const LABELS = (() => {
  const out = new Uint8Array(256 * 4);
  for (let i = 0; i < 256; i++) {
    const warm = (i & 15) / 15, light = ((i >> 4) & 15) / 15;
    const b = -0.085 + 0.17 * warm;
    const [r, g, blue] = fromOklab(0.66 + 0.28 * light, -0.012 + 0.02 * warm, b * (1.05 - 0.35 * light));
    out.set([r, g, blue, 255], 4 * i);
  }
  return out;
})();

const RAMPS = { sequential: ramp(SEQUENTIAL), logarithmic: ramp(SEQUENTIAL), diverging: ramp(DIVERGING) };

/** The scale of a quantity: its ends, and from a number to a place in a ramp of 256 colours. */
class Scale {
  constructor(quantity) {
    this.kind = quantity.kind;
    this.low = quantity.low;
    this.high = quantity.high;
    this.clippedLow = quantity.least < quantity.low;
    this.clippedHigh = quantity.most > quantity.high;
    if (this.kind === "diverging") { // white is 0
      const size = Math.max(Math.abs(this.low), Math.abs(this.high)) || 1;
      this.clippedLow = quantity.least < -size;
      this.clippedHigh = quantity.most > size;
      this.low = -size;
      this.high = size;
    }
    if (!(this.high > this.low)) this.high = this.low + (Math.abs(this.low) || 1);
    const log = this.kind === "logarithmic";
    this.a = log ? Math.log(this.low) : this.low;
    this.b = log ? Math.log(this.high) : this.high;
  }

  place(value) {
    const v = this.kind === "logarithmic" ? Math.log(value) : value;
    if (Number.isNaN(v)) return -1;
    return Math.round(255 * Math.min(1, Math.max(0, (v - this.a) / (this.b - this.a))));
  }
}

/** The colours of all regions, in RGBA, for one quantity. */
function coloursOf(quantity, scale, values, hash, out) {
  const n = hash.length;
  const put = (i, from, k) => {
    out[4 * i] = from[4 * k]; out[4 * i + 1] = from[4 * k + 1];
    out[4 * i + 2] = from[4 * k + 2]; out[4 * i + 3] = 255;
  };
  if (quantity === null) { // none: the paper
    out.fill(0);
  } else if (quantity.kind === "labels") {
    for (let i = 0; i < n; i++) put(i, LABELS, hash[values ? values[i] : i] >> 8);
  } else if (quantity.kind === "classes") {
    for (let i = 0; i < n; i++) {
      const [r, g, b] = classColour(values[i]);
      out[4 * i] = r; out[4 * i + 1] = g; out[4 * i + 2] = b; out[4 * i + 3] = 255;
    }
  } else {
    const colours = RAMPS[quantity.kind];
    for (let i = 0; i < n; i++) {
      const k = scale.place(values[i]);
      if (k < 0) out.fill(128, 4 * i, 4 * i + 3), out[4 * i + 3] = 255;
      else put(i, colours, k);
    }
  }
  return out;
}

const CLASS_COLOURS = CLASSES.map(rgb);

function classColour(c) {
  return CLASS_COLOURS[c % CLASS_COLOURS.length];
}
