// Operations: fresh data while somebody looks; what is typed or folded open outlives it.

import { keepFresh } from "./fresh.js";

// A field that was refused holds what was typed before this page was made.
const isTyped = (field) =>
  field.type !== "hidden" && (field.value !== field.defaultValue || "refused" in field.dataset);
const fieldsIn = (node) => [...(node.querySelectorAll?.("textarea, input") ?? [])];
const isField = (node) => node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement;

keepFresh({ id: "operations", everyMs: 10000 });
if (window.Idiomorph) {
  Object.assign(window.Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (old) => !(isField(old) && isTyped(old)),
    beforeNodeRemoved: (node) => !fieldsIn(node).some(isTyped),
  });
}
