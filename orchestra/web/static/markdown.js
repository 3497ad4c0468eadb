// Texts in Markdown: how they will look, rendered by the server as it will later, and the pictures
// that they take.

import { Refusal, send } from "./api.js";
import { connectPictures } from "./pasted_pictures.js";

const QUIET_MS = 400; // after the last change

const partsOf = (field) => ({
  text: field.querySelector("textarea"),
  button: field.querySelector("[data-preview-markdown]"),
  preview: field.querySelector("[data-markdown-preview]"),
});

async function render(field) {
  const { text, preview } = partsOf(field);
  const { below } = preview.dataset; // the level of the heading over it, if it is not a form's
  const asked = { text: text.value, ...(below && { below: Number(below) }) };
  try {
    const { html } = await send("preview_markdown/", asked, async () => false);
    preview.innerHTML = html || "<p>Nothing is written yet.</p>"; // cleaned by the server
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    preview.textContent = refusal.message;
  }
}

async function toggle(field) {
  const { button, preview } = partsOf(field);
  if (preview.hidden) await render(field);
  preview.hidden = !preview.hidden;
  button.setAttribute("aria-expanded", String(!preview.hidden));
}

// say(field, message) shows an error at a field; without it the texts take no pictures.
export function connectMarkdown(root, say) {
  if (say) connectPictures(root, say);
  const timers = new WeakMap();
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-preview-markdown]");
    if (button) toggle(button.closest("[data-field]"));
  });
  root.addEventListener("input", ({ target }) => {
    const field = target.closest("[data-field]");
    if (!field || target.tagName !== "TEXTAREA" || (partsOf(field).preview?.hidden ?? true)) return;
    clearTimeout(timers.get(field));
    timers.set(field, setTimeout(() => render(field), QUIET_MS));
  });
}
