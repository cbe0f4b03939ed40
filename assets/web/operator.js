// The operator's page: what the relay does now, once a second, and in the last minutes.
"use strict";
const at = (id) => document.getElementById(id);
const SECONDS = 120;
const past = new Map();
let before = null;

// A number as people read it: 1,234, 56.7 k, 8.9 M.
function short(n) {
  const steps = [[1e9, "G"], [1e6, "M"], [1e4, "k", 1e3]];
  for (const [from, unit, by] of steps) if (n >= from) return `${(n / (by ?? from)).toFixed(1)} ${unit}`;
  return Math.round(n).toLocaleString("en");
}

function since(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${seconds} s`;
}

function element(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// The last minutes of a number as a line; what is now stands at the right.
function curve(name, value) {
  const values = past.get(name) ?? [];
  values.push(value ?? 0);
  if (values.length > SECONDS) values.shift();
  past.set(name, values);
  const highest = Math.max(...values, 1e-9);
  const points = values.map((v, i) => `${SECONDS - values.length + i},${(29 - 26 * v / highest).toFixed(1)}`);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${SECONDS - 1} 30`);
  svg.setAttribute("preserveAspectRatio", "none");
  const first = SECONDS - values.length;
  for (const [kind, shape, opacity] of [["polygon", `${first},30 ${points.join(" ")} ${SECONDS - 1},30`, "0.12"], ["polyline", points.join(" "), "1"]]) {
    const line = document.createElementNS(svg.namespaceURI, kind);
    line.setAttribute("points", shape);
    line.setAttribute("fill", kind === "polygon" ? "currentColor" : "none");
    line.setAttribute("stroke", kind === "polygon" ? "none" : "currentColor");
    line.setAttribute("stroke-width", "1.5");
    line.setAttribute("vector-effect", "non-scaling-stroke");
    line.setAttribute("opacity", opacity);
    svg.append(line);
  }
  return svg;
}

function card(list, name, value, { unit, about, drawn }) {
  const box = element("div", "", "card"), dd = element("dd", value);
  if (unit) dd.append(" ", element("small", unit));
  box.append(element("dt", name), dd);
  if (about) box.append(element("small", about, "quiet"));
  if (drawn !== undefined) box.append(curve(name, drawn));
  list.append(box);
}

function numbers(status) {
  const list = document.createDocumentFragment();
  const seconds = before ? Math.max(status.uptime_s - before.uptime_s, 1) : 1;
  const rate = (key) => before ? Math.max(0, status[key] - before[key]) / seconds : 0;
  const sum = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);
  const listed = (counts) => Object.entries(counts).filter(([, n]) => n).map(([what, n]) => `${n} ${what}`).join(", ");
  const links = sum(status.connections);
  const ms = ({ p50, p99 }) => `${p50 ?? "–"} / ${p99 ?? "–"}`;
  card(list, "Connections", short(links), { about: listed(status.connections), drawn: links });
  card(list, "Operations in", short(rate("ops_in")), { unit: "/ s", drawn: rate("ops_in") });
  card(list, "Operations out", short(rate("ops_out")), { unit: "/ s", drawn: rate("ops_out") });
  card(list, "Traffic", short(rate("bytes_in") + rate("bytes_out")), { unit: "bytes / s", drawn: rate("bytes_in") + rate("bytes_out") });
  card(list, "Documents", `${status.documents.length} open, ${status.documents_stored} stored`, {});
  card(list, "An edit until it is stored and sent", ms(status.fan_out_ms), { unit: "ms", about: "half within / 99 % within" });
  card(list, "One sync of the disk", ms(status.fsync_ms), { unit: "ms", about: "half within / 99 % within" });
  card(list, "Waiting for slow readers", short(status.queue_bytes), { unit: "bytes" });
  card(list, "Refusals", short(sum(status.refusals)), { about: listed(status.refusals) });
  return list;
}

function rows(documents) {
  const rows = document.createElement("tbody");
  rows.id = "documents";
  for (const doc of [...documents].sort((a, b) => b.links - a.links || a.name.localeCompare(b.name))) {
    const row = rows.insertRow(), id = document.createElement("td");
    id.append(element("code", doc.document));
    row.append(element("td", doc.name || "–"), element("td", doc.people.join(", "), "people"));
    for (const n of [doc.links, doc.operations, doc.stored_bytes]) row.append(element("td", short(n), "number"));
    row.append(id);
  }
  if (!documents.length) rows.insertRow().append(Object.assign(element("td", "Nobody is in any.", "quiet"), { colSpan: 6 }));
  return rows;
}

function state(text, kind) {
  at("state").textContent = text;
  at("state").className = "badge " + kind;
}

function show(status) {
  at("login").hidden = true;
  at("all").hidden = false;
  state(status.ready ? "ready" : status.trouble, status.ready ? "good" : "bad");
  at("about").textContent = `${location.host}, version ${status.version}, up for ${since(status.uptime_s)}`;
  at("numbers").replaceChildren(numbers(status));
  at("documents").replaceWith(rows(status.documents));
  before = status;
}

function start(token) {
  // Relative to where the page is: a proxy may serve it under a path of its own.
  follow(location.pathname + "/events", token, (data) => show(JSON.parse(data)), {
    refused: () => {
      sessionStorage.removeItem("token");
      state("for its operator", "");
      at("all").hidden = true;
      at("login").hidden = false;
      at("token").focus();
    },
    lost: () => state("not reachable, trying again", "bad"),
  });
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value);
  start(at("token").value);
});
// In the fragment, which is never sent to anybody.
const given = decodeURIComponent(location.hash.slice(1));
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
start(given || sessionStorage.getItem("token"));
