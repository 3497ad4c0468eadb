// Texts in Markdown: how they will look, rendered by the server as it will later, and pictures
// that are pasted or dropped into them.

import { Refusal, send } from "./api.js";
import { keep } from "./upload.js";

const QUIET_MS = 400; // after the last change

const partsOf = (field) => ({
  text: field.querySelector("textarea"),
  button: field.querySelector("[data-preview-markdown]"),
  preview: field.querySelector("[data-markdown-preview]"),
});

async function render(field) {
  const { text, preview } = partsOf(field);
  try {
    const { html } = await send("preview_markdown/", { text: text.value }, async () => false);
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

// The picture stands where the cursor was; while it is sent a note holds its place.
async function insert(field, file, say) {
  const { text } = partsOf(field);
  const name = file.name.replaceAll(/[[\]\\]/g, "");
  const note = `![Sending ${name} …]()`;
  const fill = (words) => {
    const at = text.value.indexOf(note);
    if (at >= 0) text.setRangeText(words, at, at + note.length, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  text.setRangeText(note, text.selectionStart, text.selectionEnd, "end");
  try {
    const { url } = await keep(text.form, file, { isPicture: true });
    fill(`![${name}](${url})`);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    fill("");
    say(field, refusal.message);
  }
}

function connectPictures(root, say) {
  const take = (event, transfer) => {
    const field = event.target.closest("[data-field]");
    const picture = [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!field || !partsOf(field).preview || !picture) return;
    event.preventDefault();
    insert(field, picture, say);
  };
  root.addEventListener("paste", (event) => take(event, event.clipboardData));
  root.addEventListener("drop", (event) => take(event, event.dataTransfer));
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
