// Available tasks: asked for every minute while somebody looks, sent only when something changed.

const FRESH_EVERY_MS = 60000;

let etag = null;

const list = () => document.getElementById("available");

function refresh() {
  if (!document.hidden) window.htmx?.trigger(list(), "refresh");
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt === list() && etag) event.detail.headers["If-None-Match"] = etag;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr } = event.detail;
  if (elt === list() && xhr.status === 200) etag = xhr.getResponseHeader("ETag");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  // Signed out meanwhile: the answer is the login page.
  if (event.detail.elt === list() && !event.detail.serverResponse.includes('id="available"')) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// The server does not know which details are open.
if (window.Idiomorph) {
  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
    name === "open" && element.tagName === "DETAILS" ? false : undefined;
}

setInterval(refresh, FRESH_EVERY_MS);
document.addEventListener("visibilitychange", refresh);
