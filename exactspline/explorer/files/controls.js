// The controls: colours with their scale, lines by layer, one unit, search; and the link in the
// address bar, which holds all of it.

const by = (id) => document.getElementById(id);

/** The scale of a quantity under the choice of colours. */
function showLegend(element, quantity, scale, values) {
  element.replaceChildren();
  if (!quantity || quantity.kind === "labels") {
    if (quantity) element.append(make("p", { class: "note", text: quantity.note ?? "one colour a piece; equal colours may occur" }));
    return;
  }
  if (quantity.kind === "classes") {
    const seen = [...new Set(values)].sort((a, b) => a - b), list = make("div", { class: "swatches" });
    for (const c of seen.slice(0, 24)) {
      const swatch = make("span", { class: "swatch" }), [r, g, b] = classColour(c);
      swatch.style.background = `rgb(${r},${g},${b})`;
      list.append(make("span", {}, swatch, quantity.names?.[c] ?? String(c)));
    }
    element.append(list);
    return;
  }
  const bar = make("canvas", { role: "img", "aria-label": `scale from ${short(scale.low)} to ${short(scale.high)}` });
  bar.width = 256;
  bar.height = 1;
  const context = bar.getContext("2d"), picture = context.createImageData(256, 1);
  picture.data.set(RAMPS[quantity.kind]);
  context.putImageData(picture, 0, 0);
  const middle = quantity.kind === "logarithmic" ? Math.sqrt(scale.low * scale.high) : (scale.low + scale.high) / 2;
  element.append(bar, make("div", { class: "ticks" },
    make("span", { text: `${scale.clippedLow ? "≤ " : ""}${short(scale.low, 3)}` }),
    make("span", { text: short(middle, 3) }),
    make("span", { text: `${scale.clippedHigh ? "≥ " : ""}${short(scale.high, 3)}` })));
}

/** What a query asks for: {region} or {point}, or {error} in words. */
function readQuery(text, n) {
  const cleaned = text.trim().replace(/^#/, "").replace(/−/g, "-");
  if (/^\d+$/.test(cleaned)) {
    const region = Number(cleaned);
    return region < n ? { region } : { error: `There are ${n.toLocaleString("en")} regions, from 0 to ${n - 1}.` };
  }
  const parts = cleaned.split(/[,;\s]+/).filter(Boolean).map(Number);
  if (parts.length === 2 && parts.every(Number.isFinite)) return { point: parts };
  return { error: "Give a region's number, or a point: x, y." };
}

/** The state in the address bar. */
function readLink() {
  const out = {};
  for (const part of location.hash.slice(1).split("&")) {
    const [key, value] = part.split("=");
    if (!key || value === undefined) continue;
    try { out[key] = decodeURIComponent(value); } catch { /* not ours */ }
  }
  return out;
}

function writeLink(state) {
  const text = Object.entries(state).filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  if (`#${text}` === location.hash) return;
  try { history.replaceState(null, "", `#${text}`); } catch { /* inside a sandbox there is no address */ }
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const numberOf = (text) => (text !== undefined && NUMBER.test(text) ? Number(text) : NaN);
