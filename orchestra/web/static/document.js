// A document that is edited: saved as it is written, two versions to choose from when somebody
// else saved meanwhile (I-31). How it looks is rendered by the server.

import { replace } from "./api.js";
import { chooseBetween } from "./conflict.js";
import { askToSignIn, make } from "./dialogs.js";
import { Draft, canonical, clock, keyOf } from "./draft.js";
import { connectMarkdown } from "./markdown.js";

const form = document.getElementById("document-form");
const text = form.elements.text;
const conflict = document.getElementById("conflict");
const state = document.querySelector("[data-save-state]");
const { documentId } = form.dataset;
const field = text.closest("[data-field]");
const signIn = () => askToSignIn(document.getElementById("login-dialog"));

const draft = new Draft({
  key: keyOf("document", documentId),
  revision: Number(form.dataset.revision),
  data: { text: text.defaultValue },
  send: (data, revision) => replace(`documents/${documentId}/`, { ...data, revision }, signIn),
  announce: (words) => (state.textContent = words),
  stored: () => {},
  stale: (newer) => choose(draft.data, newer),
});

async function choose(mine, newer) {
  const who = newer.saved_by ? ` by ${newer.saved_by}` : "";
  const when = newer.saved_at ? ` at ${clock(newer.saved_at)}` : "";
  const reason = `A newer version was saved${who}${when}. Choose what to keep; the other one stays in the history or here to be copied.`;
  const data = await chooseBetween(conflict, {
    mine,
    theirs: newer.data,
    names: { labels: { "/text": "Text" }, choices: {} },
    reason,
  });
  draft.adopt(newer);
  text.value = data.text;
  draft.resume();
  draft.change(data);
  await draft.save();
  text.focus();
}

function say(_field, message) {
  const note = document.getElementById("text-error");
  note.textContent = message;
  note.hidden = !message;
}

function offer(left) {
  const restore = make("button", { type: "button", className: "btn btn-sm btn-primary" }, "Restore it");
  const discard = make("button", { type: "button", className: "btn btn-sm btn-outline-secondary" });
  discard.append("Discard it");
  const said = `Unsaved text from ${clock(left.at)} was kept in this browser. `;
  conflict.replaceChildren(make("p", { className: "mb-2" }, said), restore, " ", discard);
  conflict.hidden = false;
  discard.addEventListener("click", () => {
    draft.forgetLeftBehind();
    conflict.hidden = true;
  });
  restore.addEventListener("click", () => {
    conflict.hidden = true;
    text.value = left.data.text;
    draft.change({ text: text.value });
  });
}

function start() {
  const left = draft.leftBehind;
  if (left && canonical(left.data) !== canonical(draft.data)) offer(left);
  else if (left) draft.forgetLeftBehind();
  connectMarkdown(form, "taskId" in form.dataset ? say : undefined);
  for (const hidden of form.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
  text.addEventListener("input", () => draft.change({ text: text.value }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    draft.save();
  });
  document.querySelector("[data-done]").addEventListener("click", async (event) => {
    const isSending = "busy" in field.dataset;
    if (!isSending && !draft.isDirty) return;
    event.preventDefault();
    if (isSending) say(field, "A picture is still being sent. Wait a moment.");
    else if (await draft.save()) location.assign(event.target.href);
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "s") return;
    event.preventDefault();
    draft.save();
  });
  window.addEventListener("beforeunload", (event) => {
    if (draft.isDirty) event.preventDefault();
  });
  if (text.value !== text.defaultValue) draft.change({ text: text.value }); // typed before we ran
}

start();
