// The network on a region: affine maps from the program and a code, in float64.
// Rows are over (1, s, t), the picture's coordinates: three numbers each.

async function readForms(said) {
  const [start, index, value, constant] = await Promise.all(
    [column(said.start), column(said.index), floats(said.value), floats(said.constant)],
  );
  return { start, index, value, constant, width: said.width, length: constant.length };
}

/** Rows of affine forms over rows of a state. */
function applied(forms, state) {
  const { start, index, value, constant } = forms, n = constant.length;
  const out = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    let c = constant[i], s = 0, t = 0;
    for (let e = start[i]; e < start[i + 1]; e++) {
      const v = value[e], k = 3 * index[e];
      c += v * state[k];
      s += v * state[k + 1];
      t += v * state[k + 2];
    }
    out[3 * i] = c;
    out[3 * i + 1] = s;
    out[3 * i + 2] = t;
  }
  return out;
}

/** The transpose: a row over the forms becomes one over the state. */
function transposed(forms, row) {
  const { start, index, value } = forms;
  const out = new Float64Array(forms.width);
  for (let i = 0; i < row.length; i++) {
    const factor = row[i];
    if (factor !== 0) for (let e = start[i]; e < start[i + 1]; e++) out[index[e]] += factor * value[e];
  }
  return out;
}

class Network {
  static async read(said) {
    const layers = [];
    for (const layer of said.layers) {
      const [keep, lead, start, member] = await Promise.all(
        [layer.keep, layer.lead, layer.start, layer.member].map(column),
      );
      const [slope, offset, shift] = await Promise.all(
        [layer.slope, layer.offset, layer.shift].map(floats),
      );
      const members = await readForms(layer.members);
      layers.push({ members, keep, lead, start, member, slope, offset, shift });
    }
    const forms = await readForms(said.inputs);
    return new Network(layers, forms, await readForms(said.output), said.coefficients);
  }

  constructor(layers, forms, output, size) {
    Object.assign(this, { layers, forms, output, size });
    this.inputs = new Float64Array(3 * forms.length); // x over (1, s, t)
    for (let i = 0; i < forms.length; i++) {
      this.inputs[3 * i] = forms.constant[i];
      for (let e = forms.start[i]; e < forms.start[i + 1]; e++) {
        this.inputs[3 * i + 1 + forms.index[e]] = forms.value[e];
      }
    }
    this.starts = [0];
    for (const layer of layers) this.starts.push(this.starts.at(-1) + layer.start.length - 1);
  }

  /** Members of all layers, and the outputs, as rows on the region of a code. */
  rows(code) {
    let state = this.inputs;
    const members = [];
    this.layers.forEach((layer, l) => {
      const u = applied(layer.members, state), units = layer.start.length - 1;
      const next = new Float64Array(3 * (units + layer.keep.length));
      for (let k = 0; k < units; k++) {
        const p = layer.start[k] + code[this.starts[l] + k], m = 3 * layer.member[p];
        const slope = layer.slope[p];
        if (slope !== 0) for (let j = 0; j < 3; j++) next[3 * k + j] = slope * u[m + j];
        next[3 * k] += layer.offset[p];
      }
      for (let j = 0; j < layer.keep.length; j++) {
        const from = 3 * layer.keep[j];
        next.set(state.subarray(from, from + 3), 3 * (units + j));
      }
      members.push(u);
      state = next;
    });
    return { members, outputs: applied(this.output, state) };
  }

  /** The template of an output on the region of a code: its slope over the network's inputs. */
  template(code, output) {
    const row = new Float64Array(this.output.length);
    row[output] = 1;
    let g = transposed(this.output, row);
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l], units = layer.start.length - 1;
      const u = new Float64Array(layer.members.length);
      for (let k = 0; k < units; k++) {
        const p = layer.start[k] + code[this.starts[l] + k];
        u[layer.member[p]] += layer.slope[p] * g[k];
      }
      const before = transposed(layer.members, u);
      for (let j = 0; j < layer.keep.length; j++) before[layer.keep[j]] += g[units + j];
      g = before;
    }
    return g;
  }

  /** The condition on a side between two codes: a row that is positive on the side of the first. */
  side(members, unit, here, there) {
    let l = 0;
    while (this.starts[l + 1] <= unit) l++;
    const layer = this.layers[l], k = unit - this.starts[l], first = layer.start[k], u = members[l];
    const row = [0, 0, 0];
    if (layer.lead[k] === 0) { // a spline: its member against the breakpoint between the pieces
      const p = first + Math.min(here, there), sign = here > there ? 1 : -1;
      for (let j = 0; j < 3; j++) row[j] = sign * u[3 * layer.member[p] + j];
      row[0] += sign * layer.shift[p];
    } else { // the greater (or lesser) of two members
      const a = 3 * layer.member[first + here], b = 3 * layer.member[first + there];
      for (let j = 0; j < 3; j++) row[j] = layer.lead[k] * (u[a + j] - u[b + j]);
    }
    return row;
  }

  /** The input at a point of the picture. */
  input(x, y) {
    const out = new Float64Array(this.forms.length), rows = this.inputs;
    for (let i = 0; i < out.length; i++) out[i] = rows[3 * i] + rows[3 * i + 1] * x + rows[3 * i + 2] * y;
    return out;
  }
}
