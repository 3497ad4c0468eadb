// A part of a page that fetches itself again while somebody looks: sent only when something changed.

const isFold = (name, element) => name === "open" && element.tagName === "DETAILS";

// id: of the part; it is sent anew by its own hx-get. isBusy(): nothing may change just now.
// address(): where to ask, if not where the part says. isOfThePerson(name, element): whether an
// attribute is what somebody typed or chose; the server does not know it, nor what is folded open.
// Returns what asks for all of it at once.
export function keepFresh({
  id,
  everyMs,
  isBusy = () => false,
  address = null,
  isOfThePerson = () => false,
}) {
  let etag = null;
  const part = () => document.getElementById(id);
  const isOurs = (event) => event.detail.elt === part(); // others may fetch something, too
  const ask = () => window.htmx?.trigger(part(), "refresh");
  const refresh = () => document.hidden || isBusy() || ask();

  document.addEventListener("htmx:configRequest", (event) => {
    if (!isOurs(event)) return;
    if (address) event.detail.path = address();
    if (etag) event.detail.headers["If-None-Match"] = etag;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr } = event.detail;
    if (isOurs(event) && xhr.status === 200) etag = xhr.getResponseHeader("ETag");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, serverResponse } = event.detail;
    if (!isOurs(event) || xhr.status !== 200 || serverResponse.includes(`id="${id}"`)) return;
    event.detail.shouldSwap = false; // signed out meanwhile: the answer is the login page
    location.reload();
  });

  if (window.Idiomorph) {
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
      isFold(name, element) || isOfThePerson(name, element) ? false : undefined;
    window.Idiomorph.defaults.ignoreActiveValue = true;
  }
  setInterval(refresh, everyMs);
  document.addEventListener("visibilitychange", refresh);

  return () => {
    etag = null;
    ask();
  };
}
