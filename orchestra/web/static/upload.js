// Sending files to the project of a task, and the fields of a form that hold one.

import { Refusal, send, withToken } from "./api.js";
import { make } from "./dialogs.js";

const PREFIX = "/orchestra/api/interface/";
const SAMPLE_PICTURE = "/orchestra/gallery/morning-hills.jpg"; // a preview keeps no other
const SIGNED_OUT = "You are signed out. Sign in in another tab, then choose the file again.";

// Until that fails once: what keeps a file from its store keeps all of them.
let sendsDirectly = Boolean(document.querySelector('meta[name="direct-uploads"]'));

// Resolves to the server's answer, with the address as url; onProgress gets the share that is sent.
export async function sendFile(path, fields, file, onProgress = () => {}) {
  if (sendsDirectly) {
    const answer = await sendPast(path, fields, file, onProgress);
    if (answer) return answer;
  }
  return withToken((token) =>
    post(PREFIX + path, fields, file, { onProgress, headers: { "X-CSRF-Token": token } }),
  );
}

// Past the server to where it keeps files; resolves to null if that is not the way for this file.
async function sendPast(path, fields, file, onProgress) {
  const begun = await ask("direct_uploads/", {
    task_id: Number(fields.task_id),
    name: file.name,
    size_bytes: file.size,
    folder: fields.folder ?? "",
    is_picture: path === "upload_image/",
  });
  if (begun && (await isSent(begun, file, onProgress))) {
    return ask("direct_uploads/finish/", { upload: begun.upload });
  }
  sendsDirectly = false;
  return null;
}

const isSent = ({ address, fields }, file, onProgress) =>
  post(address, fields, file, { onProgress }).then(
    () => true,
    () => false,
  );

const ask = (path, body) =>
  send(path, body, () => {
    throw new Refusal(401, { error: "unauthenticated", message: SIGNED_OUT });
  });

function post(address, fields, file, { onProgress, headers = {} }) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("file", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", address);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
  return new Promise((resolve, reject) => {
    const refuse = (answer) => reject(new Refusal(request.status, answer));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else if (request.status === 401) refuse({ error: "unauthenticated", message: SIGNED_OUT });
      else refuse(request.response ?? {});
    });
    request.addEventListener("error", () =>
      refuse({ message: "The file could not be sent. Check the connection and choose it again." }),
    );
    request.send(body);
  });
}

// The file as an address that holds all of it: previews store nothing.
export function asDataAddress(file) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.readAsDataURL(file);
  });
}

const isPicture = (field) => field.dataset.upload === "picture";
const part = (field, selector) => field.querySelector(selector);

function shown(field, url, name) {
  const link = make("a", { href: url, target: "_blank", rel: "noopener", className: "text-break" });
  const picture = () =>
    make("img", { className: "img-fluid rounded", src: url, alt: field.dataset.label });
  link.append(isPicture(field) ? picture() : name); // an image loads as soon as it is made
  return link;
}

function hold(field, value, content) {
  part(field, "input[type=hidden]").value = value;
  part(field, "[data-upload-value]").replaceChildren(...content);
  part(field, "[data-upload-value]").hidden = !value;
  part(field, "[data-remove-file]").hidden = !value;
}

// Resolves to {url, shownAt}: a preview keeps nothing, and shows what was chosen all the same.
export async function keep(form, file, { isPicture, onProgress }) {
  if ("preview" in form.dataset) {
    const name = encodeURIComponent(file.name);
    const url = isPicture ? SAMPLE_PICTURE : `/orchestra/files/${"0".repeat(32)}/${name}`;
    return { url, shownAt: await asDataAddress(file) };
  }
  const path = isPicture ? "upload_image/" : "files/";
  const { url } = await sendFile(path, { task_id: form.dataset.taskId }, file, onProgress);
  return { url, shownAt: url };
}

// Says why this file is not worth sending, or nothing.
function fault(field, file) {
  const largest = Number(field.dataset.largest);
  if (largest && file.size > largest) {
    return `${file.name} is larger than ${Number((largest / 1e6).toPrecision(3))} MB. Choose a smaller one.`;
  }
  const isOther = file.type && !part(field, "input[type=file]").accept.includes(file.type);
  return isPicture(field) && isOther ? "This is no picture. Choose a PNG, JPEG, GIF or WebP file." : "";
}

async function take(field, file, { say, tell }) {
  if ("busy" in field.dataset) return;
  const input = part(field, "input[type=file]");
  const progress = part(field, "[data-progress]");
  const message = fault(field, file);
  say(field, message);
  if (!message) {
    field.dataset.busy = "";
    progress.value = 0;
    progress.hidden = false;
    try {
      const onProgress = (share) => (progress.value = share);
      const kept = keep(field.closest("form"), file, { isPicture: isPicture(field), onProgress });
      const { url, shownAt } = await kept;
      const value = field.dataset.format === "uri" ? new URL(url, location.href).href : url;
      hold(field, value, [shown(field, shownAt, file.name)]);
      tell(field);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      say(field, refusal.message);
    } finally {
      delete field.dataset.busy;
      progress.hidden = true;
    }
  }
  input.value = ""; // what was chosen is held, or refused
}

// say(field, message) shows an error at a field, tell(field) that its value is another one.
export function connectUploads(root, { say, tell }) {
  root.classList.add("is-live");
  root.addEventListener("change", ({ target }) => {
    const field = target.type === "file" && target.closest("[data-upload]");
    if (field && target.files.length) take(field, target.files[0], { say, tell });
  });
  root.addEventListener("click", ({ target }) => {
    const field = target.closest("[data-remove-file]")?.closest("[data-upload]");
    if (!field) return;
    hold(field, "", []);
    say(field, "");
    tell(field);
    part(field, "input[type=file]").focus();
  });
  const isOver = (zone) => {
    for (const one of root.querySelectorAll("[data-drop]")) {
      one.classList.toggle("is-over", one === zone);
    }
  };
  root.addEventListener("dragover", (event) => {
    const zone = event.target.closest("[data-drop]");
    isOver(zone);
    if (zone && event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  root.addEventListener("dragleave", () => isOver(null));
  root.addEventListener("drop", (event) => {
    const field = event.target.closest("[data-drop]")?.closest("[data-upload]");
    isOver(null);
    if (!field || !event.dataTransfer.files.length) return;
    event.preventDefault();
    take(field, event.dataTransfer.files[0], { say, tell });
  });
}
