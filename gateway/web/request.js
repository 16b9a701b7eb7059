import { events } from "./events.js";

/** An error in the form of RFC 9457: code, detail, and if known stage and request_id. */
export class Problem extends Error {
  constructor(fields) {
    super(fields.detail);
    Object.assign(this, { code: "unknown", status: 0 }, fields);
  }
}

const UNREACHABLE = {
  code: "unreachable",
  detail: "The server cannot be reached. Check your connection and try again.",
};
const CUT_OFF = {
  code: "cut_off",
  detail: "The connection was lost before the picture was finished. Try again.",
};

const TOO_LARGE = {
  code: "upload_too_large",
  detail: "The photos are too large. Choose smaller ones.",
};
const NOT_READY = {
  code: "service_unavailable",
  detail: "The server is not ready. Try again in a moment.",
};

/**
 * Sends the form, and passes each event on until the picture arrives.
 *
 * @param {string} url
 * @param {FormData} form
 * @param {AbortSignal} signal
 * @param {{pipeline: (p: object) => void, stage: (s: object) => void}} on
 * @returns {Promise<{blob: Blob, width: number, height: number, category: string,
 *   warnings: {message: string}[]}>}
 * @throws {Problem} if there is no picture; AbortError if the signal fires.
 */
export async function tryOn(url, form, signal, on) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      body: form,
      headers: { Accept: "text/event-stream" },
      signal,
    });
  } catch (error) {
    throw signal.aborted ? error : new Problem(UNREACHABLE);
  }
  if (!response.ok) throw await problemOf(response);
  try {
    for await (const { event, data } of events(response.body)) {
      const message = JSON.parse(data);
      if (event === "pipeline") on.pipeline(message);
      if (event === "stage") on.stage(message);
      if (event === "error") throw new Problem(message);
      if (event === "result") {
        const { width, height, category, warnings } = message;
        const blob = decode(message.image, message.media_type);
        return { blob, width, height, category, warnings };
      }
    }
  } catch (error) {
    throw signal.aborted || error instanceof Problem ? error : new Problem(CUT_OFF);
  }
  signal.throwIfAborted();
  throw new Problem(CUT_OFF);
}

/** Reads the error of a response; the response of a proxy has no details, only a status. */
async function problemOf(response) {
  const { status } = response;
  try {
    const body = await response.json();
    if (typeof body.detail === "string") return new Problem(body);
  } catch {
    // Not JSON.
  }
  if (status === 413) {
    return new Problem({ ...TOO_LARGE, status });
  }
  return new Problem({ ...NOT_READY, status });
}

function decode(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
}
