// Operations: fresh data while somebody looks; what is typed or folded open outlives it.

const FRESH_EVERY_MS = 10000;
let etag = null;

const page = () => document.getElementById("operations");

function refresh() {
  if (!document.hidden) window.htmx?.trigger(page(), "refresh");
}

document.addEventListener("htmx:configRequest", (event) => {
  if (etag) event.detail.headers["If-None-Match"] = etag;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 200) etag = xhr.getResponseHeader("ETag");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  // Signed out meanwhile: the answer is the login page.
  if (event.detail.xhr.status === 200 && !event.detail.serverResponse.includes('id="operations"')) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// A field that was refused holds what was typed before this page was made.
const isTyped = (field) =>
  field.type !== "hidden" && (field.value !== field.defaultValue || "refused" in field.dataset);
const fieldsIn = (node) => [...(node.querySelectorAll?.("textarea, input") ?? [])];
const isField = (node) => node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement;

if (window.Idiomorph) {
  Object.assign(window.Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (old) => !(isField(old) && isTyped(old)),
    beforeNodeRemoved: (node) => !fieldsIn(node).some(isTyped),
    beforeAttributeUpdated: (name, element) => !(name === "open" && element.tagName === "DETAILS"),
  });
  window.Idiomorph.defaults.ignoreActiveValue = true;
}

setInterval(refresh, FRESH_EVERY_MS);
document.addEventListener("visibilitychange", refresh);
