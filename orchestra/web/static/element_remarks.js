// What a reviewer says about a step that is a custom element: about the whole, or about the places
// that the element names, its native fields if it names none (W-23, W-41).

import { placesOf } from "./element.js";
import { make } from "./dialogs.js";

// Has the same face as remarks.js's RemarkPad.
export class ElementPad {
  constructor(root, key) {
    this.root = root;
    this.key = `${key}-remarks`;
    this.section = document.querySelector("[data-element-remarks]");
  }

  start() {
    if (!this.section) return;
    this.boxes = this.section.querySelector("[data-remark-boxes]");
    this.section.hidden = false;
    for (const said of JSON.parse(localStorage.getItem(this.key) ?? "[]")) this.#open(said);
    this.section.addEventListener("click", ({ target }) => this.#pressed(target));
    this.section.addEventListener("input", () => this.#remember());
    this.section.addEventListener("focusin", ({ target }) => {
      if (target.matches("select")) this.#offer(target); // the element may show others now
    });
  }

  // [{pointer, text, name}]; no pointer: about the whole work
  get said() {
    if (!this.section) return [];
    return [...this.boxes.children].flatMap((box) => {
      const [place, text] = [box.querySelector("select"), box.querySelector("textarea").value.trim()];
      const name = place.selectedOptions[0].textContent;
      return text ? [{ pointer: place.value || null, text, name }] : [];
    });
  }

  forget() {
    localStorage.removeItem(this.key);
  }

  #pressed(target) {
    if (target.closest("[data-remark-add]")) this.#open({}).querySelector("textarea").focus();
    const box = target.closest("[data-remark-away]")?.closest("[data-remark-box]");
    if (!box) return;
    box.remove();
    this.section.querySelector("[data-remark-add]").focus();
    this.#remember();
  }

  #open({ pointer, text = "", name }) {
    const { content } = document.getElementById("element-remark");
    const box = content.querySelector("[data-remark-box]").cloneNode(true);
    const number = `${this.boxes.children.length}-${Date.now()}`;
    for (const label of box.querySelectorAll("label")) {
      const control = label.nextElementSibling;
      control.id = `element-remark-${control.localName}-${number}`;
      label.htmlFor = control.id;
    }
    const select = box.querySelector("select");
    if (pointer) select.append(new Option(name, pointer, true, true)); // before the element is there
    this.#offer(select);
    box.querySelector("textarea").value = text;
    this.boxes.append(box);
    return box;
  }

  #offer(select) {
    const known = new Set([...select.options].map(({ value }) => value));
    const fresh = placesOf(this.root).filter(({ pointer }) => !known.has(pointer));
    select.append(...fresh.map(({ pointer, name }) => make("option", { value: pointer }, name)));
  }

  #remember() {
    const said = this.said;
    if (said.length) localStorage.setItem(this.key, JSON.stringify(said));
    else this.forget();
  }
}
