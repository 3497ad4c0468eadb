// Remarks at single fields: a reviewer writes them, the one who reworks resolves them (W-23).

import { Refusal, send } from "./api.js";
import { make } from "./dialogs.js";
import { inspect } from "./form.js";
import { notify } from "./notices.js";

const fieldsOf = (root) => [...root.querySelectorAll("[data-field]:not([data-hidden])")];

// The labels on the way to a field, as the server says them: "Photos, item 2, Caption".
function nameOf(field) {
  const names = [];
  for (let at = field; at; at = at.parentElement.closest("[data-field]")) {
    const number = at.parentElement.matches("[data-row]") && at.querySelector("[data-number]");
    names.unshift(number ? `item ${number.textContent}` : at.dataset.label);
  }
  return names.join(", ");
}

// What a reviewer writes stays in this browser until the work is handed over.
export class RemarkPad {
  #boxes = new Map(); // field → its box

  constructor(root, key) {
    this.root = root;
    this.key = `${key}-remarks`;
    this.tools = document.getElementById("remark-tools")?.content;
  }

  start() {
    if (!this.tools) return;
    this.#offer();
    this.#restore();
    this.root.addEventListener("orchestra-change", () => this.#offer()); // rows that came
    this.root.addEventListener("click", (event) => this.#pressed(event.target));
    this.root.addEventListener("input", (event) => {
      if (event.target.closest("[data-remark-box]")) this.#remember();
    });
  }

  // [{pointer, text, name}] in the order of the page
  get said() {
    const found = [];
    for (const [pointer, field] of inspect(this.root).places) {
      const text = this.#boxes.get(field)?.querySelector("textarea").value.trim();
      if (text && field.isConnected) found.push({ pointer, text, name: nameOf(field) });
    }
    return found;
  }

  forget() {
    localStorage.removeItem(this.key);
  }

  #offer() {
    for (const field of fieldsOf(this.root)) {
      if (!field.classList.contains("remarkable")) {
        field.classList.add("remarkable");
        field.append(this.tools.querySelector("[data-remark-at]").cloneNode(true));
      }
      const name = `Remark on ${nameOf(field)}`; // its number changes when a row before it goes
      field.querySelector(":scope > [data-remark-at] > span:last-child").textContent = name;
      const label = this.#boxes.get(field)?.querySelector("label");
      if (label) label.textContent = name;
    }
  }

  #pressed(target) {
    const field = target.closest("[data-remark-at]")?.closest("[data-field]");
    if (field) this.#open(field).querySelector("textarea").focus();
    const box = target.closest("[data-remark-away]")?.closest("[data-remark-box]");
    if (box) this.#close(box);
  }

  #open(field) {
    const present = this.#boxes.get(field);
    if (present) return present;
    const box = this.tools.querySelector("[data-remark-box]").cloneNode(true);
    const [label, text] = box.children;
    text.id = `remark-box-${this.#boxes.size}-${Date.now()}`;
    label.htmlFor = text.id;
    label.append(nameOf(field));
    field.after(box);
    this.#boxes.set(field, box);
    return box;
  }

  #close(box) {
    const field = [...this.#boxes].find(([, one]) => one === box)[0];
    this.#boxes.delete(field);
    box.remove();
    field.querySelector(":scope > [data-remark-at]").focus();
    this.#remember();
  }

  #remember() {
    const said = this.said;
    if (said.length) localStorage.setItem(this.key, JSON.stringify(said));
    else this.forget();
  }

  #restore() {
    const { places } = inspect(this.root);
    for (const { pointer, text } of JSON.parse(localStorage.getItem(this.key) ?? "[]")) {
      const field = places.get(pointer);
      if (field) this.#open(field).querySelector("textarea").value = text;
    }
  }
}

// The notes at the fields, and the buttons of the list above them.
class RemarkList {
  constructor(list, signIn) {
    this.list = list;
    this.signIn = signIn;
  }

  start() {
    for (const item of this.list.querySelectorAll("[data-remark]")) {
      const button = item.querySelector("[data-resolve]");
      if (button) button.hidden = false;
      button?.addEventListener("click", () => this.#change(item, button));
      this.#note(item);
    }
  }

  async #change(item, button) {
    const action = "resolved" in item.dataset ? "reopen" : "resolve";
    button.disabled = true;
    try {
      await send(`remarks/${item.dataset.remark}/${action}/`, {}, this.signIn);
      this.#show(item, button, action === "resolve");
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      notify(refusal.message);
    }
    button.disabled = false;
  }

  #show(item, button, isResolved) {
    item.toggleAttribute("data-resolved", isResolved);
    item.querySelector("[data-remark-state]").textContent = isResolved ? "Resolved by you" : "Open";
    button.firstChild.data = isResolved ? "Open again" : "Mark as resolved";
    this.#note(item);
  }

  // An open remark stands at its field, too, and is read out with it.
  #note(item) {
    const owner = item.dataset.at && document.getElementById(`field${quoted(item.dataset.at)}`);
    const field = owner?.closest("[data-field]");
    if (!field) return;
    const id = `${item.id}-note`;
    const ties = new Set((owner.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    document.getElementById(id)?.remove();
    ties.delete(id);
    if (!("resolved" in item.dataset)) {
      const text = item.querySelector("[data-remark-text]").textContent;
      const who = make("strong", {}, `${item.dataset.by}: `);
      field.querySelector("[data-error]").before(make("p", { id, className: "remark-note" }, who, text));
      ties.add(id);
    }
    owner.setAttribute("aria-describedby", [...ties].join(" "));
  }
}

// As the server quotes the pointer in the id of a field.
function quoted(pointer) {
  return pointer.split("/").map(quotedKey).join("/");
}

function quotedKey(key) {
  return encodeURIComponent(key).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

// What to consider before handing over.
export function stillOpen() {
  const count = document.querySelectorAll(".feedback [data-remark]:not([data-resolved])").length;
  if (!count) return "";
  return count === 1 ? " One remark is still open." : ` ${count} remarks are still open.`;
}

export function startRemarks(signIn) {
  for (const list of document.querySelectorAll(".feedback .remarks")) {
    new RemarkList(list, signIn).start();
  }
}
