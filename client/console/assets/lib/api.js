// Requests to the console. A refusal is thrown as an Error with the console's own sentence.

const AGAIN_MS = 700;

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const patch = (path, body = {}) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path, {});

async function ask(method, path, body) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const once = async () => {
    const response = await fetch(path, { method, cache: "no-store", ...sent });
    return [response, await response.text()];
  };
  // A read is tried twice: browsers break requests off when the computer's networks change, as they do with each container.
  const [response, text] = await once()
    .catch((error) => (method === "GET" ? once() : Promise.reject(error)))
    .catch(() => {
      throw Object.assign(new Error("the console does not answer; is it still running?"), { away: true });
    });
  const data = parse(text);
  if (response.ok) return data;
  throw new Error(data?.error?.message ?? `the console answered ${response.status}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Trades the token in the address's fragment for the right to act and says what may be done. The token leaves the address
 * once the console has answered to it; until then it is tried again.
 */
export async function openSession() {
  const token = /[#&]token=([\w-]+)/.exec(location.hash)?.[1];
  let refused = "";
  if (token) {
    await insist(() => post("/api/session", { token })).catch((error) => (refused = error.message));
    history.replaceState(null, "", location.pathname);
  }
  return { ...(await insist(() => get("/api/session"))), refused };
}

/** What the console answers, asked as often as it takes until it does. */
async function insist(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!error.away) throw error;
      await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  }
}
