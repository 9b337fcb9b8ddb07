/** Helpers that build DOM elements. Text is always inserted as text, never as markup. */

export const byId = (id) => document.getElementById(id);

/** `element("p", {class: "hint", title: "…"}, "text", child)`; omits attributes that are false, null or undefined. */
export function element(tag, attributes = {}, ...children) {
  const result = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) result.addEventListener(name.slice(2), value);
    else result.setAttribute(name, value === true ? "" : value);
  }
  result.append(...children.filter((child) => child !== null && child !== false));
  return result;
}

/** One of the icons that the page defines as a symbol, such as `icon-close`. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** An icon from an SVG path in a 24 by 24 view box. */
export function drawing(path) {
  const svg = icon("");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.replaceChildren(line);
  return svg;
}

/**
 * Sets the children of `parent` to `nodes`, in order. Moves only nodes at the wrong position: the others keep their
 * focus, and a click on them is not lost between press and release.
 */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}
