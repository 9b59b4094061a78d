// Asking the console for something. Whatever is refused is thrown as an Error with the console's own sentence.

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const patch = (path, body = {}) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path, {});

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch {
    throw new Error("the console does not answer; is it still up?");
  }
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
    await post("/api/session", { token }).catch((error) => (refused = error.message));
  }
  return { ...(await get("/api/session")), refused };
}
