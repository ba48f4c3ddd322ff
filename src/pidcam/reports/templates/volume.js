"use strict";
// A volume of hits on a canvas: drag or arrow keys turn it, + and - zoom, Home puts it back. It begins at the hits, which
// may be few in a large detector; a bar tells lengths where the size of cells is known.
const turnable = (canvas, { hits, colours, half, axes, length, unit }) => {
  const raw = Uint8Array.from(atob(hits), (c) => c.charCodeAt(0)), n = raw.length / 7;
  const place = Float32Array.from(new Int16Array(raw.slice(0, 6 * n).buffer), (x) => x / 32767), step = raw.subarray(6 * n);
  const middle = [0, 1, 2].map((j) => {
    let low = Infinity, high = -Infinity;
    for (let i = j; i < place.length; i += 3) { low = Math.min(low, place[i]); high = Math.max(high, place[i]); }
    return n ? (low + high) / 2 : 0;
  });
  let reach = 0;
  for (let i = 0; i < n; i++) reach = Math.max(reach, Math.hypot(...middle.map((m, j) => place[3 * i + j] - m)));
  const fits = 0.8 / Math.max(reach, 1e-3);
  const start = { turn: -0.6, tilt: 0.5, zoom: fits > 1.5 ? Math.min(20, fits) : 1 }; // a little nearer would cut the box
  let view = { ...start };
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => [k & 1, (k >> 1) & 1, (k >> 2) & 1].map((b, i) => (2 * b - 1) * half[i]));

  const draw = () => {
    const pen = canvas.getContext("2d"), { width, height } = canvas;
    const scale = 0.48 * Math.min(width, height) * view.zoom;
    const [s, c, u, v] = [Math.sin(view.turn), Math.cos(view.turn), Math.sin(view.tilt), Math.cos(view.tilt)];
    // the last axis points up; depth grows away from the eye
    const project = (...point) => {
      const [x, y, z] = point.map((value, j) => value - (start.zoom > 1 ? middle[j] : 0));
      const right = c * x - s * y, back = s * x + c * y;
      return [width / 2 + scale * right, height / 2 - scale * (v * z + u * back), v * back - u * z];
    };
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.strokeStyle = "#b5b9bd";
    const at = corners.map((p) => project(...p));
    for (let k = 0; k < 8; k++) {
      for (const bit of [1, 2, 4]) {
        if (k & bit) continue;
        pen.beginPath();
        pen.moveTo(at[k][0], at[k][1]);
        pen.lineTo(at[k | bit][0], at[k | bit][1]);
        pen.stroke();
      }
    }
    pen.fillStyle = "#1a1a1a";
    pen.font = `${Math.round(Math.max(height / 27, 12))}px sans-serif`;
    pen.textAlign = "center";
    axes.forEach((name, i) => {
      if (start.zoom > 1) { // the edges of the box may be out of sight: three arms say which way is which
        const arm = [0, 1, 2].map((j) => Number(j === i));
        const along = project(...arm), from = project(0, 0, 0), [x, y] = [0.9 * width, 0.87 * height];
        const [dx, dy] = [0, 1].map((j) => (0.07 * height * (along[j] - from[j])) / scale);
        pen.beginPath();
        pen.moveTo(x, y);
        pen.lineTo(x + dx, y + dy);
        pen.stroke();
        pen.fillText(name.replace(/ \[.*/, ""), x + 1.4 * dx, y + 1.4 * dy + 0.01 * height);
        return;
      }
      // at the edge that has no hits in front of it: the lowest, of the upright axis the leftmost
      const [j, k] = [0, 1, 2].filter((other) => other !== i);
      const edges = [[-1, -1], [-1, 1], [1, -1], [1, 1]].map((sides) => {
        const middle = [0, 0, 0];
        [middle[j], middle[k]] = [sides[0] * half[j] * 1.1, sides[1] * half[k] * 1.1];
        return project(...middle);
      });
      const [x, y] = edges.reduce((a, b) => ((i === 2 ? b[0] < a[0] : b[1] > a[1]) ? b : a));
      pen.fillText(name, x, y);
    });
    if (unit) {
      const wish = (0.3 * width * length) / scale, ten = 10 ** Math.floor(Math.log10(wish));
      const long = [5, 2, 1].map((k) => k * ten).find((value) => value <= wish);
      const [left, y] = [0.04 * width, 0.95 * height];
      pen.fillRect(left, y, (long / length) * scale, 2);
      pen.textAlign = "left";
      pen.fillText(`${Number(long.toPrecision(1))} ${unit}`, left, y - 6);
    }
    const seen = [];
    for (let i = 0; i < step.length; i++) seen.push([...project(place[3 * i], place[3 * i + 1], place[3 * i + 2]), step[i]]);
    seen.sort((a, b) => b[2] - a[2]);
    for (const [x, y, , k] of seen) {
      const size = Math.max(height, 450) * (0.004 + 0.01 * (k / 255)) * Math.sqrt(view.zoom / start.zoom);
      pen.fillStyle = `rgb(${colours[3 * k]},${colours[3 * k + 1]},${colours[3 * k + 2]})`;
      pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
  };

  const turn = (dx, dy) => {
    view.turn += dx;
    view.tilt = Math.max(-1.57, Math.min(1.57, view.tilt + dy));
    draw();
  };
  const zoom = (factor) => {
    view.zoom = Math.max(0.3, Math.min(60, view.zoom * factor));
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(event.movementX / 120, event.movementY / 120);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (move) turn(...move);
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.2 : 1 / 1.2);
    else if (event.key === "Home") { view = { ...start }; draw(); }
    else return;
    event.preventDefault();
  });
  canvas.hidden = false;
  draw();
};
for (const canvas of document.querySelectorAll("canvas.volume[data-hits]")) {
  const { hits, colours, box } = canvas.dataset;
  turnable(canvas, { hits, colours: Uint8Array.from(atob(colours), (c) => c.charCodeAt(0)), ...JSON.parse(box) });
}
