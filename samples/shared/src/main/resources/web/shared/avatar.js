import { element } from "./dom.js";
import { hueOf, initialsOf } from "./names.js";

/** A disc in the name's own colour. Decoration: the name always stands beside it as text. */
export function avatar(name) {
  return tint(element("span", { class: "avatar", "aria-hidden": "true" }, initialsOf(name)), name);
}

/** Gives an element the name's colour; the style sheet decides what to paint with it. */
export function tint(node, name) {
  node.style.setProperty("--hue", hueOf(name));
  return node;
}
