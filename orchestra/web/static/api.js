// Calls of the JSON API of the pages. A failure is a Refusal with the kind that the server named.

const PREFIX = "/orchestra/api/interface/";

export class Refusal extends Error {
  constructor(status, answer) {
    super(answer.message ?? "The server did not answer as expected.");
    this.status = status;
    this.kind = answer.error ?? "internal";
    this.fields = answer.fields ?? {};
    this.answer = answer;
  }

  // Whether the same call may succeed a little later.
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const tokenElement = (page) => page.querySelector('meta[name="csrf-token"]');

async function call(method, path, body) {
  const headers = { "X-CSRF-Token": tokenElement(document)?.content ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options = { method, credentials: "same-origin", headers, body };
  const response = await fetch(PREFIX + path, options).catch(() => null);
  if (!response) throw new Refusal(0, { message: "The server cannot be reached." });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

// What one person typed is not sent in the name of another who signed in meanwhile.
const SOMEBODY_ELSE =
  "Somebody else is signed in in this browser now. Sign in again in another tab, then go on here.";
const accountOf = (page) => page.documentElement.dataset.account;

// A new login has a new token: take it from a fresh copy of this page. Says whether it changed.
async function renewToken() {
  const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!response) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const account = accountOf(page);
  if (account && account !== accountOf(document)) throw new Refusal(403, { message: SOMEBODY_ELSE });
  const [old, fresh] = [tokenElement(document), tokenElement(page)];
  if (!old || !fresh || old.content === fresh.content) return false;
  old.content = fresh.content;
  return true;
}

async function insist(signIn, method, path, body) {
  for (;;) {
    try {
      return await call(method, path, body);
    } catch (refusal) {
      const isSignedOut = refusal.kind === "unauthenticated" && (await signIn());
      const mayRepeat = isSignedOut || refusal.kind === "forbidden";
      if (!mayRepeat || (!(await renewToken()) && !isSignedOut)) throw refusal;
    }
  }
}

// What is sent otherwise, as files are: call(token) is tried again if the login is a new one.
export async function withToken(call) {
  const attempt = () => call(tokenElement(document)?.content ?? "");
  try {
    return await attempt();
  } catch (refusal) {
    if (refusal.kind !== "forbidden" || !(await renewToken())) throw refusal;
    return attempt();
  }
}

// signIn() resolves to true when the person says they have signed in again.
export function send(path, data, signIn) {
  return insist(signIn, "POST", path, JSON.stringify(data));
}

export function replace(path, data, signIn) {
  return insist(signIn, "PUT", path, JSON.stringify(data));
}

export function look(path, parameters, signIn) {
  return insist(signIn, "GET", `${path}?${new URLSearchParams(parameters)}`);
}
