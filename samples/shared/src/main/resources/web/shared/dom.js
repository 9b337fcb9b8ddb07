/** The few lines that make building elements pleasant. Text only ever goes in as text. */

export const byId = (id) => document.getElementById(id);

/** `element("p", {class: "hint", title: "…"}, "text", child)`; a property that is false, null or undefined is left out. */
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

/** An icon of the samples' own, drawn from the path in its 24 by 24 square. */
export function drawing(path) {
  const svg = icon("");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.replaceChildren(line);
  return svg;
}

/**
 * Makes the children of `parent` these, in this order, and touches only what is in another place: what stays keeps its
 * focus, and is not taken away between a press and its release.
 */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}
