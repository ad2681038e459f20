// What the sandbox has told of, what somebody looks at on each phone, and the ways to
// do something.

import { draw } from "./element.js";

/** The world as the sandbox tells of it, live. */
export const world = {
  connected: false,
  apps: new Map(),
  people: new Map(),
  /** By layer and id, in the order in which they were first told of. */
  happenings: new Map(),
  faults: [],
  paths: [],
  /** The chat in which all apps' subscription messages stand. */
  notices: "",
  /** How many happenings of one kind the sandbox keeps. */
  kept: 0,
  canOpen: false,
  canNotify: false,
  /** Seconds that the sandbox's clock is ahead of this browser's. */
  ahead: 0,
};

const listeners = [];
const forgotten = [];

/** Calls `listener` whenever there is something else to see. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Calls `forget` when the sandbox begins anew, and numbers begin at 1 again. */
export function onFresh(forget) {
  forgotten.push(forget);
}

let waiting = false;

/** Has everything drawn anew, once, before the browser shows it next. */
export function changed() {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    listeners.forEach((listener) => listener());
  });
}

/** Begins to listen, and goes on for as long as the page is open. */
export function listen() {
  const source = new EventSource("/sandbox/live");
  source.onmessage = ({ data }) => take(JSON.parse(data));
  source.onerror = () => {
    // The browser connects again by itself, and is told everything anew.
    world.connected = false;
    changed();
  };
}

function take(news) {
  if (news.fresh) {
    [world.apps, world.people, world.happenings].forEach((all) => all.clear());
    world.paths = news.paths;
    world.canOpen = news.can_open;
    world.canNotify = news.can_notify;
    world.notices = news.notices;
    world.kept = news.kept;
    forgotten.forEach((forget) => forget());
  }
  world.connected = true;
  world.ahead = news.now - Math.floor(Date.now() / 1000);
  for (const app of news.apps) world.apps.set(app.alias, app);
  for (const person of news.people) world.people.set(person.name, person);
  for (const it of news.happenings) world.happenings.set(`${it.layer} ${it.id}`, it);
  if (news.faults) world.faults = news.faults;
  forget();
  changed();
}

function forget() {
  const counts = {};
  for (const [key, { layer }] of [...world.happenings].reverse()) {
    counts[layer] = (counts[layer] ?? 0) + 1;
    if (counts[layer] > world.kept) world.happenings.delete(key);
  }
}

/** The happenings of one kind, newest first. */
export function happenings(layer) {
  const all = [...world.happenings.values()].filter((it) => it.layer === layer);
  return all.sort((a, b) => b.began_ms - a.began_ms || b.id - a.id);
}

/** What the sandbox's clock says, in Unix seconds. */
export function now() {
  return Math.floor(Date.now() / 1000) + world.ahead;
}

/** Asks the sandbox for something; throws what it says if it can't. */
export async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) options.body = JSON.stringify(body);
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `${response.status}`);
  return answer;
}

/** Has somebody do something; what goes wrong appears on their phone. */
export async function act(name, action, body) {
  try {
    return await ask("POST", `/sandbox/people/${encodeURIComponent(name)}/${action}`, body);
  } catch (error) {
    look(name, { problem: error.message });
    return null;
  }
}

/** Where somebody is on their phone; kept for as long as the browser's tab is. */
const screens = JSON.parse(sessionStorage.getItem("screens") ?? "{}");

/** What is on the screen of this person's phone. */
export function screen(name) {
  return screens[name] ?? { at: "chats" };
}

/** A screen without what is over when somebody comes back to it. */
function lasting({ loggingIn, problem, asked, ...at }) {
  return at.back ? { ...at, back: lasting(at.back) } : at;
}

function keep() {
  const lastingOnes = Object.entries(screens).map(([name, at]) => [name, lasting(at)]);
  sessionStorage.setItem("screens", JSON.stringify(Object.fromEntries(lastingOnes)));
  changed();
}

/** Goes somewhere on a phone. The keyboard's focus follows. */
export function go(name, to) {
  screens[name] = to.back ? { ...to, back: lasting(to.back) } : to;
  keep();
  queueMicrotask(() => document.getElementById(`screen-${name}`)?.focus());
}

/** Changes something of what is on a phone, and stays there. */
export function look(name, more) {
  screens[name] = { ...screen(name), ...more };
  keep();
}

/** What somebody chose on this page, kept in the browser. */
export const choices = {
  get(name, otherwise) {
    return JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise;
  },
  set(name, value) {
    localStorage.setItem(name, JSON.stringify(value));
    changed();
  },
};

/** Draws into the element with this id. */
export function drawInto(id, ...children) {
  draw(document.getElementById(id), ...children);
}
