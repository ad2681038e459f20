// Describes elements, and brings a part of the page up to what is described: whatever
// stays the same keeps its node, and with it focus, selection and scroll position.

/**
 * Describes an element. `key` names it among its siblings; `on…` are listeners; `true`
 * sets an attribute without a value; what is null, undefined or false is left out.
 */
export function h(tag, properties, ...children) {
  const wanted = children.flat(Infinity).filter((it) => it !== null && it !== undefined && it !== false);
  return { tag, properties: properties ?? {}, children: wanted };
}

/** Makes `parent` hold what is described, and nothing else. */
export function draw(parent, ...children) {
  const wanted = children.flat(Infinity).filter((it) => it !== null && it !== undefined && it !== false);
  const keys = new Set(wanted.map((it) => it.properties?.key).filter((key) => key !== undefined));
  const keyed = new Map();
  for (const node of [...parent.childNodes]) {
    if (node.key === undefined) continue;
    if (keys.has(node.key)) keyed.set(node.key, node);
    else node.remove();
  }
  let at = parent.firstChild;
  for (const child of wanted) {
    const node = fitting(child, at, keyed);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    if (typeof child === "object") update(node, child);
    else if (node.data !== String(child)) node.data = String(child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function fitting(child, at, keyed) {
  if (typeof child !== "object") {
    return at?.nodeType === Node.TEXT_NODE ? at : document.createTextNode("");
  }
  const { key } = child.properties;
  const known = key === undefined ? at : keyed.get(key);
  if (known && known.key === key && known.localName === child.tag) return known;
  const node = document.createElement(child.tag);
  node.key = key;
  return node;
}

function update(node, { properties, children }) {
  const before = node.given ?? {};
  for (const name of Object.keys(before)) {
    if (!(name in properties)) give(node, name, null);
  }
  for (const [name, value] of Object.entries(properties)) {
    if (name !== "key" && before[name] !== value) give(node, name, value);
  }
  node.given = properties;
  draw(node, children);
}

function give(node, name, value) {
  if (name.startsWith("on")) node[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
