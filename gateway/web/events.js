/**
 * Parses a body of server-sent events: yields {event, data} for each complete event.
 * EventSource cannot send a form, so the stream of a POST is parsed here
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
 *
 * @param {ReadableStream<Uint8Array>} body
 */
export async function* events(body) {
  let event = "";
  let data = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length) yield { event: event || "message", data: data.join("\n") };
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
}

/** Yields lines that end in \r\n, \n or \r, also across chunks. An unfinished last line is dropped. */
async function* lines(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  // A picture is one line of megabytes: its chunks are joined once, when the line ends.
  let parts = [];
  let afterReturn = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      let text = decoder.decode(value, { stream: true });
      if (!text) continue;
      if (afterReturn && text[0] === "\n") text = text.slice(1);
      afterReturn = text.endsWith("\r");
      const pieces = text.split(/\r\n|\n|\r/);
      parts.push(pieces[0]);
      for (const piece of pieces.slice(1)) {
        yield parts.join("");
        parts = [piece];
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
