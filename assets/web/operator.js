// The operator's page: what the relay does now, once a second.
"use strict";
const at = (id) => document.getElementById(id);
let before = null;

function cell(row, text, kind) {
  const cell = row.insertCell();
  cell.textContent = text;
  if (kind) cell.className = kind;
}

function number(list, name, value) {
  const dt = document.createElement("dt"), dd = document.createElement("dd"), box = document.createElement("div");
  dt.textContent = name;
  dd.textContent = value ?? "–";
  box.append(dt, dd);
  list.append(box);
}

function show(status) {
  at("login").hidden = true;
  at("table").hidden = false;
  at("state").textContent = status.ready ? "ready" : status.trouble;
  const list = document.createDocumentFragment();
  const links = Object.entries(status.connections).map(([via, n]) => `${n} ${via}`).join(", ");
  const rate = (key) => before ? Math.max(0, status[key] - before[key]).toLocaleString() : "–";
  number(list, "connections", links || "0");
  number(list, "documents", `${status.documents.length} open, ${status.documents_stored} stored`);
  number(list, "operations in / s", rate("ops_in"));
  number(list, "operations out / s", rate("ops_out"));
  number(list, "bytes in / s", rate("bytes_in"));
  number(list, "bytes out / s", rate("bytes_out"));
  number(list, "fan-out, ms (50 % / 99 %)", `${status.fan_out_ms.p50 ?? "–"} / ${status.fan_out_ms.p99 ?? "–"}`);
  number(list, "fsync, ms (50 % / 99 %)", `${status.fsync_ms.p50 ?? "–"} / ${status.fsync_ms.p99 ?? "–"}`);
  number(list, "bytes waiting", status.queue_bytes.toLocaleString());
  number(list, "refusals", Object.values(status.refusals).reduce((sum, n) => sum + n, 0));
  number(list, "up for", `${status.uptime_s} s`);
  at("numbers").replaceChildren(list);
  const rows = document.createElement("tbody");
  rows.id = "documents";
  for (const doc of status.documents) {
    const row = rows.insertRow();
    cell(row, doc.document);
    cell(row, doc.name);
    cell(row, doc.people.join(", "));
    cell(row, doc.links, "number");
    cell(row, doc.operations.toLocaleString(), "number");
    cell(row, doc.stored_bytes.toLocaleString(), "number");
  }
  at("documents").replaceWith(rows);
  before = status;
}

function start(token) {
  // Relative to where the page is: a proxy may serve it under a path of its own.
  follow(location.pathname + "/events", token, (data) => show(JSON.parse(data)), () => {
    sessionStorage.removeItem("token");
    at("state").textContent = "for its operator";
    at("login").hidden = false;
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
