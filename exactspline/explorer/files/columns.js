// Columns: from base64 in the page to typed arrays; `pack.py` has written them.

const TYPES = {
  Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
};

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The column that the page describes by {block, type, length, differences}. */
async function column(said) {
  const text = document.getElementById(`block-${said.block}`).textContent;
  const raw = await inflated(fromBase64(text));
  const Kind = TYPES[said.type], size = Kind.BYTES_PER_ELEMENT, n = said.length;
  const bytes = new Uint8Array(n * size);
  for (let b = 0; b < size; b++) {
    const from = b * n; // bytes of one weight stand together
    for (let i = 0, to = b; i < n; i++, to += size) bytes[to] = raw[from + i];
  }
  const values = new Kind(bytes.buffer);
  if (said.differences) for (let i = 1; i < n; i++) values[i] += values[i - 1];
  return values;
}

/** A column of floats, of which few may be different ones. */
async function floats(said) {
  if (said.block !== undefined) return column(said);
  const [values, index] = await Promise.all([column(said.values), column(said.index)]);
  const out = new Float64Array(index.length);
  for (let i = 0; i < out.length; i++) out[i] = values[index[i]];
  return out;
}

/** The pieces of all units of all regions, in bits. */
class Codes {
  static async read(said, regions) {
    const [constant, varying, bits, rows] = await Promise.all(
      [said.constant, said.varying, said.bits, said.rows].map(column),
    );
    for (let b = 0; b < said.bytes; b++) { // each byte was kept by what differs from the row before
      const end = (b + 1) * regions;
      for (let i = b * regions + 1; i < end; i++) rows[i] ^= rows[i - 1];
    }
    return new Codes(constant, varying, bits, rows, regions);
  }

  constructor(constant, varying, bits, rows, regions) {
    this.units = constant.length;
    this.constant = constant;
    this.rows = rows;
    this.regions = regions;
    this.first = new Int32Array(this.units).fill(-1); // the first bit of a unit that varies
    this.width = new Uint8Array(this.units);
    let at = 0;
    for (let i = 0; i < varying.length; i++) {
      this.first[varying[i]] = at;
      this.width[varying[i]] = bits[i];
      at += bits[i];
    }
  }

  /** The piece of one unit on a region. */
  piece(region, unit) {
    const first = this.first[unit];
    if (first < 0) return this.constant[unit];
    let out = 0;
    for (let b = 0; b < this.width[unit]; b++) {
      const bit = first + b;
      out |= ((this.rows[(bit >> 3) * this.regions + region] >> (7 - (bit & 7))) & 1) << b;
    }
    return out;
  }

  /** The code of a region. */
  of(region) {
    const out = new Uint16Array(this.units);
    for (let k = 0; k < out.length; k++) out[k] = this.piece(region, k);
    return out;
  }
}
