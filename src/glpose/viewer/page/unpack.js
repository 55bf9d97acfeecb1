// The scripts of the page are put one behind the other into one module, in the order of
// `viewer/html_page.py`; what a file declares is known to those behind it.

// Reads what viewer/packing.py has written: base64 of a zlib stream, which holds arrays in planes
// of bytes.

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The columns of an array, NaN where a value is missing. `Kind` is Float32Array, or Float64Array
// for numbers of more than seven digits.
function columnsOf(bytes, form, Kind = Float32Array) {
  const { at, rows, channels, planes, quantum } = form;
  const all = rows * channels;
  const columns = [];
  for (let c = 0; c < channels; c++) {
    const column = new Kind(rows);
    let value = 0;
    for (let r = 0; r < rows; r++) {
      let code = 0;
      for (let p = planes - 1; p >= 0; p--) code = code * 256 + bytes[at + p * all + c * rows + r];
      if (code === 0) {
        column[r] = NaN;
        continue;
      }
      const zigzag = code - 1;
      value += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
      column[r] = value * quantum;
    }
    columns.push(column);
  }
  return columns;
}
