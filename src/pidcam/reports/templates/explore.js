"use strict";
// The threshold explorer: one ROC and one score plot that share a threshold. Without scripts the page shows the same
// as figures, so everything here only adds.
(() => {
  const data = JSON.parse(document.getElementById("explore-data").textContent);
  if (!data.runs) return;
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const W = 460, H = 400, LEFT = 58, RIGHT = 14, TOP = 14, BOTTOM = 50;
  const state = { run: 0, split: null, signal: data.signal, at: 0, log: false };

  const make = (parent, name, attributes, text) => {
    const node = parent.appendChild(document.createElementNS(SVG, name));
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const option = (select, value, text) => select.appendChild(new Option(text, value));
  const figures = (x, n = 3) => Number.isFinite(x) ? Number(x.toPrecision(n)).toLocaleString("en", { maximumSignificantDigits: n }) : "∞";
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  const splits = () => data.runs[state.run].splits;
  const split = () => splits()[state.split];
  const curves = (run = data.runs[state.run]) => run.splits[state.split]?.signals[state.signal];

  // fraction of all classes but the signal that passes, weighted as they come
  const background = (run, i) => {
    const here = run.splits[state.split], curve = curves(run);
    let passed = 0, total = 0, effective = 0;
    here.weight.forEach((w, k) => {
      if (k === state.signal) return;
      passed += w * curve.passed[k][i]; total += w; effective += here.effective[k];
    });
    return { fraction: total > 0 ? passed / total : 0, total, effective };
  };
  const points = (run) => curves(run).thresholds.map((_, i) => [background(run, i).fraction, curves(run).passed[state.signal][i]]);

  const scaleX = (x) => LEFT + x * (W - LEFT - RIGHT);
  const frame = (svg, xTitle, yTitle, yTicks, scaleY) => {
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    for (const x of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      make(svg, "line", { x1: scaleX(x), x2: scaleX(x), y1: TOP, y2: H - BOTTOM, class: "grid" });
      make(svg, "text", { x: scaleX(x), y: H - BOTTOM + 18, class: "tick", "text-anchor": "middle" }, x);
    }
    for (const [y, text] of yTicks) {
      make(svg, "line", { x1: LEFT, x2: W - RIGHT, y1: scaleY(y), y2: scaleY(y), class: "grid" });
      make(svg, "text", { x: LEFT - 7, y: scaleY(y) + 4, class: "tick", "text-anchor": "end" }, text);
    }
    make(svg, "text", { x: W - RIGHT, y: H - 10, class: "axis", "text-anchor": "end" }, xTitle);
    make(svg, "text", { transform: `translate(14 ${TOP}) rotate(-90)`, class: "axis", "text-anchor": "end" }, yTitle);
  };
  const pathOf = (list) => list.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  let rocPixels = [];
  const drawRoc = () => {
    const svg = byId("explore-roc"), name = data.classes[state.signal];
    const rest = data.classes.length === 2 ? data.classes[1 - state.signal] : "rest";
    const runs = data.runs.filter((run) => curves(run));
    const smallest = Math.max(1e-6, Math.min(...runs.map((run) => 1 / Math.max(background(run, 0).total, 10))));
    const decades = Math.max(1, Math.ceil(-Math.log10(smallest)));
    const linearY = (y) => TOP + (1 - y) * (H - TOP - BOTTOM);
    const logY = (y) => TOP + (1 - Math.log10(y) / decades) * (H - TOP - BOTTOM);
    const place = ([b, s]) => state.log ? [scaleX(s), logY(1 / b)] : [scaleX(b), linearY(s)];
    if (state.log) {
      const ticks = Array.from({ length: decades + 1 }, (_, k) => [10 ** k, figures(10 ** k, 1)]);
      frame(svg, `efficiency for ${name}`, `rejection of ${rest}, 1 / efficiency`, ticks, logY);
    } else {
      frame(svg, `efficiency for ${rest}`, `efficiency for ${name}`, [0, 0.2, 0.4, 0.6, 0.8, 1].map((y) => [y, y]), linearY);
      make(svg, "path", { d: pathOf([[scaleX(0), linearY(0)], [scaleX(1), linearY(1)]]), class: "diagonal" });
    }
    runs.forEach((run) => {
      const mine = run === data.runs[state.run];
      const list = points(run).concat(state.log ? [] : [[0, 0]]).filter(([b]) => !state.log || b > 0);
      make(svg, "path", { d: pathOf(list.map(place)), class: mine ? "curve" : "curve other" });
    });
    rocPixels = points(data.runs[state.run]).map((p) => (state.log && p[0] <= 0 ? [NaN, NaN] : place(p)));
    const [x, y] = rocPixels[state.at];
    if (Number.isFinite(x)) make(svg, "circle", { cx: x, cy: y, r: 8, class: "handle" });
  };

  const drawScores = () => {
    const svg = byId("explore-scores"), curve = curves();
    const top = 1.15 * Math.max(...curve.heights.flat(), 1e-9), bins = curve.heights[0].length;
    const scaleY = (y) => TOP + (1 - y / top) * (H - TOP - BOTTOM);
    const step = 10 ** Math.floor(Math.log10(top / 2)), every = top / step > 5 ? 2 * step : step;
    const ticks = Array.from({ length: Math.floor(top / every) + 1 }, (_, k) => [k * every, figures(k * every, 2)]);
    frame(svg, `score for ${data.classes[state.signal]}`, `fraction of events / ${1 / bins}`, ticks, scaleY);
    curve.heights.forEach((heights, k) => {
      const outline = [[scaleX(0), scaleY(0)]];
      heights.forEach((h, i) => outline.push([scaleX(i / bins), scaleY(h)], [scaleX((i + 1) / bins), scaleY(h)]));
      outline.push([scaleX(1), scaleY(0)]);
      make(svg, "path", { d: pathOf(outline), class: `histogram colour-${k % 10}` });
      const row = TOP + 14 + 17 * k;
      if (k < 10) {
        make(svg, "line", { x1: LEFT + 12, x2: LEFT + 32, y1: row - 4, y2: row - 4, class: `histogram colour-${k % 10}` });
        make(svg, "text", { x: LEFT + 38, y: row, class: "tick" }, data.classes[k]);
      }
    });
    const x = scaleX(Math.min(1, Math.max(0, curve.thresholds[state.at])));
    make(svg, "line", { x1: x, x2: x, y1: TOP, y2: H - BOTTOM, class: "cut" });
    make(svg, "circle", { cx: x, cy: TOP + 6, r: 7, class: "handle" });
  };

  const report = () => {
    const here = split(), curve = curves(), i = state.at, k = state.signal;
    const efficiency = curve.passed[k][i], rest = background(data.runs[state.run], i);
    const spread = (p, n) => Math.sqrt(Math.max(p * (1 - p), 0) / Math.max(n, 1));
    const survivors = rest.fraction * rest.effective, kept = efficiency * here.weight[k];
    const error = spread(efficiency, here.effective[k]), fakeError = spread(rest.fraction, rest.effective);
    const purity = kept + rest.fraction * rest.total > 0 ? kept / (kept + rest.fraction * rest.total) : NaN;
    const facts = {
      threshold: curve.thresholds[i].toFixed(4),
      efficiency: `${percent(efficiency)} ± ${percent(error)}`,
      fake: `${percent(rest.fraction)} ± ${percent(fakeError)}`,
      rejection: rest.fraction > 0 ? `${figures(1 / rest.fraction)} ± ${figures(fakeError / rest.fraction ** 2, 2)}` : "no background event passes",
      purity: Number.isNaN(purity) ? "no event passes" : percent(purity),
    };
    for (const [key, text] of Object.entries(facts)) byId(`explore-${key}`).textContent = text;
    byId("explore-few").hidden = survivors >= 100;
    byId("explore-few").textContent = `Only ${Math.round(survivors)} background events pass here: the rejection is uncertain.`;
    const slider = byId("explore-slider");
    slider.max = curve.thresholds.length - 1;
    slider.value = i;
    slider.setAttribute("aria-valuetext", `threshold ${facts.threshold}, efficiency ${facts.efficiency}, background efficiency ${facts.fake}`);
    byId("explore-confusion").replaceChildren(...data.classes.map((name, c) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      for (const p of [curve.passed[c][i], 1 - curve.passed[c][i]]) {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = `${Math.round(p * here.weight[c]).toLocaleString("en")} (${percent(p)})`;
        row.append(cell);
      }
      return row;
    }));
    byId("explore-passes").textContent = `taken as ${data.classes[k]}`;
  };

  const show = () => { drawRoc(); drawScores(); report(); };
  const nearest = (list, distance) => list.reduce((best, each, i) => (distance(each) < distance(list[best]) ? i : best), 0);
  const goTo = (threshold) => { state.at = nearest(curves().thresholds, (t) => Math.abs(t - threshold)); };
  const drag = (svg, pick) => {
    const move = (event) => {
      const box = svg.getBoundingClientRect();
      pick((event.clientX - box.left) * W / box.width, (event.clientY - box.top) * H / box.height);
      show();
    };
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); move(event); event.preventDefault(); });
    svg.addEventListener("pointermove", (event) => { if (svg.hasPointerCapture(event.pointerId)) move(event); });
  };

  const fillSplits = () => {
    const select = byId("explore-split");
    select.replaceChildren();
    Object.keys(splits()).forEach((name) => option(select, name, name));
    if (!(state.split in splits())) state.split = "test" in splits() ? "test" : Object.keys(splits())[0];
    select.value = state.split;
  };
  const change = (act) => (event) => { const t = curves().thresholds[state.at]; act(event.target); fillSplits(); goTo(t); show(); };

  byId("explore").hidden = false;
  document.querySelectorAll("a[href='#explore']").forEach((a) => { a.hidden = false; });
  data.runs.forEach((run, i) => option(byId("explore-run"), i, run.name));
  data.classes.forEach((name, k) => option(byId("explore-signal"), k, name));
  byId("explore-signal").value = state.signal;
  byId("explore-run").addEventListener("change", change((t) => { state.run = Number(t.value); }));
  byId("explore-split").addEventListener("change", change((t) => { state.split = t.value; }));
  byId("explore-signal").addEventListener("change", change((t) => { state.signal = Number(t.value); }));
  byId("explore-log").addEventListener("change", (event) => { state.log = event.target.checked; show(); });
  byId("explore-slider").addEventListener("input", (event) => { state.at = Number(event.target.value); show(); });
  drag(byId("explore-roc"), (x, y) => {
    state.at = nearest(rocPixels, ([a, b]) => (Number.isFinite(a) ? Math.hypot(a - x, b - y) : Infinity));
  });
  drag(byId("explore-scores"), (x) => goTo((x - LEFT) / (W - LEFT - RIGHT)));
  fillSplits();
  goTo(0.5);
  show();
  if (location.hash === "#explore") byId("explore").scrollIntoView();
})();
