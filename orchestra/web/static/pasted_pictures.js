// Pictures that are pasted or dropped into texts in Markdown: sent to the project, and named where
// the cursor was.

import { Refusal } from "./api.js";
import { keep } from "./upload.js";

const EMPTY_NAME = "picture";

let count = 0;

const fieldOf = (event) => event.target.closest("[data-field]");
const textOf = (field) => field?.querySelector("textarea");
const takesPictures = (field) =>
  Boolean(field?.querySelector("[data-markdown-preview]")) && !textOf(field).matches(":disabled, :read-only");

function replaceIn(text, former, words) {
  const at = text.value.indexOf(former);
  if (at >= 0) text.setRangeText(words, at, at + former.length, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

// While a picture is sent a note holds its place, and the field is busy.
async function insert(field, pictures, say) {
  const text = textOf(field);
  const places = pictures.map((file) => {
    const name = file.name.replaceAll(/[[\]\\]/g, "") || EMPTY_NAME;
    return { file, name, note: `![Sending picture ${(count += 1)}, ${name} …]()` };
  });
  const notes = places.map(({ note }) => note).join("\n");
  text.setRangeText(notes, text.selectionStart, text.selectionEnd, "end");
  field.dataset.busy = Number(field.dataset.busy || 0) + 1;
  say(field, "");
  const faults = [];
  for (const { file, name, note } of places) {
    try {
      const { url } = await keep(text.form, file, { isPicture: true });
      replaceIn(text, note, `![${name}](${url})`);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      replaceIn(text, note, "");
      faults.push(`${name}: ${refusal.message}`);
    }
  }
  if (field.dataset.busy === "1") delete field.dataset.busy;
  else field.dataset.busy -= 1;
  say(field, faults.join(" "));
}

const picturesIn = (transfer) => [...transfer.files].filter(({ type }) => type.startsWith("image/"));

// say(field, message) shows an error at a field.
export function connectPictures(root, say) {
  root.addEventListener("paste", (event) => {
    const field = fieldOf(event);
    const pictures = picturesIn(event.clipboardData);
    // What office programs copy is a text with a picture of it.
    const isText = event.clipboardData.types.includes("text/plain");
    if (!takesPictures(field) || isText || !pictures.length) return;
    event.preventDefault();
    insert(field, pictures, say);
  });
  root.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files") && takesPictures(fieldOf(event))) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    const field = fieldOf(event);
    if (!event.dataTransfer.files.length || !takesPictures(field)) return;
    event.preventDefault(); // also what is no picture: the browser would leave the page for it
    const pictures = picturesIn(event.dataTransfer);
    if (pictures.length) insert(field, pictures, say);
    else say(field, "Only pictures can be dropped into a text: PNG, JPEG, GIF or WebP files.");
  });
}
