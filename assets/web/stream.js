// Reads server-sent events with a header that proves who asks, which EventSource cannot send.
"use strict";

// Calls `on(data)` for each event, and `lost(status)` when the stream ends; status 0 if it broke.
async function readEvents(path, token, on, lost) {
  try {
    const headers = token ? { authorization: "Bearer " + token } : {};
    const answer = await fetch(path, { headers, cache: "no-store" });
    if (!answer.ok) return lost(answer.status);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return lost(0);
      waiting += value;
      let end;
      while ((end = waiting.indexOf("\n")) >= 0) {
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + 1);
        if (line.startsWith("data: ")) on(line.slice(6));
      }
    }
  } catch {
    lost(0);
  }
}

// Follows a stream for ever: what breaks is told to `lost()` and asked for again after a while. A refusal ends it, with
// `refused(status)`.
function follow(path, token, on, { refused, lost }) {
  readEvents(path, token, on, (status) => {
    if (status >= 400 && status < 500) return refused(status);
    lost();
    setTimeout(() => follow(path, token, on, { refused, lost }), 2000 + Math.random() * 1000);
  });
}
