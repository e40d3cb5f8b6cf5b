"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const codecs = Object.fromEntries(data.codecs.map((codec) => [codec.name, codec]));
const MEAN = "mean";
const narrow = () => window.innerWidth < 700;

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element("option", text, { value })));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

const chosen = () => ({
  metric: byId("metric").value, set: byId("set").value, sequence: byId("sequence").value, anchor: byId("anchor").value,
});
const metric = (name) => data.metrics.find((m) => m.name === name);
const oneSequence = () => chosen().sequence === MEAN ? data.sets[chosen().set][0] : chosen().sequence;
const sound = (sequence) => data.points.filter((p) => p.sequence === sequence && !p.error);
const number = (value, digits) => value === null || value === undefined ? "n/a" : value.toFixed(digits).replace("-", "−");
const percent = (value) => value === null ? "n/a" : (value > 0 ? "+" : "") + number(value, 1) + " %";

/* ---- plots ---- */

const base = (more = {}) => ({
  font: { family: "system-ui, sans-serif", size: 13, color: "#1c2329" }, margin: { l: 62, r: 14, t: 34, b: 52 },
  hovermode: "closest", paper_bgcolor: "#fff", plot_bgcolor: "#fff", dragmode: narrow() ? false : "zoom",
  showlegend: !narrow(), legend: { font: { size: 12 } }, ...more,
});
const axis = (title, more = {}) => ({ title: { text: title }, gridcolor: "#e6e9ec", zeroline: false, automargin: true, ...more });
const config = { responsive: true, displaylogo: false, displayModeBar: !narrow(),
  toImageButtonOptions: { format: "svg", filename: "lvc-report" }, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const line = (codec, more = {}) => ({ color: codecs[codec].colour, dash: codecs[codec].dash, width: codecs[codec].kind === "learned" ? 2.6 : 1.7, ...more });

/* Which curves are drawn, as boxes to tick: they can be reached by keyboard. */
const hidden = new Set();
function drawLegend(names) {
  byId("legend").replaceChildren(...names.map((name) => {
    const box = element("input", undefined, { type: "checkbox", checked: !hidden.has(name), onchange: () => {
      if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
      drawCurves();
      drawFrames();
      byId("legend").querySelectorAll("input")[names.indexOf(name)].focus();
    } });
    const made = element("label");
    made.append(box, named(name));
    return made;
  }));
}

function drawCurves() {
  const { metric: name, set, sequence } = chosen();
  const curves = data.codecs.map((codec) => {
    const points = sequence === MEAN
      ? (data.means[set][name][codec.name] || []).map(([bpp, quality, point]) => ({ bpp, quality, point, more: "mean" }))
      : sound(sequence).filter((p) => p.codec === codec.name && p.quality[name] !== undefined)
        .map((p) => ({ bpp: p.bpp, quality: p.quality[name], point: p.point, more: p.bytes ? `${p.bytes.toLocaleString("en")} bytes` : "" }));
    points.sort((a, b) => a.bpp - b.bpp);
    return { name: codec.name, x: points.map((p) => p.bpp), y: points.map((p) => p.quality), mode: "lines+markers",
      customdata: points.map((p) => [p.point, p.more]), line: line(codec.name), marker: { symbol: codec.symbol, size: 8 },
      hovertemplate: `<b>${codec.name}</b> %{customdata[0]}<br>%{x:.4f} bpp, %{y:.3f}<br>%{customdata[1]}<extra></extra>` };
  }).filter((trace) => trace.x.length);
  drawLegend(curves.map((trace) => trace.name));
  Plotly.react("rd-plot", curves.filter((trace) => !hidden.has(trace.name)), base({ showlegend: false, xaxis: axis("bits per pixel", { rangemode: "tozero" }), yaxis: axis(metric(name).title) }), config);
}

/* One point per codec: the nearest in rate to the chosen one. */
function alike() {
  const points = sound(oneSequence());
  const target = points.find((p) => `${p.codec}\n${p.point}` === byId("near").value);
  if (!target) return [];
  return data.codecs.map((codec) => points.filter((p) => p.codec === codec.name)
    .sort((a, b) => Math.abs(Math.log(a.bpp / target.bpp)) - Math.abs(Math.log(b.bpp / target.bpp)))[0]).filter(Boolean);
}

function drawFrames() {
  const { metric: name } = chosen();
  const shown = alike().filter((p) => p.frames.bits && !hidden.has(p.codec));
  byId("frames-sequence").textContent = `on ${oneSequence()}; other codecs at their nearest rate`;
  const told = (p) => p.frames[name] ? name : "psnr";
  const label = (p) => `${p.codec}, ${p.point}`;
  const kinds = (p) => p.frames.kind ? p.frames.kind.map((kind, i) => kind + (p.frames.level && p.frames.level[i] !== null ? `, level ${p.frames.level[i]}` : "")) : [];
  const traces = shown.flatMap((p) => [
    { name: label(p), legendgroup: p.codec, y: p.frames[told(p)], mode: "lines", line: line(p.codec, { width: 1.6 }), customdata: kinds(p), hovertemplate: "frame %{x} (%{customdata}): %{y:.3f}<extra></extra>" },
    { name: label(p), legendgroup: p.codec, showlegend: false, y: p.frames.bits.map((b) => b / 1000), mode: "lines", yaxis: "y2", line: line(p.codec, { width: 1.6 }), customdata: kinds(p), hovertemplate: "frame %{x} (%{customdata}): %{y:.3f} kbit<extra></extra>" },
  ]);
  const axisTitle = shown.every((p) => told(p) === name) ? metric(name).title : "PSNR (RGB, dB)";
  Plotly.react("frames-plot", traces, base({ xaxis: axis("frame", { anchor: "y2" }), yaxis: axis(axisTitle, { domain: [0.54, 1] }),
    yaxis2: axis("kilobits", { domain: [0, 0.46], type: "log" }) }), config);

  const names = [...new Set(shown.flatMap((p) => Object.keys(p.streams)))];
  const learned = shown.filter((p) => Object.keys(p.streams).length);
  const stack = (id, labels, rows, title) => {
    byId(id).style.display = labels.length && rows.length ? "" : "none";
    if (!labels.length || !rows.length) return;
    const totals = rows.map((row) => Object.values(row.parts).reduce((a, b) => a + b, 0));
    Plotly.react(id, labels.map((part) => ({ type: "bar", name: part, x: rows.map((row) => row.name), y: rows.map((row, i) => 100 * (row.parts[part] || 0) / totals[i]),
      customdata: rows.map((row) => row.parts[part] || 0), hovertemplate: `%{x}, ${part}: %{y:.1f} % (%{customdata:,} bits)<extra></extra>` })),
      base({ barmode: "stack", yaxis: axis("share of bits (%)"), xaxis: { automargin: true }, title: { text: title, font: { size: 14 }, x: 0.02 }, showlegend: true, legend: narrow() ? { orientation: "h", y: -0.25, font: { size: 11 } } : {}, margin: { l: 62, r: 14, t: 40, b: 52 } }), config);
  };
  stack("streams-plot", names, learned.map((p) => ({ name: p.codec, parts: p.streams })), "Bits by stream");
  const levels = shown.filter((p) => p.frames.kind).map((p) => {
    const parts = {};
    p.frames.kind.forEach((kind, i) => {
      const level = p.frames.level && p.frames.level[i] !== null ? `level ${p.frames.level[i]}` : null;
      const part = kind === "I" || !level ? kind : level;
      parts[part] = (parts[part] || 0) + p.frames.bits[i];
    });
    return { name: p.codec, parts };
  });
  stack("levels-plot", [...new Set(levels.flatMap((row) => Object.keys(row.parts)))].sort(), levels, "Bits by kind of frame, or temporal level");
  byId("savings").replaceChildren(...data.sequences[oneSequence()].savings.map((text) => element("p", text)));
}

/* ---- tables ---- */

function table(id, caption, head, rows) {
  const target = typeof id === "string" ? byId(id) : id;
  const cell = (tag, content) => {
    const made = element(tag);
    if (content instanceof Node) made.append(content); else made.textContent = content;
    return made;
  };
  const line = (tag, cells, className = "") => {
    const made = element("tr", undefined, { className });
    made.append(...cells.map((content) => cell(tag, content)));
    return made;
  };
  target.replaceChildren(element("caption", caption), element("thead"), element("tbody"));
  target.tHead.append(line("th", head));
  target.tBodies[0].append(...rows.map((row) => line("td", row.cells, row.className)));
  if (!target.dataset.buttons) {
    target.dataset.buttons = "1";
    const buttons = element("p");
    buttons.append(...[["CSV", asCsv, "csv"], ["LaTeX", asLatex, "tex"]].map(([name, form, suffix]) =>
      element("button", `Save as ${name}`, { type: "button", onclick: () => save(form(target), `${target.id || "table"}.${suffix}`) })));
    target.parentElement.after(buttons);
  }
}
const cells = (target) => [...target.rows].map((row) => [...row.cells].map((cell) => (cell.dataset.plain || cell.innerText).replace(/\s*\n\s*/g, " ").trim()));
const asCsv = (target) => cells(target).map((row) => row.map((text) => `"${text.replaceAll("−", "-").replaceAll('"', '""')}"`).join(",")).join("\r\n");
function asLatex(target) {
  const escape = (text) => text.replace(/[\\{}]/g, "").replace(/([%_&#$])/g, "\\$1").replace(/−/g, "$-$").replace(/[^\x20-\x7e]/g, (c) => ({ "–": "--", "×": "$\\times$" }[c] || c));
  const [head, ...rows] = cells(target);
  const body = (row) => `  ${row.map(escape).join(" & ")} \\\\`;
  return [`\\begin{tabular}{l${"r".repeat(head.length - 1)}}`, "  \\toprule", body(head), "  \\midrule", ...rows.map(body), "  \\bottomrule", "\\end{tabular}", ""].join("\n");
}
function save(text, name) {
  const link = element("a", undefined, { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function named(codec) {
  const made = element("span", codec);
  made.prepend(element("span", undefined, { className: "swatch", style: `background:${codecs[codec].colour}` }));
  return made;
}

function drawRates() {
  const { metric: name, set, anchor } = chosen();
  const rates = (data.rates[set][name] || {})[anchor] || {};
  const shown = data.codecs.filter((codec) => rates[codec.name]).map((codec) => codec.name);
  const notes = [];
  const noted = (content, text, careful) => {
    const made = element("span", content);
    if (text === null || text === undefined) return made;
    if (!notes.includes(text)) notes.push(text);
    made.append(element("sup", `${careful ? "⚠ " : ""}${notes.indexOf(text) + 1}`, { title: text }));
    return made;
  };
  const delta = ([value, overlap, note]) => noted(percent(value), note === null ? null : data.notes[note], overlap !== null && overlap < 0.5);
  const head = ["sequence", ...shown.map((codec) => { const made = named(codec); if (codecs[codec].caution) made.append(noted("", codecs[codec].caution, true)); return made; })];
  const rows = data.sets[set].map((sequence) => ({ cells: [sequence, ...shown.map((codec) => delta(rates[codec].each[sequence]))] }));
  if (data.sets[set].length > 1) {
    rows.push({ className: "total", cells: ["mean of sequences", ...shown.map((codec) => {
      const [value, low, high, count] = rates[codec].mean;
      const few = count && count < data.sets[set].length ? `mean of ${count} of ${data.sets[set].length} sequences` : null;
      const made = noted(percent(value), few, true);
      if (low !== null) made.append(element("small", `${percent(low)} to ${percent(high)}`));
      return made;
    })] });
    rows.push({ className: "total", cells: ["mean curve", ...shown.map((codec) => delta(rates[codec].curve))] });
  }
  table("bd", shown.length ? `Rate relative to ${anchor} at equal ${metric(name).short}; negative values save rate` : `Nothing can be compared with ${anchor} in ${metric(name).short}`, head, rows);
  if (codecs[anchor].caution) byId("bd").caption.append(noted("", codecs[anchor].caution, true));
  byId("bd-text").textContent = `Bjøntegaard deltas, ${data.method} interpolation of log rate over quality (MS-SSIM as −10 log10(1 − MS-SSIM)). ` +
    "Mean of sequences averages the sequences' values; below it the 95 % interval of a bootstrap over three sequences or more. Mean curve is the value of the curves whose points are means over the sequences. ⚠ marks curves that share less than half of their range, and comparisons with curves that were brought in.";
  byId("bd-notes").replaceChildren(...notes.map((text) => element("li", text)));
}

function drawPoints() {
  const { set, sequence } = chosen();
  const names = sequence === MEAN ? data.sets[set] : [sequence];
  const shown = data.points.filter((p) => names.includes(p.sequence));
  const columns = data.metrics.filter((m) => shown.some((p) => p.raw[m.name] !== undefined));
  const digits = (name) => name.startsWith("ms_ssim") ? 5 : 2;
  table("points", "MS-SSIM as it is; pooled: PSNR of the mean error over all frames; seconds without reading the source",
    ["sequence", "codec", "point", "bytes", "bpp", ...columns.map((m) => m.short), "pooled", "encoding (s)", "decoding (s)", "record"],
    shown.map((p) => ({ cells: [p.sequence, named(p.codec), p.point, p.bytes ? p.bytes.toLocaleString("en") : "–", number(p.bpp, 4),
      ...columns.map((m) => number(p.raw[m.name], digits(m.name))), number(p.pooled.psnr, 2), number(p.seconds.encode, 2), number(p.seconds.decode, 2), p.error ? "wrong" : p.digest] })));
  const missing = [...new Set(shown.map((p) => p.missing).filter(Boolean))];
  if (missing.length) byId("points").caption.textContent += `. No MS-SSIM: ${missing.join("; ")}`;
}

function drawPapers() {
  byId("papers").hidden = !data.published.length;
  const tables = new Map();
  data.published.forEach((row) => {
    const key = `${row.paper}, ${row.place}`;
    tables.set(key, [...(tables.get(key) || []), row]);
  });
  byId("papers-tables").replaceChildren(...[...tables].flatMap(([key, rows], place) => {
    const target = element("table", undefined, { id: `papers-${place}` });
    const scroll = element("div", undefined, { className: "scroll" });
    scroll.append(target);
    const box = element("div");
    box.append(scroll);
    const sets = [...new Set(rows.flatMap((row) => Object.keys(row.rates)))];
    const here = Object.entries(data.here).filter(([codec]) => codecs[codec].kind === "learned");
    table(target, `${key}: ${rows[0].metric}, intra period ${rows[0].intra_period}, against ${rows[0].anchor}`,
      ["codec", ...sets, "here"],
      rows.map((row) => ({ className: row.ours ? "ours" : "", cells: [row.codec, ...sets.map((set) => number(row.rates[set], 1)),
        row.ours && row.metric === "PSNR" ? here.map(([codec, value]) => `${codec} ${percent(value)}`).join(", ") || "–" : "–"] })));
    return [box];
  }));
  document.querySelectorAll(".anchor-name").forEach((made) => { made.textContent = data.anchor; });
}

function drawSources() {
  byId("how").replaceChildren(...data.codecs.flatMap((codec) => {
    const text = element("dd");
    text.append(...codec.how.map((line) => { const made = element("div"); made.append(element("code", line)); return made; }));
    if (codec.caution) text.append(element("div", codec.caution, { className: "soft" }));
    return [element("dt", codec.name), text];
  }));
  table("sources", "What was coded", ["sequence", "size", "frames", "frames per second", "format", "matrix", "digest of the pixels"],
    Object.entries(data.sequences).map(([name, { source }]) => ({ cells: [name, source.width ? `${source.width}×${source.height}` : "n/a", String(source.frames ?? "n/a"), source.fps || "n/a", source.format || "n/a", source.matrix || "n/a", source.digest || "n/a"] })));
}

/* ---- pictures ---- */

function choosePictures() {
  const { crops, motion } = data.sequences[oneSequence()];
  byId("pictures").hidden = !crops.length && !motion.length;
  const options = crops.map((crop, place) => [String(place), crop.title]);
  fill(byId("left"), options, "0");
  fill(byId("right"), options, String(Math.min(1, crops.length - 1)));
  byId("motion").replaceChildren(...(motion.length ? [element("h3", "Motion"), element("p", "From left to right: the frame, its decoded flow (hue is direction), the first reference as the flow warps it where the prediction is more than that, and the prediction.", { className: "soft" })] : []),
    ...motion.map((shown) => {
      const made = element("figure");
      const text = element("figcaption");
      text.append(element("b", shown.title), element("br"), shown.caption);
      made.append(element("img", undefined, { src: shown.picture, alt: shown.title }), text);
      return made;
    }));
  drawPictures();
}

function drawPictures() {
  const { crops } = data.sequences[oneSequence()];
  if (!crops.length) return;
  const [left, right] = [crops[byId("left").value], crops[byId("right").value]];
  const differs = byId("view").value === "difference";
  Object.assign(byId("under"), { src: right.picture, alt: right.title });
  Object.assign(byId("over"), { src: left.picture, alt: left.title });
  byId("over").style.display = differs ? "none" : "";
  byId("difference").style.display = differs ? "" : "none";
  byId("edge").style.display = differs ? "none" : "";
  byId("edge").style.left = `${byId("slide").value}%`;
  byId("slide-name").textContent = differs ? "Gain" : "Border";
  byId("pictures-text").textContent = `${left.title} ${left.caption} | ${right.title} ${right.caption}`.trim() + (differs ? ". Grey is no difference; the gain makes it visible." : ".");
  if (differs) drawDifference(); else byId("over").style.clipPath = `inset(0 ${100 - byId("slide").value}% 0 0)`;
}

async function drawDifference() {
  const [over, under, canvas] = ["over", "under", "difference"].map(byId);
  await Promise.all([over.decode(), under.decode()]);
  const [width, height] = [under.naturalWidth, under.naturalHeight];
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pixels = (image) => { context.drawImage(image, 0, 0); return context.getImageData(0, 0, width, height); };
  const [one, two] = [pixels(over), pixels(under)];
  const gain = 1 + Number(byId("slide").value) / 5;
  for (let i = 0; i < two.data.length; i += 1) two.data[i] = i % 4 === 3 ? 255 : 128 + gain * (two.data[i] - one.data[i]);
  context.putImageData(two, 0, 0);
}

/* ---- what is chosen ---- */

function chooseSet() {
  const names = data.sets[chosen().set];
  fill(byId("sequence"), [...(names.length > 1 ? [[MEAN, `mean of ${names.length} sequences`]] : []), ...names.map((name) => [name, name])], chosen().sequence);
}
function chooseNear() {
  const points = sound(oneSequence()).filter((p) => p.frames.bits).sort((a, b) => a.bpp - b.bpp);
  const own = points.filter((p) => p.codec === (points.find((q) => codecs[q.codec].kind === "learned") || points[0] || {}).codec);
  const middle = own[Math.floor(own.length / 2)];
  fill(byId("near"), points.map((p) => [`${p.codec}\n${p.point}`, `${p.codec}, ${p.point} (${number(p.bpp, 4)} bpp)`]), byId("near").value || (middle && `${middle.codec}\n${middle.point}`));
}
const drawAll = () => { drawCurves(); drawRates(); chooseNear(); drawFrames(); drawPoints(); choosePictures(); };

fill(byId("metric"), data.metrics.map((m) => [m.name, m.title]));
fill(byId("set"), Object.entries(data.sets).map(([name, members]) => [name, `${name} (${members.length})`]));
byId("set-label").hidden = Object.keys(data.sets).length < 2;
fill(byId("anchor"), data.codecs.map((codec) => [codec.name, codec.name]), data.anchor);
chooseSet();
drawAll();
drawPapers();
drawSources();
byId("metric").onchange = () => { drawCurves(); drawRates(); drawFrames(); };
byId("anchor").onchange = drawRates;
byId("set").onchange = () => { chooseSet(); drawAll(); };
byId("sequence").onchange = drawAll;
byId("near").onchange = drawFrames;
["left", "right", "view", "slide"].forEach((id) => { byId(id).oninput = drawPictures; });
