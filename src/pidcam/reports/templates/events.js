"use strict";
// The event browser: pages of events as heat maps or volumes that turn, filtered by true class and by mistake.
(() => {
  const data = JSON.parse(document.getElementById("explore-data").textContent);
  if (!data.browser) return;
  const { views, pictures, label, row, file, files, scores, colours } = data.browser;
  const byId = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const tables = Object.fromEntries(Object.entries(colours).map(([name, text]) => [name, bytes(text)]));
  const state = { page: 0, view: 0, run: Object.keys(scores)[0] };
  const PER_PAGE = 12;

  const predicted = (i) => scores[state.run][i].reduce((best, p, k, all) => (p > all[best] ? k : best), 0);
  const wrong = (i) => label[i] >= 0 && predicted(i) !== label[i];
  const certainty = (i) => { const p = [...scores[state.run][i]].sort((a, b) => b - a); return p[0] - p[1]; };

  const chosen = () => {
    const show = byId("events-show").value, kind = byId("events-class").value, order = byId("events-order").value;
    const list = pictures.map((_, i) => i)
      .filter((i) => show === "all" || wrong(i) === (show === "mistakes"))
      .filter((i) => kind === "" || label[i] === Number(kind));
    const sign = { sure: -1, unsure: 1 }[order];
    return sign ? list.sort((a, b) => sign * (certainty(a) - certainty(b))) : list;
  };

  const turn = (canvas, i) => {
    const view = views[state.view];
    Object.assign(canvas, { className: "event volume", width: 480, height: 440, tabIndex: 0 });
    turnable(canvas, { hits: pictures[i][state.view], colours: tables[view.colours], ...view.box });
  };

  const paint = (canvas, i) => {
    const view = views[state.view], raw = bytes(pictures[i][state.view]), n = raw.length / 3;
    const cells = new Uint16Array(raw.slice(0, 2 * n).buffer), steps = raw.subarray(2 * n), table = tables[view.colours];
    canvas.width = view.columns;
    canvas.height = view.rows;
    canvas.className = view.log ? "event" : "event signed";
    canvas.style.aspectRatio = String(Math.min(3, Math.max(1 / 2, view.columns / view.rows)));
    const context = canvas.getContext("2d"), image = context.createImageData(view.columns, view.rows);
    for (let h = 0; h < n; h++) {
      const r = view.rows - 1 - Math.floor(cells[h] / view.columns), c = cells[h] % view.columns;
      const at = 4 * (r * view.columns + c), from = 3 * steps[h];
      image.data.set([table[from], table[from + 1], table[from + 2], 255], at);
    }
    context.putImageData(image, 0, 0);
  };

  const card = (i) => {
    const item = document.createElement("li"), canvas = document.createElement("canvas"), text = document.createElement("p");
    const truth = label[i] >= 0 ? data.classes[label[i]] : "unknown", guess = predicted(i);
    const verdict = document.createElement("b");
    verdict.textContent = label[i] < 0 ? "Unknown" : wrong(i) ? "Mistake" : "Correct";
    verdict.className = wrong(i) ? "mistake" : "correct";
    const words = `: true ${truth}, predicted ${data.classes[guess]} (${scores[state.run][i][guess].toFixed(3)})`;
    const source = document.createElement("small");
    source.textContent = `row ${row[i]} of ${files[file[i]] ?? "?"}`;
    text.append(verdict, words, document.createElement("br"), source);
    canvas.setAttribute("role", "img");
    const how = views[state.view].box ? "; arrow keys turn, plus and minus zoom" : "";
    canvas.setAttribute("aria-label", `${views[state.view].title} image of the event in row ${row[i]}${words}${how}`);
    (views[state.view].box ? turn : paint)(canvas, i);
    item.append(canvas, text);
    return item;
  };

  const bar = () => {
    const view = views[state.view], table = tables[view.colours];
    const stops = Array.from({ length: 17 }, (_, k) => { const c = 3 * Math.round(k * 255 / 16); return `rgb(${table[c]},${table[c + 1]},${table[c + 2]})`; });
    byId("events-bar").style.background = `linear-gradient(to right, ${stops.join(",")})`;
    const unit = view.unit ? ` ${view.unit}` : "";
    byId("events-low").textContent = `${Number(view.low.toPrecision(2))}${unit}`;
    byId("events-high").textContent = `${Number(view.high.toPrecision(2))}${unit}`;
    const seen = view.box
      ? "drag or arrow keys turn, + and - zoom, Home puts back"
      : `across: ${view.column_axis || "columns"}, up: ${view.row_axis || "rows"}`;
    byId("events-scale").textContent = `${view.title}, ${view.steps} colours; ${seen}`;
  };

  const show = () => {
    const list = chosen(), pages = Math.max(1, Math.ceil(list.length / PER_PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    byId("events-list").replaceChildren(...list.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE).map(card));
    byId("events-status").textContent = `${list.length} of ${pictures.length} events in the sample, page ${state.page + 1} of ${pages}`;
    byId("events-previous").disabled = state.page === 0;
    byId("events-next").disabled = state.page === pages - 1;
    bar();
  };

  byId("events").hidden = false;
  document.querySelectorAll("a[href='#events']").forEach((a) => { a.hidden = false; });
  data.classes.forEach((name, k) => byId("events-class").appendChild(new Option(name, k)));
  views.forEach((view, k) => byId("events-view").appendChild(new Option(view.title, k)));
  Object.keys(scores).forEach((name) => byId("events-run").appendChild(new Option(name, name)));
  byId("events-view").addEventListener("change", (event) => { state.view = Number(event.target.value); show(); });
  byId("events-run").addEventListener("change", (event) => { state.run = event.target.value; state.page = 0; show(); });
  for (const id of ["events-show", "events-class", "events-order"]) byId(id).addEventListener("change", () => { state.page = 0; show(); });
  byId("events-previous").addEventListener("click", () => { state.page -= 1; show(); });
  byId("events-next").addEventListener("click", () => { state.page += 1; show(); });
  byId("events-show").value = pictures.some((_, i) => wrong(i)) ? "mistakes" : "all";
  show();
  if (location.hash === "#events") byId("events").scrollIntoView();
})();
