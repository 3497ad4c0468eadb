// The page of a project: fresh data while somebody looks (W-61), and short ways by mouse.

const FRESH_EVERY_MS = 15000;

let etag = null;

const project = () => document.getElementById("project");

// Somebody types or reads a dialog: what they see must not change under their hands.
function isBusy() {
  const field = document.activeElement?.closest("#project :is(input, textarea)");
  return Boolean(field || document.querySelector("dialog[open], :popover-open"));
}

function refresh() {
  if (!document.hidden && !isBusy()) window.htmx?.trigger(project(), "refresh");
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target === project() && etag) event.detail.headers["If-None-Match"] = etag;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 200) etag = xhr.getResponseHeader("ETag");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  // Signed out meanwhile: the answer is the login page.
  if (event.detail.xhr.status === 200 && !event.detail.serverResponse.includes('id="project"')) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// The server does not know what is open, typed or chosen.
if (window.Idiomorph) {
  const isOfThePerson = (name, element) =>
    (name === "open" && element.tagName === "DETAILS") ||
    (["value", "checked", "selected"].includes(name) && element.closest("form"));
  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
    isOfThePerson(name, element) ? false : undefined;
  window.Idiomorph.defaults.ignoreActiveValue = true;
}

// The picture of the steps leads to the rows, a bar of the timeline to what was handed over. Both
// are short ways for the mouse: the tables have the same as links.
document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-goes-to]");
  if (box) {
    const row = document.getElementById(box.dataset.goesTo);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }
  const bar = event.target.closest("[data-opens]");
  if (bar) location.assign(bar.dataset.opens);
});

setInterval(refresh, FRESH_EVERY_MS);
document.addEventListener("visibilitychange", refresh);
