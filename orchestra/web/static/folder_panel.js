// Panels of folders on a task: files are sent one after the other, and the list is read anew.

import { Refusal } from "./api.js";
import { sendFile } from "./upload.js";

const LIST = "[data-folder-contents]";

const percent = (share) => `${Math.round(share * 100)} %`;

async function renew(panel) {
  const response = await fetch(`/orchestra/folders/${panel.dataset.folder}/`).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  panel.querySelector(LIST).replaceWith(page.querySelector(LIST));
}

async function sendAll(form, panel, files) {
  const state = panel.querySelector("[data-upload-state]");
  const fields = { task_id: form.dataset.taskId, folder: form.dataset.folderUpload };
  let sent = 0;
  for (const file of files) {
    const say = (share) => (state.textContent = `Sending ${file.name}: ${percent(share)}`);
    try {
      await sendFile("files/", fields, file, say);
      sent += 1;
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      state.textContent = `${file.name}: ${refusal.message}`;
      return sent;
    }
  }
  state.textContent = sent === 1 ? "1 file was added." : `${sent} files were added.`;
  return sent;
}

async function upload(form) {
  const panel = document.querySelector(`[data-folder="${form.dataset.folderUpload}"]`);
  const input = panel.querySelector("input[type=file]");
  const button = panel.querySelector("button");
  if (button.disabled || !input.files.length) return;
  button.disabled = true;
  await sendAll(form, panel, [...input.files]);
  input.value = "";
  await renew(panel);
  button.disabled = false;
}

for (const form of document.querySelectorAll("[data-folder-upload]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    upload(form);
  });
}
