// @ts-check
// Requests to the console. A refusal is thrown as an Error with the console's own message.

const RETRY_MS = 700;

/** @typedef {Error & { unreachable?: boolean }} RequestError */

/** @param {string} path */
export const get = (path) => request("GET", path);

/** @param {string} path @param {object} [body] */
export const post = (path, body = {}) => request("POST", path, body);

/** @param {string} path @param {object} [body] */
export const patch = (path, body = {}) => request("PATCH", path, body);

/** @param {string} path */
export const remove = (path) => request("DELETE", path, {});

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function request(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers };
  /** @returns {Promise<[Response, string]>} */
  const once = async () => {
    const response = await fetch(path, { method, cache: "no-store", ...sent });
    return [response, await response.text()];
  };
  // A GET is tried twice: browsers break requests off when the computer's networks change, as with each new container.
  const [response, text] = await once()
    .catch((error) => (method === "GET" ? once() : Promise.reject(error)))
    .catch(() => {
      throw Object.assign(new Error("the console does not respond; is it still running?"), { unreachable: true });
    });
  const data = parsed(text);
  if (response.ok) return data;
  throw new Error(data?.error?.message ?? `the console responded with status ${response.status}`);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Exchanges the token in the address's fragment for the right to act, and returns what this page may do. The token is
 * removed from the address once the console has answered; until then the exchange is tried again.
 * @returns {Promise<Session>}
 */
export async function openSession() {
  const token = /[#&]token=([\w-]+)/.exec(location.hash)?.[1];
  let refused = "";
  if (token) {
    await untilAnswered(() => post("/api/session", { token })).catch((error) => (refused = error.message));
    history.replaceState(null, "", location.pathname);
  }
  return { ...(await untilAnswered(() => get("/api/session"))), refused };
}

/**
 * Repeats the request until the console answers.
 * @template T
 * @param {() => Promise<T>} send
 * @returns {Promise<T>}
 */
async function untilAnswered(send) {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(/** @type {RequestError} */ (error).unreachable)) throw error;
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}
