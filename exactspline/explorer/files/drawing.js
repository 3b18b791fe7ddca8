// Drawing by WebGL2: faces in colours from a texture, ids into a buffer of their own, lines.

const FACE_VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in uint face;
uniform vec4 view; // scale and offset, to the clip space
uniform highp sampler2D colours;
uniform int columns;
flat out vec4 colour;
void main() {
  gl_Position = vec4(place * view.xy + view.zw, 0.0, 1.0);
  int i = int(face);
  colour = texelFetch(colours, ivec2(i % columns, i / columns), 0);
}`;
const ID_VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in uint face;
uniform vec4 view;
flat out vec4 colour;
void main() {
  gl_Position = vec4(place * view.xy + view.zw, 0.0, 1.0);
  uint i = face + 1u;
  colour = vec4(i & 255u, (i >> 8) & 255u, (i >> 16) & 255u, 255u) / 255.0;
}`;
const FLAT_FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 colour;
out vec4 result;
void main() { result = colour; }`;
const LINE_VERTEX = `#version 300 es
layout(location = 0) in vec4 ends;
uniform vec4 view;
uniform vec2 size; // of the picture, in pixels
uniform float width;
out float off;
void main() {
  vec2 p = (ends.xy * view.xy + view.zw) * size * 0.5, q = (ends.zw * view.xy + view.zw) * size * 0.5;
  vec2 along = q - p;
  float length_ = length(along);
  along = length_ > 0.0 ? along / length_ : vec2(1.0, 0.0);
  int corner = gl_VertexID & 3; // four vertices a line
  float side = (corner & 1) == 0 ? -1.0 : 1.0, end = corner < 2 ? -1.0 : 1.0;
  float reach = width * 0.5 + 0.7;
  vec2 at = (corner < 2 ? p : q) + vec2(-along.y, along.x) * side * reach + along * end * width * 0.3;
  off = side * reach;
  gl_Position = vec4(at / (size * 0.5), 0.0, 1.0);
}`;
const LINE_FRAGMENT = `#version 300 es
precision highp float;
in float off;
uniform vec4 ink;
uniform float width;
out vec4 result;
void main() {
  float cover = clamp(width * 0.5 + 0.5 - abs(off), 0.0, 1.0);
  float a = ink.a * cover;
  result = vec4(ink.rgb * a, a);
}`;

class Drawing {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
    if (!gl) throw new Error("This browser has no WebGL2, which the picture needs.");
    this.gl = gl;
    this.canvas = canvas;
    this.faces = this.program(FACE_VERTEX, FLAT_FRAGMENT, ["view", "colours", "columns"]);
    this.ids = this.program(ID_VERTEX, FLAT_FRAGMENT, ["view"]);
    this.line = this.program(LINE_VERTEX, LINE_FRAGMENT, ["view", "size", "width", "ink"]);
    this.texture = gl.createTexture();
    this.idTexture = gl.createTexture();
    this.idFrame = gl.createFramebuffer();
    this.kept = new Map(); // from levels and segments to what is on the card
    this.mostColumns = Math.min(4096, gl.getParameter(gl.MAX_TEXTURE_SIZE));
  }

  program(vertex, fragment, names) {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getProgramInfoLog(program));
    }
    const at = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    return { program, at };
  }

  /** Take the colours of all faces, in RGBA. */
  setColours(rgba, n) {
    const gl = this.gl;
    this.columns = Math.max(1, Math.min(this.mostColumns, n));
    const rows = Math.max(1, Math.ceil(n / this.columns));
    const padded = new Uint8Array(4 * this.columns * rows);
    padded.set(rgba);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, this.columns, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, padded);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  buffer(target, data) {
    const gl = this.gl, buffer = gl.createBuffer();
    gl.bindBuffer(target, buffer);
    gl.bufferData(target, data, gl.STATIC_DRAW);
    return buffer;
  }

  /** A level on the card. */
  level(level) {
    let kept = this.kept.get(level);
    if (kept) return kept;
    const gl = this.gl, faces = gl.createVertexArray();
    gl.bindVertexArray(faces);
    const buffers = [this.buffer(gl.ARRAY_BUFFER, level.place)];
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    buffers.push(this.buffer(gl.ARRAY_BUFFER, level.face));
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 1, gl.UNSIGNED_INT, 0, 0);
    buffers.push(this.buffer(gl.ELEMENT_ARRAY_BUFFER, level.index));
    gl.bindVertexArray(null);
    kept = { faces, buffers, lines: new Map() };
    this.kept.set(level, kept);
    return kept;
  }

  /** The lines of one layer of a level on the card, once they are asked for. */
  layer(level, number) {
    const kept = this.level(level);
    if (!kept.lines.has(number)) {
      const [first, end] = [level.layerStart[number], level.layerStart[number + 1]];
      kept.lines.set(number, this.segments(level.segments.subarray(4 * first, 4 * end)));
    }
    return kept.lines.get(number);
  }

  /** Segments on the card: four vertices each, which the shader moves apart. Instances of so few
      vertices would be slow where there is no graphics card. */
  segments(data) {
    const gl = this.gl, n = data.length / 4, ends = new Float32Array(16 * n), index = new Uint32Array(6 * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < 16; k++) ends[16 * i + k] = data[4 * i + (k & 3)];
      index.set([4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 2, 4 * i + 1, 4 * i + 3], 6 * i);
    }
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const buffers = [this.buffer(gl.ARRAY_BUFFER, ends)];
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 0, 0);
    buffers.push(this.buffer(gl.ELEMENT_ARRAY_BUFFER, index));
    gl.bindVertexArray(null);
    return { array, buffers, count: n };
  }

  forget(level) {
    const kept = this.kept.get(level);
    if (!kept) return;
    const gl = this.gl;
    kept.buffers.forEach((buffer) => gl.deleteBuffer(buffer));
    gl.deleteVertexArray(kept.faces);
    kept.lines.forEach((lines) => this.forgetSegments(lines));
    this.kept.delete(level);
  }

  forgetSegments(lines) {
    lines.buffers.forEach((buffer) => this.gl.deleteBuffer(buffer));
    this.gl.deleteVertexArray(lines.array);
  }

  /** Scale and offset from a level's places to the clip space of a view. */
  static transform(level, view) {
    return [level.half / view.halfX, level.half / view.halfY,
      (level.x - view.x) / view.halfX, (level.y - view.y) / view.halfY];
  }

  /** Draw the faces of a level that are seen, by a program. */
  drawFaces(program, level, view) {
    const gl = this.gl, at = Drawing.transform(level, view);
    gl.useProgram(program.program);
    gl.uniform4f(program.at.view, ...at);
    gl.bindVertexArray(this.level(level).faces);
    let from = -1, to = -1; // blocks in a row are one call
    const flush = () => {
      if (to > from) gl.drawElements(gl.TRIANGLES, to - from, gl.UNSIGNED_INT, 4 * from);
    };
    for (const [first, end, box] of level.blocks) {
      const seen = box[2] * at[0] + at[2] >= -1 && box[0] * at[0] + at[2] <= 1
        && box[3] * at[1] + at[3] >= -1 && box[1] * at[1] + at[3] <= 1;
      if (!seen) continue;
      if (first !== to) {
        flush();
        from = first;
      }
      to = end;
    }
    flush();
    gl.bindVertexArray(null);
  }

  /** One picture: colours, then lines, each {segments, width, ink}. */
  draw(level, view, lines) {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.disable(gl.BLEND);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.useProgram(this.faces.program);
    gl.uniform1i(this.faces.at.colours, 0);
    gl.uniform1i(this.faces.at.columns, this.columns);
    this.drawFaces(this.faces, level, view);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.line.program);
    gl.uniform4f(this.line.at.view, ...Drawing.transform(level, view));
    gl.uniform2f(this.line.at.size, this.canvas.width, this.canvas.height);
    for (const { segments, width, ink } of lines) {
      if (segments.count < 1) continue;
      gl.uniform1f(this.line.at.width, width);
      gl.uniform4f(this.line.at.ink, ...ink);
      gl.bindVertexArray(segments.array);
      gl.drawElements(gl.TRIANGLES, 6 * segments.count, gl.UNSIGNED_INT, 0);
    }
    gl.bindVertexArray(null);
  }

  /** The ids of all pixels of a view, from the lowest row up: id + 1 in three bytes, or 0. */
  readIds(level, view) {
    const gl = this.gl, width = this.canvas.width, height = this.canvas.height;
    if (this.idWidth !== width || this.idHeight !== height) {
      gl.bindTexture(gl.TEXTURE_2D, this.idTexture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.idFrame);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.idTexture, 0);
      this.pixels = new Uint8Array(4 * width * height);
      this.idWidth = width;
      this.idHeight = height;
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.idFrame);
    gl.viewport(0, 0, width, height);
    gl.disable(gl.BLEND);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.drawFaces(this.ids, level, view);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, this.pixels);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return this.pixels;
  }
}
