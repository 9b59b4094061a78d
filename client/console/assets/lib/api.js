// Asking the console for something. Whatever is refused is thrown as an Error with the console's own sentence.

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const patch = (path, body = {}) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path, {});

async function ask(method, path, body) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const once = () => fetch(path, { method, cache: "no-store", ...sent });
  // What only reads may be asked twice: browsers break connections off when a network comes or goes.
  const answer = await once()
    .catch((error) => (method === "GET" ? once() : Promise.reject(error)))
    .catch(() => {
      throw new Error("the console does not answer; is it still up?");
    });
  const data = await answer.json().catch(() => null);
  if (answer.ok) return data;
  throw new Error(data?.error?.message ?? `the console answered ${answer.status}`);
}

/** Trades the token in the address's fragment for the right to act, takes it out of the address, and says what may be done. */
export async function openSession() {
  const token = /[#&]token=([\w-]+)/.exec(location.hash)?.[1];
  let refused = "";
  if (token) {
    history.replaceState(null, "", location.pathname);
    const trade = () => post("/api/session", { token });
    await trade().catch(trade).catch((error) => (refused = error.message));
  }
  return { ...(await get("/api/session")), refused };
}
