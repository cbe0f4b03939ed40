// The read-only view of a document: its text as it is now, and where everybody is. The secret stays here: what is shown to the
// relay is the token that follows from it, by HMAC-SHA256, and which lets only read.
"use strict";
const at = (id) => document.getElementById(id);
const COLOURS = ["#c0392b", "#27ae60", "#b8860b", "#2980b9", "#8e44ad", "#16a085", "#7f8c8d", "#d35400"];

// SHA-256 (FIPS 180-4). The browser's own is there only for pages over TLS.
function sha256(bytes) {
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const part = (x) => ((x - Math.floor(x)) * 2 ** 32) >>> 0;
  const k = primes.map((p) => part(Math.cbrt(p)));
  const h = primes.slice(0, 8).map((p) => part(Math.sqrt(p)));
  const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const w = new Uint32Array(64);
  const rotate = (x, n) => (x >>> n) | (x << (32 - n));
  for (let start = 0; start < padded.length; start += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(start + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10));
    }
    const s = h.slice();
    for (let i = 0; i < 64; i++) {
      const ch = (s[4] & s[5]) ^ (~s[4] & s[6]), maj = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
      const t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + ch + k[i] + w[i];
      const t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + maj;
      s.pop();
      s.unshift((t1 + t2) >>> 0);
      s[4] = (s[4] + t1) >>> 0;
    }
    for (let i = 0; i < 8; i++) h[i] = (h[i] + s[i]) >>> 0;
  }
  const out = new DataView(new ArrayBuffer(32));
  h.forEach((word, i) => out.setUint32(4 * i, word));
  return new Uint8Array(out.buffer);
}

function hmac(key, message) {
  const pad = (byte) => Uint8Array.from({ length: 64 }, (_, i) => (key[i] ?? 0) ^ byte);
  const joined = (a, b) => Uint8Array.from([...a, ...b]);
  return sha256(joined(pad(0x5c), sha256(joined(pad(0x36), message))));
}

// HKDF-SHA256 (RFC 5869) without salt, 32 bytes long.
function derive(secret, purpose) {
  return hmac(hmac(new Uint8Array(32), secret), Uint8Array.from([...new TextEncoder().encode(purpose), 1]));
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const unbase64url = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (ch) => ch.charCodeAt(0));

function readToken(fragment) {
  const isReadOnly = fragment.startsWith("r.");
  const secret = unbase64url(isReadOnly ? fragment.slice(2) : fragment);
  return base64url(derive(isReadOnly ? secret : derive(secret, "read"), "read token"));
}

function caret(person) {
  const caret = document.createElement("span"), name = document.createElement("span");
  caret.className = "caret";
  caret.style.color = COLOURS[person.colour % COLOURS.length];
  name.textContent = person.name;
  caret.append(name);
  return caret;
}

function chip(person) {
  const chip = document.createElement("span"), name = document.createElement("span");
  chip.className = "person";
  chip.style.color = COLOURS[person.colour % COLOURS.length];
  name.textContent = person.name;
  chip.append(name);
  return chip;
}

function state(text, kind) {
  at("state").textContent = text;
  at("state").className = "badge " + kind;
}

// What to type in a terminal. The secret is not spelled out: others may look on.
function offer() {
  const command = `coedit join '${location.href}'`;
  at("command").textContent = `coedit join '${location.href.replace(/#.*/, "#…")}'`;
  at("what").hidden = true;
  at("copy").hidden = false;
  at("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      at("copy").textContent = "Copied";
    } catch {
      // Only pages over TLS may write there.
      at("command").textContent = command;
      getSelection().selectAllChildren(at("command"));
    }
  });
}

function show(view) {
  at("name").textContent = view.name || "A coedit document";
  document.title = view.name || "A coedit document";
  state("live, read only", "good");
  at("people").replaceChildren(...view.people.map(chip));
  const n_lines = view.text.split("\n").length - (view.text.endsWith("\n") ? 1 : 0);
  at("size").textContent = n_lines === 1 ? "1 line" : `${n_lines.toLocaleString("en")}${view.is_cut ? "+" : ""} lines`;
  const shown = document.createDocumentFragment();
  let from = 0;
  const carets = view.people.filter((person) => person.at !== null).sort((a, b) => a.at - b.at);
  for (const person of carets) {
    shown.append(view.text.slice(from, person.at), caret(person));
    from = person.at;
  }
  shown.append(view.text.slice(from), view.is_cut ? "\n… the rest is too long to be shown here" : "");
  at("text").replaceChildren(shown);
  at("text").hidden = false;
}

try {
  const path = location.pathname.replace(/\/$/, "");
  const token = readToken(location.hash.slice(1));
  offer();
  follow(path + "/view", token, (data) => show(JSON.parse(data)), {
    refused: (status) => state(status === 404 ? "to be seen in coedit only" : "cannot be shown here", "bad"),
    lost: () => state("not reachable, trying again", "bad"),
  });
} catch {
  state("the link is not whole", "bad");
}
