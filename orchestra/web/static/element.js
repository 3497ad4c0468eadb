// Step interfaces that are a custom element of the workflow's author (W-41 to W-47): the page
// makes the element, gives it the task, and hears its changes.

import { Refusal, look } from "./api.js";
import { make } from "./dialogs.js";
import { keyOf } from "./draft.js";
import { notify } from "./notices.js";
import { asDataAddress, sendFile } from "./upload.js";

const LOADING_MS = 300; // before the page says that it loads
const elements = new WeakMap(); // root → the running element
const drafts = new WeakMap(); // root → the last good data
const PREVIEW_ID = "0".repeat(32);

const stepNamed = (task, slug) => task.prerequisites?.[slug];

// The last good data; of a root that has not run, what the server sent.
export function dataOf(root) {
  return drafts.get(root) ?? JSON.parse(root.dataset.elementData);
}

// What native fields and the element itself say is wrong, in the form of form.js's inspect.
export async function examineElement(root) {
  const element = elements.get(root);
  if (!element) {
    const message = "The fields of this step did not load. Reload the page to submit.";
    return { data: dataOf(root), problems: [{ pointer: "", message }], places: new Map() };
  }
  const native = nativeFields(element).filter((field) => !field.checkValidity());
  const problems = native.map((field) => ({ pointer: pointerOf(field), message: complaint(field) }));
  try {
    problems.push(...((await element.validate?.()) ?? []));
  } catch (error) {
    fail(root, error);
    return examineElement(root);
  }
  return { data: dataOf(root), problems, places: new Map() };
}

// The native fields, whoever complains of them: the browser, the element or the server.
function fieldsByPointer(root) {
  const element = elements.get(root);
  const fields = element ? nativeFields(element) : [];
  return new Map(fields.map((field) => [pointerOf(field), field]).reverse()); // the first radio button
}

function nativeFields(element) {
  return [element, element.shadowRoot].filter(Boolean).flatMap((part) => [
    ...part.querySelectorAll("input, select, textarea"),
  ]);
}

const pointerOf = (field) => `/${field.name || field.id || "field"}`;

function complaint(field) {
  const label = titleOf(field);
  return label ? `${label}: ${field.validationMessage}` : field.validationMessage;
}

// Shows {pointer: [sentence]} above the element, where the page has no summary of its own that does;
// only native fields can be gone to.
export function showElementErrors(root, errors, list) {
  const fields = fieldsByPointer(root);
  const found = Object.entries(errors).map(([pointer, messages]) => ({
    message: messages.join(" "),
    control: fields.get(pointer) ?? null,
  }));
  if (!document.getElementById("error-summary")) list(root, found);
  found.forEach(({ control }, index) => control && (control.id ||= `native-${index}`));
  return found;
}

// [{pointer, name}]: what a reviewer can remark on, as the element says or as its fields are called.
export function placesOf(root) {
  const element = elements.get(root);
  if (!element) return [];
  const named = nativeFields(element).filter(({ name }) => name);
  const own = named.map((field) => ({ pointer: pointerOf(field), name: titleOf(field) }));
  const places = element.remarkPlaces ?? own;
  return [...new Map(places.map((place) => [place.pointer, place])).values()];
}

const titleOf = (field) => field.labels?.[0]?.textContent.trim() || field.ariaLabel || field.name;

class Step {
  #isReadonly;
  #api;

  constructor(root) {
    this.root = root;
    this.place = root.querySelector("[data-element-place]");
    this.taskId = root.dataset.taskId;
    this.#isReadonly = "readonly" in root.dataset;
    this.#api = Object.freeze(this.#calls());
  }

  async start() {
    drafts.set(this.root, JSON.parse(this.root.dataset.elementData));
    const slow = setTimeout(() => this.place.append("Loading …"), LOADING_MS);
    try {
      const [task] = await Promise.all([this.#readTask(), this.#loadScripts()]);
      this.#show(task);
    } catch (error) {
      fail(this.root, error);
    } finally {
      clearTimeout(slow);
    }
  }

  #readTask() {
    const given = this.root.dataset.taskAssignment;
    if (given) return JSON.parse(given);
    return look("task_assignment_information/", { task_id: this.taskId }, async () => false);
  }

  async #loadScripts() {
    const { element, scripts } = this.root.dataset;
    await Promise.all(JSON.parse(scripts).map((address) => import(address)));
    if (!customElements.get(element)) throw new Error(`No script defined the element ${element}.`);
  }

  #show(task) {
    const element = new (customElements.get(this.root.dataset.element))();
    element.addEventListener("orchestra-change", (event) => this.#changed(event));
    elements.set(this.root, element);
    this.task = task;
    element.api = this.#api;
    this.#setReadonly(element, this.#isReadonly);
    element.taskAssignment = structuredClone(task);
    this.place.replaceChildren(element);
    this.place.removeAttribute("aria-busy");
  }

  #setReadonly(element, isReadonly) {
    this.#isReadonly = isReadonly;
    element.toggleAttribute("readonly", isReadonly);
    element.readonly = isReadonly;
  }

  // Another window saved: the element gets the task as it is now (W-43).
  async renew() {
    const element = elements.get(this.root);
    if (!element || "taskAssignment" in this.root.dataset) return;
    const asked = new CustomEvent("orchestra-renew", { bubbles: true, cancelable: true });
    if (!this.root.dispatchEvent(asked)) return; // something is unsaved: both will be compared
    try {
      this.task = await this.#readTask();
      this.#setReadonly(element, this.task.is_read_only);
      drafts.set(this.root, this.task.task.data);
      element.taskAssignment = structuredClone(this.task);
      const { revision } = this.task;
      this.#tell("orchestra-renewed", { data: this.task.task.data, revision });
    } catch (error) {
      if (!(error instanceof Refusal)) fail(this.root, error);
    }
  }

  #changed(event) {
    event.stopPropagation();
    const data = event.detail?.data;
    if (this.#isReadonly) return;
    if (data === null || typeof data !== "object" || Array.isArray(data)) {
      fail(this.root, new Error("orchestra-change must carry the whole task data as detail.data."));
      return;
    }
    drafts.set(this.root, JSON.parse(JSON.stringify(data))); // what is sent, whatever it does next
    this.#tell("orchestra-change", { data: dataOf(this.root) });
  }

  #tell(name, detail) {
    this.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  #calls() {
    const isPreview = "taskAssignment" in this.root.dataset;
    return {
      prerequisite: (slug, key) => {
        const data = stepNamed(this.task, slug);
        return structuredClone(key === undefined ? data : data?.[key]);
      },
      uploadFile: async (file, folder = "") => {
        if (isPreview) return { id: PREVIEW_ID, name: file.name, url: await asDataAddress(file) };
        return sendFile("files/", { task_id: this.taskId, folder }, file);
      },
      listFiles: async (folder) => {
        if (isPreview) return [];
        const asked = { task_id: this.taskId, ...(folder === undefined ? {} : { folder }) };
        return look("files/", asked, async () => false);
      },
      documentUrl: (id) => `/orchestra/documents/${encodeURIComponent(id)}/`,
      staticUrl: (path) => this.root.dataset.static + path.split("/").map(encodeURIComponent).join("/"),
      notify: (text) => void notify(String(text), "info"),
    };
  }
}

// The element is taken away and its last good data shown; Save keeps that.
function fail(root, error) {
  elements.delete(root);
  console.warn("step interface:", error);
  const place = root.querySelector("[data-element-place]");
  place.removeAttribute("aria-busy");
  place.replaceChildren(
    make(
      "div",
      { className: "alert alert-danger", role: "alert" },
      make("h3", { className: "h5" }, "The fields of this step could not be shown"),
      make("p", {}, "Reload the page. If it stays, tell a project admin: ", make("code", {}, String(error))),
      make("p", { className: "mb-1" }, "Below is the work as it was kept last. You can save it, not change it."),
      make("pre", { className: "mb-0", tabIndex: 0 }, JSON.stringify(dataOf(root), null, 2)),
    ),
  );
}

const isOf = (root, text) => String(text ?? "").includes(root.dataset.static);

for (const root of document.querySelectorAll("[data-element]")) {
  const step = new Step(root);
  // What an element throws by itself is told to the window, with the script it came from.
  window.addEventListener("error", ({ error, filename }) => {
    if (isOf(root, filename)) fail(root, error);
  });
  window.addEventListener("unhandledrejection", ({ reason }) => {
    if (isOf(root, reason?.stack)) fail(root, reason);
  });
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key === keyOf("task", step.taskId) && newValue === null) step.renew();
  });
  step.start();
}
