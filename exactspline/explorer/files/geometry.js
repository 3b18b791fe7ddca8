// The faces and edges of a complex, blocks of faces that lie together, and levels: what is drawn,
// in float32 about an origin of its own. Columns are float64; a level is made anew for every depth
// of zoom, and cut at its frame, so that float32 is always precise to a small part of a pixel.

const BLOCK = 512; // faces

class Geometry {
  static async read(said, sides) {
    const names = ["points", "counts", "origin", "edge", "unit", "border", "cut"];
    const columns = await Promise.all(names.map((name) => column(said[name])));
    const read = Object.fromEntries(names.map((name, i) => [name, columns[i]]));
    return new Geometry(said, read, sides);
  }

  constructor(said, { points, counts, origin, edge, unit, border, cut }, sides) {
    const n = counts.length, edges = said.edges;
    Object.assign(this, { points, origin, edge, unit, n, edges, sides });
    this.window = said.window;
    this.cut = new Set(cut);
    this.start = new Uint32Array(n + 1);
    for (let i = 0; i < n; i++) this.start[i + 1] = this.start[i] + counts[i];
    this.left = new Int32Array(edges).fill(-1); // faces of an edge
    this.right = new Int32Array(edges).fill(-1);
    this.tail = new Int32Array(edges).fill(-1); // its ends within the window
    this.head = new Int32Array(edges).fill(-1);
    for (let f = 0; f < n; f++) {
      const a = this.start[f], b = this.start[f + 1];
      for (let h = a; h < b; h++) {
        const e = edge[h];
        if (e < 0) continue;
        if (this.left[e] < 0) {
          this.left[e] = f;
          this.tail[e] = origin[h];
          this.head[e] = origin[h + 1 < b ? h + 1 : a];
        } else this.right[e] = f;
      }
    }
    this.sideOf = new Map(); // the domain's side of an edge in the border
    let at = 0;
    for (let e = 0; e < edges; e++) if (unit[e] < 0) this.sideOf.set(e, border[at++]);
    this.bounds = this.boxOf(points);
    this.sortFaces();
  }

  boxOf(points) {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i += 2) {
      x0 = Math.min(x0, points[i]); x1 = Math.max(x1, points[i]);
      y0 = Math.min(y0, points[i + 1]); y1 = Math.max(y1, points[i + 1]);
    }
    if (this.window) [x0, y0, x1, y1] = this.window;
    return [x0, y0, x1, y1];
  }

  /** Box of a face, into `box`. */
  faceBox(f, box) {
    let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
    for (let h = this.start[f]; h < this.start[f + 1]; h++) {
      const x = this.points[2 * this.origin[h]], y = this.points[2 * this.origin[h] + 1];
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    box[0] = x0; box[1] = y0; box[2] = x1; box[3] = y1;
  }

  /** Faces in the order of a curve that fills the plane, in blocks with a box each. */
  sortFaces() {
    const { n } = this, box = [0, 0, 0, 0], keys = new Float64Array(n);
    // quantiles of corners, so that a few far ones do not put all others into one cell
    const [x0, y0, x1, y1] = this.middle();
    const spread = (v) => {
      v = (v | (v << 8)) & 0x00ff00ff;
      v = (v | (v << 4)) & 0x0f0f0f0f;
      v = (v | (v << 2)) & 0x33333333;
      return (v | (v << 1)) & 0x55555555;
    };
    const cell = (v, a, b) => Math.min(4095, Math.max(0, Math.floor((4096 * (v - a)) / (b - a || 1))));
    for (let f = 0; f < n; f++) {
      this.faceBox(f, box);
      const x = cell((box[0] + box[2]) / 2, x0, x1), y = cell((box[1] + box[3]) / 2, y0, y1);
      keys[f] = (spread(x) + 2 * spread(y)) * 4194304 + f;
    }
    keys.sort();
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.order[i] = keys[i] % 4194304;
    const blocks = Math.ceil(n / BLOCK);
    this.boxes = new Float64Array(4 * blocks);
    for (let b = 0; b < blocks; b++) {
      const all = [Infinity, Infinity, -Infinity, -Infinity];
      for (let i = b * BLOCK; i < Math.min(n, (b + 1) * BLOCK); i++) {
        this.faceBox(this.order[i], box);
        all[0] = Math.min(all[0], box[0]); all[1] = Math.min(all[1], box[1]);
        all[2] = Math.max(all[2], box[2]); all[3] = Math.max(all[3], box[3]);
      }
      this.boxes.set(all, 4 * b);
    }
  }

  /** Where most corners are: the window, or a box from quantiles if a few corners lie far out. */
  middle() {
    if (!this.window) return this.bounds;
    const step = Math.max(1, Math.floor(this.points.length / 2 / 5000)), xs = [], ys = [];
    for (let i = 0; i < this.points.length / 2; i += step) {
      const x = this.points[2 * i], y = this.points[2 * i + 1], [a, b, c, d] = this.window;
      if (x > a && x < c && y > b && y < d) xs.push(x), ys.push(y);
    }
    if (xs.length < 3) return this.window;
    const box = [xs, ys].map((v) => {
      v.sort((p, q) => p - q);
      const at = (share) => v[Math.round(share * (v.length - 1))];
      const low = at(0.04), high = at(0.96), room = 0.35 * (high - low);
      return [low - room, high + room];
    });
    const out = [box[0][0], box[1][0], box[0][1], box[1][1]];
    if (!(out[2] > out[0] && out[3] > out[1])) return this.window;
    const [a, b, c, d] = this.window;
    if (c - a <= 4 * (out[2] - out[0]) && d - b <= 4 * (out[3] - out[1])) return this.window;
    return [Math.max(out[0], a), Math.max(out[1], b), Math.min(out[2], c), Math.min(out[3], d)];
  }

  /** The face that holds a point, or -1. */
  locate(x, y) {
    for (let b = 0; b < this.boxes.length / 4; b++) {
      const [x0, y0, x1, y1] = this.boxes.subarray(4 * b, 4 * b + 4);
      if (x < x0 || x > x1 || y < y0 || y > y1) continue;
      for (let i = b * BLOCK; i < Math.min(this.n, (b + 1) * BLOCK); i++) {
        if (this.holds(this.order[i], x, y)) return this.order[i];
      }
    }
    return -1;
  }

  holds(f, x, y) {
    const a = this.start[f], b = this.start[f + 1];
    if (b - a < 3) return false;
    for (let h = a; h < b; h++) {
      const p = 2 * this.origin[h], q = 2 * this.origin[h + 1 < b ? h + 1 : a];
      const px = this.points[p] - x, py = this.points[p + 1] - y;
      const qx = this.points[q] - x, qy = this.points[q + 1] - y;
      if (px * qy - py * qx < 0) return false;
    }
    return true;
  }

  /** The ends of an edge, [x, y, x, y]. */
  segment(e) {
    const p = 2 * this.tail[e], q = 2 * this.head[e];
    return [this.points[p], this.points[p + 1], this.points[q], this.points[q + 1]];
  }

  /** Edges of one unit that go straight on through corners, as one line each: fewer to draw.
      Flat: layer, x, y, x, y. Only for the whole picture, where a turn of 1e-7 is not seen. */
  straightLines(layerOf) {
    const { edges, unit, points } = this, ends = 2 * edges;
    const first = new Int32Array(points.length / 2).fill(-1), next = new Int32Array(ends);
    const corner = (end) => (end & 1 ? this.head[end >> 1] : this.tail[end >> 1]);
    for (let end = 0; end < ends; end++) { // the ends at every corner, as lists
      const c = corner(end);
      if (c < 0) continue;
      next[end] = first[c];
      first[c] = end;
    }
    const partner = new Int32Array(ends).fill(-1);
    for (let c = 0; c < first.length; c++) {
      for (let a = first[c]; a >= 0; a = next[a]) {
        if (partner[a] >= 0) continue;
        for (let b = next[a]; b >= 0; b = next[b]) {
          if (partner[b] >= 0 || unit[a >> 1] !== unit[b >> 1]) continue;
          const p = 2 * corner(a ^ 1), q = 2 * corner(b ^ 1);
          const ax = points[p] - points[2 * c], ay = points[p + 1] - points[2 * c + 1];
          const bx = points[q] - points[2 * c], by = points[q + 1] - points[2 * c + 1];
          const turn = ax * by - ay * bx, along = ax * bx + ay * by;
          if (along < 0 && Math.abs(turn) <= -1e-7 * along) {
            partner[a] = b;
            partner[b] = a;
            break;
          }
        }
      }
    }
    const seen = new Uint8Array(edges), out = [];
    for (let e = 0; e < edges; e++) {
      if (seen[e] || this.tail[e] < 0) continue;
      const reach = [2 * e, 2 * e + 1].map((end) => { // the far end, this way and that way
        for (;;) {
          seen[end >> 1] = 1;
          const following = partner[end];
          if (following < 0 || seen[following >> 1]) return corner(end);
          end = following ^ 1;
        }
      });
      const [p, q] = reach.map((c) => 2 * c);
      out.push(layerOf(e), points[p], points[p + 1], points[q], points[q + 1]);
    }
    return out;
  }

  /** Corners of a face, flat. */
  polygon(f) {
    const out = [];
    for (let h = this.start[f]; h < this.start[f + 1]; h++) {
      out.push(this.points[2 * this.origin[h]], this.points[2 * this.origin[h] + 1]);
    }
    return out;
  }

  /** Area and centre of mass of a face within the window. */
  measure(f) {
    const p = this.polygon(f), m = p.length / 2;
    if (m === 0) return { area: 0, x: NaN, y: NaN };
    let area = 0, x = 0, y = 0;
    const [ox, oy] = p;
    for (let i = 0; i < m; i++) {
      const j = (i + 1) % m;
      const ax = p[2 * i] - ox, ay = p[2 * i + 1] - oy, bx = p[2 * j] - ox, by = p[2 * j + 1] - oy;
      const turn = ax * by - ay * bx;
      area += turn;
      x += turn * (ax + bx);
      y += turn * (ay + by);
    }
    if (area > 0) return { area: area / 2, x: ox + x / (3 * area), y: oy + y / (3 * area) };
    let sx = 0, sy = 0;
    for (let i = 0; i < m; i++) sx += p[2 * i] - ox, sy += p[2 * i + 1] - oy;
    return { area: 0, x: ox + sx / m, y: oy + sy / m };
  }

  /** The sides of a face: {edge, face across or -1}; -1 for a side of the window. */
  sidesOf(f) {
    const out = [];
    for (let h = this.start[f]; h < this.start[f + 1]; h++) {
      const e = this.edge[h];
      out.push({ edge: e, across: e < 0 ? -1 : this.left[e] === f ? this.right[e] : this.left[e] });
    }
    return out;
  }
}

/** A convex polygon (flat) within a frame [x0, y0, x1, y1]. */
function cutPolygon(polygon, frame) {
  for (let side = 0; side < 4; side++) {
    const axis = side & 1, low = side < 2, bound = frame[side], out = [];
    const n = polygon.length;
    for (let i = 0; i < n; i += 2) {
      const j = i + 2 < n ? i + 2 : 0;
      const v = low ? polygon[i + axis] - bound : bound - polygon[i + axis];
      const w = low ? polygon[j + axis] - bound : bound - polygon[j + axis];
      if (v >= 0) out.push(polygon[i], polygon[i + 1]);
      if ((v < 0) !== (w < 0)) {
        const share = v / (v - w);
        const p = [polygon[i] + share * (polygon[j] - polygon[i]),
          polygon[i + 1] + share * (polygon[j + 1] - polygon[i + 1])];
        p[axis] = bound;
        out.push(p[0], p[1]);
      }
    }
    polygon = out;
    if (polygon.length < 6) return [];
  }
  return polygon;
}

/** A segment [x, y, x, y] within a frame, or null. */
function cutSegment(s, frame) {
  let a = 0, b = 1;
  for (let side = 0; side < 4; side++) {
    const axis = side & 1, low = side < 2, bound = frame[side];
    const v = low ? s[axis] - bound : bound - s[axis];
    const w = low ? s[2 + axis] - bound : bound - s[2 + axis];
    if (v < 0 && w < 0) return null;
    if (v < 0) a = Math.max(a, v / (v - w));
    else if (w < 0) b = Math.min(b, v / (v - w));
  }
  if (a >= b) return null;
  const dx = s[2] - s[0], dy = s[3] - s[1];
  return [s[0] + a * dx, s[1] + a * dy, s[0] + b * dx, s[1] + b * dy];
}

/** What is drawn of a geometry within a frame, relative to its centre and half its size. */
class Level {
  constructor(geometry, layerOf, layers, frame) {
    const g = geometry, [x0, y0, x1, y1] = frame;
    this.frame = frame;
    this.x = (x0 + x1) / 2;
    this.y = (y0 + y1) / 2;
    this.half = Math.max(x1 - x0, y1 - y0) / 2 || 1;
    this.whole = x0 <= g.bounds[0] && y0 <= g.bounds[1] && x1 >= g.bounds[2] && y1 >= g.bounds[3];
    const chosen = this.chosen(g), box = [0, 0, 0, 0];
    let corners = 0, triangles = 0;
    const cuts = new Map(); // faces that leave the frame, as polygons
    for (const f of chosen) {
      let count = g.start[f + 1] - g.start[f];
      if (!this.whole) {
        g.faceBox(f, box);
        if (box[0] < x0 || box[1] < y0 || box[2] > x1 || box[3] > y1) {
          const polygon = cutPolygon(g.polygon(f), frame);
          cuts.set(f, polygon);
          count = polygon.length / 2;
        }
      }
      corners += count;
      triangles += Math.max(0, count - 2);
    }
    this.place = new Float32Array(2 * corners);
    this.face = new Uint32Array(corners);
    this.index = new Uint32Array(3 * triangles);
    this.blocks = []; // [first index, end, box]
    this.fill(g, chosen, cuts);
    this.lines(g, layerOf, layers, chosen);
  }

  chosen(g) {
    if (this.whole) return g.order;
    const [x0, y0, x1, y1] = this.frame, out = [], box = [0, 0, 0, 0];
    for (let b = 0; b < g.boxes.length / 4; b++) {
      const k = 4 * b;
      if (g.boxes[k] > x1 || g.boxes[k + 2] < x0 || g.boxes[k + 1] > y1 || g.boxes[k + 3] < y0) continue;
      for (let i = b * BLOCK; i < Math.min(g.n, (b + 1) * BLOCK); i++) {
        g.faceBox(g.order[i], box);
        if (box[0] <= x1 && box[2] >= x0 && box[1] <= y1 && box[3] >= y0) out.push(g.order[i]);
      }
    }
    return Uint32Array.from(out);
  }

  fill(g, chosen, cuts) {
    const { place, face, index, x, y } = this, scale = 1 / this.half;
    let v = 0, t = 0;
    for (let b = 0; b < chosen.length; b += BLOCK) {
      const first = t, from = v;
      for (let i = b; i < Math.min(chosen.length, b + BLOCK); i++) {
        const f = chosen[i], begin = v, polygon = cuts.get(f);
        if (polygon) {
          for (let k = 0; k < polygon.length; k += 2, v++) {
            place[2 * v] = (polygon[k] - x) * scale;
            place[2 * v + 1] = (polygon[k + 1] - y) * scale;
            face[v] = f;
          }
        } else {
          for (let h = g.start[f]; h < g.start[f + 1]; h++, v++) {
            const p = 2 * g.origin[h];
            place[2 * v] = (g.points[p] - x) * scale;
            place[2 * v + 1] = (g.points[p + 1] - y) * scale;
            face[v] = f;
          }
        }
        for (let k = begin + 1; k + 1 < v; k++) {
          index[t++] = begin;
          index[t++] = k;
          index[t++] = k + 1;
        }
      }
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      for (let k = from; k < v; k++) {
        box[0] = Math.min(box[0], place[2 * k]); box[2] = Math.max(box[2], place[2 * k]);
        box[1] = Math.min(box[1], place[2 * k + 1]); box[3] = Math.max(box[3], place[2 * k + 1]);
      }
      this.blocks.push([first, t, box]);
    }
  }

  /** Edges of the chosen faces, by layer; those in the border behind all layers. */
  lines(g, layerOf, layers, chosen) {
    const found = this.whole ? g.straightLines(layerOf) : [];
    if (!this.whole) {
      const seen = new Uint8Array(g.edges);
      for (const f of chosen) {
        for (let h = g.start[f]; h < g.start[f + 1]; h++) {
          const e = g.edge[h];
          if (e < 0 || seen[e]) continue;
          seen[e] = 1;
          const s = cutSegment(g.segment(e), this.frame);
          if (s) found.push(layerOf(e), s[0], s[1], s[2], s[3]);
        }
      }
    }
    const counts = new Uint32Array(layers + 2);
    for (let i = 0; i < found.length; i += 5) counts[found[i] + 1]++;
    for (let k = 0; k <= layers; k++) counts[k + 1] += counts[k];
    this.layerStart = counts.slice();
    this.length = new Float64Array(layers + 1); // of the lines of each layer, in the picture's units
    const segments = new Float32Array((found.length / 5) * 4), at = counts.slice();
    for (let i = 0; i < found.length; i += 5) {
      const layer = found[i], k = 4 * at[layer]++;
      this.length[layer] += Math.hypot(found[i + 3] - found[i + 1], found[i + 4] - found[i + 2]);
      segments[k] = (found[i + 1] - this.x) / this.half;
      segments[k + 1] = (found[i + 2] - this.y) / this.half;
      segments[k + 2] = (found[i + 3] - this.x) / this.half;
      segments[k + 3] = (found[i + 4] - this.y) / this.half;
    }
    this.segments = segments;
  }

  /** Segments of other lines (flat, float64), relative to this level. */
  relative(segments) {
    const out = [];
    for (let i = 0; i < segments.length; i += 4) {
      const s = cutSegment(segments.subarray(i, i + 4), this.frame);
      if (!s) continue;
      out.push((s[0] - this.x) / this.half, (s[1] - this.y) / this.half,
        (s[2] - this.x) / this.half, (s[3] - this.y) / this.half);
    }
    return Float32Array.from(out);
  }
}
