// A dialog that asks what an action needs and stays open until it is done: a refusal is shown in
// it, at the fields that it names, and nothing typed is lost.

import { Refusal } from "./api.js";
import { make } from "./dialogs.js";

const SHOW_LOADING_MS = 300;

export class Sheet {
  #dialog = document.getElementById("action-dialog");
  #body = make("div", { className: "sheet-body" });
  #state = make("span", { className: "sheet-state" });
  #error = make("div", { className: "alert alert-danger", tabIndex: -1, hidden: true });
  #submit;
  #act;
  #load;
  #isBusy = false;
  #result = null;

  // act(sheet) carries out the action; what it resolves to closes the dialog, unless undefined.
  // load() resolves to the content, if the server must be asked for it. Without an action there
  // is only something to read.
  constructor({ title, action = null, tone = "primary", act, content = [], load = null }) {
    this.action = action;
    this.#act = act;
    this.#load = load;
    this.#error.setAttribute("role", "alert");
    this.#state.setAttribute("role", "status");
    this.#submit = make("button", { className: `btn btn-${tone}`, type: "submit" });
    const cancel = make("button", { className: "btn btn-outline-secondary", type: "button" });
    cancel.append(action ? "Cancel" : "Close");
    cancel.addEventListener("click", () => this.#isBusy || this.#dialog.close());
    const heading = make("h2", { className: "h5", id: "action-dialog-title" }, title);
    const bar = make("div", { className: "sheet-bar" }, this.#state, cancel, this.#submit);
    const form = make("form", { method: "dialog", noValidate: true });
    form.append(heading, this.#error, this.#body, bar);
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.#dialog.setAttribute("aria-labelledby", heading.id);
    this.#dialog.oncancel = (event) => {
      if (this.#isBusy) event.preventDefault();
    };
    this.#dialog.replaceChildren(form);
    this.show(content, action);
  }

  // Resolves to what the action gave, or null when the person thought better of it.
  async open() {
    this.#dialog.showModal();
    const closed = new Promise((resolve) => {
      this.#dialog.addEventListener("close", resolve, { once: true });
    });
    if (this.#load) this.#fill();
    else this.focus();
    await closed;
    this.#dialog.replaceChildren();
    return this.#result;
  }

  // Other content, and another word on the button, or no button.
  show(content, action) {
    this.#body.replaceChildren(...content);
    this.#submit.textContent = action ?? "";
    this.#submit.hidden = !action;
  }

  focus() {
    const first = this.#body.querySelector("input:enabled, textarea, select, [tabindex]");
    first?.focus();
  }

  // How far a long action is.
  tell(text) {
    this.#state.textContent = text;
  }

  // As if the button were pressed, for what was decided inside of the content.
  submit() {
    this.#dialog.querySelector("form").requestSubmit();
  }

  value(name) {
    return new FormData(this.#dialog.querySelector("form")).get(name) ?? "";
  }

  refuse({ message, fields = {} }) {
    const unplaced = Object.entries(fields).filter(([name, texts]) => !this.#mark(name, texts));
    const marked = this.#body.querySelector("[aria-invalid]");
    if (!marked || unplaced.length) this.#summarise(message, unplaced);
    (marked ?? this.#error).focus();
  }

  #summarise(message, unplaced) {
    const texts = unplaced.flatMap(([, found]) => found).filter((text) => text !== message);
    this.#error.replaceChildren(make("p", { className: "mb-0" }, message));
    if (texts.length) {
      const items = texts.map((text) => make("li", {}, text));
      this.#error.append(make("ul", { className: "mb-0" }, ...items));
    }
    this.#error.hidden = false;
  }

  // The problem at its field; says whether there is such a field.
  #mark(name, texts) {
    const control = this.#body.querySelector(`[name="${CSS.escape(name)}"]`);
    if (!control) return false;
    const problem = make("p", { className: "sheet-problem", id: `${name}-problem` });
    problem.append(texts.join(" "));
    control.classList.add("is-invalid");
    control.setAttribute("aria-invalid", "true");
    const described = [control.dataset.help, problem.id].filter(Boolean).join(" ");
    control.setAttribute("aria-describedby", described);
    control.closest("[data-control]").append(problem);
    return true;
  }

  #clear() {
    this.#error.hidden = true;
    for (const problem of this.#body.querySelectorAll(".sheet-problem")) problem.remove();
    for (const control of this.#body.querySelectorAll("[aria-invalid]")) {
      control.classList.remove("is-invalid");
      control.removeAttribute("aria-invalid");
      if (control.dataset.help) control.setAttribute("aria-describedby", control.dataset.help);
      else control.removeAttribute("aria-describedby");
    }
  }

  async #fill() {
    this.#dialog.ariaBusy = "true";
    this.show([], null);
    const waiting = setTimeout(() => this.show([make("p", {}, "Loading …")], null), SHOW_LOADING_MS);
    try {
      const content = await this.#load();
      this.show(content, this.action);
    } catch (refusal) {
      this.#offerAgain(refusal);
    } finally {
      clearTimeout(waiting);
      this.#dialog.ariaBusy = "false";
    }
    if (this.#error.hidden) this.focus();
  }

  #offerAgain(refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const again = make("button", { className: "btn btn-outline-secondary", type: "button" });
    again.append("Try again");
    again.addEventListener("click", () => {
      this.#clear();
      this.#fill();
    });
    this.show([again], null);
    this.refuse({ message: refusal.message });
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.#isBusy || this.#submit.hidden) return;
    this.#clear();
    this.#setBusy(true);
    try {
      const done = await this.#act(this);
      this.#setBusy(false);
      if (done === undefined) this.focus();
      else this.#close(done);
    } catch (refusal) {
      this.#setBusy(false);
      if (!(refusal instanceof Refusal)) throw refusal;
      this.refuse(refusal);
    }
  }

  #close(result) {
    this.#result = result;
    this.#dialog.close();
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    this.#submit.disabled = isBusy;
    this.#state.textContent = "";
    this.#dialog.ariaBusy = String(isBusy);
  }
}
