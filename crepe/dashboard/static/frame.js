// Frames as crepe/dashboard/frames.py packs them.

const KINDS = {
  float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array,
};

export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let at = 4 + length;
  for (const { name, dtype, shape } of head.arrays) {
    const Kind = KINDS[dtype];
    const n = shape.reduce((a, b) => a * b, 1);
    // A view and no copy, which needs the alignment that the padding to 8 bytes gives.
    arrays[name] = { data: new Kind(buffer, at, n), shape };
    at += Math.ceil((n * Kind.BYTES_PER_ELEMENT) / 8) * 8;
  }
  return { head, arrays };
}

// Rows of columns that are numbered without end, of which the last `n` are kept.
export class Ring {
  constructor(n) {
    this.n = n;
    this.stop = 0;
    this.numbers = new Float64Array(n).fill(-1);
    this.rows = [];
  }

  add(first, stop, rows) {
    while (this.rows.length < rows.length) this.rows.push(new Float32Array(this.n));
    for (let c = first; c < stop; c++) {
      const at = c % this.n;
      this.numbers[at] = c;
      for (let r = 0; r < rows.length; r++) this.rows[r][at] = rows[r][c - first];
    }
    this.stop = stop;
  }

  get(row, column) {
    const at = column % this.n;
    if (column < 0 || this.numbers[at] !== column) return null;
    const value = this.rows[row][at];
    return Number.isNaN(value) ? null : value;
  }
}

export function rowsOf({ data, shape }) {
  const [n, width] = shape;
  return Array.from({ length: n }, (_, r) => data.subarray(r * width, (r + 1) * width));
}
