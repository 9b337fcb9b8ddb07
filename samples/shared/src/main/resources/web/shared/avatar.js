import { element } from "./dom.js";
import { hueOf, initialsOf } from "./names.js";

/** A disc in the name's colour. Decorative: the name is always shown as text next to it. */
export function avatar(name) {
  return tint(element("span", { class: "avatar", "aria-hidden": "true" }, initialsOf(name)), name);
}

/** Sets the name's hue on an element; the style sheet uses it. */
export function tint(node, name) {
  node.style.setProperty("--hue", hueOf(name));
  return node;
}
