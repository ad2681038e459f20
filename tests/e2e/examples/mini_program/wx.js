// A phone's side of a mini program: modules, App, Page, and `wx` as far as the example
// uses it. What needs a network or a person, the host does: it gets (id, kind, JSON),
// and says `answered(id, ok, JSON)` when it is done.

const waiting = new Map();
const pages = new Map();
const modules = new Map();
let last = 0;
let app;
let route;
let tapping = false;

function host(kind, options, given) {
  last += 1;
  waiting.set(last, options);
  ask(last, kind, JSON.stringify(given));
}

globalThis.answered = (id, ok, text) => {
  const options = waiting.get(id);
  waiting.delete(id);
  const value = JSON.parse(text);
  const callback = ok ? options.success : options.fail;
  if (callback) callback(value);
  if (options.complete) options.complete(value);
};

globalThis.wx = {
  login: (options) => host('login', options, {}),
  request: (options) => host('request', options, {
    url: options.url, method: options.method || 'GET', header: options.header || {}, data: options.data,
  }),
  requestSubscribeMessage: (options) => {
    if (tapping) return host('consent', options, { templates: options.tmplIds });
    const errMsg = 'requestSubscribeMessage:fail can only be invoked by user TAP gesture.';
    return Promise.resolve().then(() => options.fail({ errMsg }));
  },
  getRandomValues: (options) => {
    const bytes = Uint8Array.from({ length: options.length }, () => Math.random() * 256);
    return Promise.resolve().then(() => options.success({ randomValues: bytes.buffer }));
  },
  getStorageSync: (key) => {
    const text = stored(key);
    return text === undefined ? '' : JSON.parse(text);
  },
  setStorageSync: (key, value) => store(key, JSON.stringify(value)),
  removeStorageSync: (key) => remove(key),
  stopPullDownRefresh: () => {},
};

globalThis.console = { error: (...what) => complain(what.map((it) => (it instanceof Error ? `${it}` : JSON.stringify(it))).join(' ')) };

globalThis.App = (options) => {
  app = options;
  if (app.onLaunch) app.onLaunch();
};
globalThis.getApp = () => app;
globalThis.Page = (options) => pages.set(route, options);

function load(path) {
  if (!modules.has(path)) {
    const module = { exports: {} };
    modules.set(path, module);
    const near = (name) => load(join(path, name));
    new Function('require', 'module', 'exports', text(path))(near, module, module.exports);
  }
  return modules.get(path).exports;
}

function join(from, name) {
  const parts = from.split('/').slice(0, -1);
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

// What a scenario does.

globalThis.launch = () => load('app.js');

globalThis.open = (path) => {
  route = path;
  load(`${path}.js`);
  const page = { ...pages.get(path), route: path };
  page.data = JSON.parse(JSON.stringify(page.data));
  page.setData = (changes) => Object.assign(page.data, JSON.parse(JSON.stringify(changes)));
  globalThis.page = page;
  return page.onLoad({});
};

globalThis.tap = (handler) => {
  tapping = true;
  try {
    return page[handler]({ type: 'tap' });
  } finally {
    tapping = false;
  }
};

// Time passes for this phone only.
globalThis.later = (seconds) => {
  const now = Date.now;
  Date.now = () => now() + seconds * 1000;
};
