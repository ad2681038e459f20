// The state received from the sandbox, the screen of each phone, and requests to the sandbox.

import { draw } from "./element.js";

/** The state received from the sandbox. */
export const world = {
  connected: false,
  apps: new Map(),
  people: new Map(),
  /** By kind and id, in order of arrival. */
  activities: new Map(),
  faults: [],
  paths: [],
  /** The chat that collects all apps' subscription messages. */
  notices: "",
  /** How many activities of one kind the sandbox keeps. */
  maxActivities: 0,
  canOpen: false,
  canNotify: false,
  /** Seconds by which the sandbox's clock is ahead of this browser's. */
  ahead: 0,
};

const listeners = [];
const resetListeners = [];

/** Calls `listener` after each change. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Calls `listener` when the sandbox sends its complete state, for instance after a restart. */
export function onReset(listener) {
  resetListeners.push(listener);
}

let waiting = false;

/** Redraws the page once before the next frame. */
export function changed() {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    listeners.forEach((listener) => listener());
  });
}

/** Subscribes to the sandbox for as long as the page is open. */
export function listen() {
  const source = new EventSource("/sandbox/live");
  source.onmessage = ({ data }) => apply(JSON.parse(data));
  source.onerror = () => {
    // The browser reconnects by itself, and the sandbox sends everything again.
    world.connected = false;
    changed();
  };
}

function apply(event) {
  if (event.fresh) {
    [world.apps, world.people, world.activities].forEach((all) => all.clear());
    world.paths = event.paths;
    world.canOpen = event.can_open;
    world.canNotify = event.can_notify;
    world.notices = event.notices;
    world.maxActivities = event.max_activities;
    resetListeners.forEach((listener) => listener());
  }
  world.connected = true;
  world.ahead = event.now - Math.floor(Date.now() / 1000);
  for (const app of event.apps) world.apps.set(app.alias, app);
  for (const person of event.people) world.people.set(person.name, person);
  for (const it of event.activities) world.activities.set(`${it.kind} ${it.id}`, it);
  if (event.faults) world.faults = event.faults;
  dropOldActivities();
  changed();
}

function dropOldActivities() {
  const counts = {};
  for (const [key, { kind }] of [...world.activities].reverse()) {
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (counts[kind] > world.maxActivities) world.activities.delete(key);
  }
}

/** The activities of one kind, newest first. */
export function activities(kind) {
  const all = [...world.activities.values()].filter((it) => it.kind === kind);
  return all.sort((a, b) => b.began_ms - a.began_ms || b.id - a.id);
}

/** The sandbox's time in Unix seconds. */
export function now() {
  return Math.floor(Date.now() / 1000) + world.ahead;
}

/** Sends a request to the sandbox; throws its error. */
export async function request(method, path, body) {
  const options = { method };
  if (body !== undefined) options.body = JSON.stringify(body);
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `${response.status}`);
  return answer;
}

/** Performs a person's action; an error appears on their phone. */
export async function act(name, action, body) {
  try {
    return await request("POST", `/sandbox/people/${encodeURIComponent(name)}/${action}`, body);
  } catch (error) {
    change(name, { problem: error.message });
    return null;
  }
}

/** The screens of the phones, kept for the browser's tab. */
const screens = JSON.parse(sessionStorage.getItem("screens") ?? "{}");

/** The screen of this person's phone. */
export function screen(name) {
  return screens[name] ?? { at: "chats" };
}

/** A screen without the parts that end when the user leaves it. */
function persistent({ loggingIn, problem, dialog, ...at }) {
  return at.back ? { ...at, back: persistent(at.back) } : at;
}

function save() {
  const all = Object.entries(screens).map(([name, at]) => [name, persistent(at)]);
  sessionStorage.setItem("screens", JSON.stringify(Object.fromEntries(all)));
  changed();
}

/** Opens a screen on a phone, and moves the focus there. */
export function go(name, to) {
  screens[name] = to.back ? { ...to, back: persistent(to.back) } : to;
  save();
  queueMicrotask(() => document.getElementById(`screen-${name}`)?.focus());
}

/** Changes a part of the current screen. */
export function change(name, more) {
  screens[name] = { ...screen(name), ...more };
  save();
}

/** The user's settings of this page, kept in the browser. */
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
