// Describes elements, and updates a part of the page to match the description. An unchanged
// element keeps its node, and with it focus, selection and scroll position.

/**
 * Describes an element. `key` identifies it among its siblings; `on…` are listeners; `true`
 * sets an attribute without a value; null, undefined and false are omitted.
 */
export function h(tag, properties, ...children) {
  return { tag, properties: properties ?? {}, children: present(children) };
}

function present(children) {
  return children.flat(Infinity).filter((it) => it !== null && it !== undefined && it !== false);
}

/** Makes the children of `parent` match the description. */
export function draw(parent, ...children) {
  const wanted = present(children);
  const keys = new Set(wanted.map((it) => it.properties?.key).filter((key) => key !== undefined));
  const keyed = new Map();
  for (const node of [...parent.childNodes]) {
    if (node.key === undefined) continue;
    if (keys.has(node.key)) keyed.set(node.key, node);
    else node.remove();
  }
  let at = parent.firstChild;
  for (const child of wanted) {
    const node = matching(child, at, keyed);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    if (typeof child === "object") updateNode(node, child);
    else if (node.data !== String(child)) node.data = String(child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function matching(child, at, keyed) {
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

function updateNode(node, { properties, children }) {
  const before = node.described ?? {};
  for (const name of Object.keys(before)) {
    if (!(name in properties)) setProperty(node, name, null);
  }
  for (const [name, value] of Object.entries(properties)) {
    if (name !== "key" && before[name] !== value) setProperty(node, name, value);
  }
  node.described = properties;
  draw(node, children);
}

function setProperty(node, name, value) {
  if (name.startsWith("on")) node[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
