// A chat: messages, cards, and the input.

import { h } from "./element.js";
import { avatar, backButton, openMiniProgram } from "./phone.js";
import { act, go, now, request, world } from "./state.js";
import { clock, dateAndTime, say } from "./words.js";

/** Seconds between two messages after which the chat shows the time. */
const TIME_GAP = 300;

/** A person's chats, the one with the newest message first. */
export function chatsOf(person) {
  const last = new Map();
  for (const message of person.messages) last.set(message.chat, message);
  for (const [alias, { follows }] of Object.entries(person.apps)) {
    if (follows && !last.has(alias)) last.set(alias, null);
  }
  const all = [...last].map(([id, message]) => ({ id, title: titleOf(id), sign: id, last: message }));
  return all.sort((a, b) => (b.last?.time ?? 0) - (a.last?.time ?? 0));
}

function titleOf(chat) {
  if (chat === world.notices) return say("service notices");
  return world.apps.get(chat)?.kind === "mini_program" ? say("customer service of", chat) : chat;
}

/** The screen of a chat. */
export function chat(person, at) {
  const { name } = person;
  const app = world.apps.get(at.chat);
  const messages = person.messages.filter((it) => it.chat === at.chat);
  // An open chat has no unread messages.
  if (person.unread[at.chat]) markRead(name, at.chat);
  let before = -TIME_GAP;
  const lines = messages.flatMap((message, index) => {
    const time = message.time - before >= TIME_GAP && h("li", { key: `time ${index}`, class: "when" }, h("time", null, clock(message.time)));
    before = message.time;
    return [time, line(person, message, index, at)];
  });
  return [
    h("header", { class: "head" }, backButton(name, at), h("h4", null, titleOf(at.chat)),
      app?.kind === "official_account" && h("button", { class: "more", "aria-label": say("details"), onclick: () => go(name, { at: "account", app: at.chat, back: at }) }, "⋯")),
    h("ol", { class: "lines", key: "lines", tabindex: "0", "aria-label": titleOf(at.chat) },
      lines.length > 0 ? lines : h("li", { class: "empty" }, say("nothing in chat")),
      now() < (person.apps[at.chat]?.typing ?? 0) && h("li", { key: "typing", class: "system" }, say("typing"))),
    app && input(name, app),
  ];
}

const marking = new Set();

function markRead(name, chat) {
  const what = `${name} ${chat}`;
  if (marking.has(what)) return;
  marking.add(what);
  request("POST", `/sandbox/people/${encodeURIComponent(name)}/read`, { chat }).catch(() => {}).finally(() => marking.delete(what));
}

function line(person, message, index, at) {
  const key = `line ${message.time} ${message.msgid ?? index}`;
  if (message.kind === "system") return h("li", { key, class: "system" }, message.text);
  if (message.kind === "sent") {
    return h("li", { key, class: "line own" }, h("p", { class: "bubble" }, message.text), avatar(person.name));
  }
  if (message.fields || message.title) return h("li", { key, class: "line" }, card(person, message, at));
  const jump = message.jump && h("button", { class: "link", onclick: () => openJump(person, message.jump, at) }, labelOf(message.jump));
  return h("li", { key, class: "line" }, avatar(message.app), h("p", { class: "bubble" }, message.text, jump));
}

/** A card as WeChat shows template and subscription messages. */
function card(person, message, at) {
  const from = message.chat === world.notices && h("span", { class: "from" }, avatar(message.app), message.app);
  const large = message.fields?.find(({ key }) => key === message.emphasis);
  const fields = (message.fields ?? []).filter((it) => it !== large);
  const inside = [
    from,
    h("strong", { class: "title" }, message.title ?? message.text),
    h("time", null, dateAndTime(message.time)),
    message.title && message.text && h("span", { class: "text" }, message.text),
    large && h("span", { class: "large" }, h("small", null, large.label), h("b", null, large.value)),
    h("span", { class: "fields" }, fields.map(({ key, label, value }) =>
      h("span", { key, class: "field" }, h("small", null, label), h("span", null, value)))),
    message.jump && h("span", { class: "jump" }, labelOf(message.jump), h("span", { "aria-hidden": "true" }, "›")),
  ];
  return message.jump
    ? h("button", { class: "card", onclick: () => openJump(person, message.jump, at) }, inside)
    : h("div", { class: "card" }, inside);
}

function labelOf(jump) {
  return say(jump.mini_program ? "view in mini program" : "view details");
}

/** Opens the target of a message. */
function openJump(person, jump, at) {
  const target = jump.mini_program;
  const app = target && [...world.apps.values()].find((it) => it.app_id === target.app_id);
  if (app) openMiniProgram(person, app.alias, target, at);
  else go(person.name, { at: "web", jump, back: at });
}

function input(name, app) {
  const write = async (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    const text = field.value;
    if (!text) return;
    field.value = "";
    // Restores a text that was not sent.
    if (!(await act(name, "message", { app: app.alias, text }))) field.value ||= text;
  };
  const menu = app.menu ?? [];
  return h("footer", { class: "answer" },
    menu.length > 0 && h("div", { class: "menu", role: "group", "aria-label": say("menu") }, menu.map((item, index) =>
      h("button", { key: index, onclick: () => act(name, "click", { app: app.alias, key: item.key }) }, item.name))),
    h("form", { class: "line", onsubmit: write },
      h("input", { name: "text", "aria-label": say("write"), placeholder: say("write"), autocomplete: "off", maxlength: "2000" }),
      h("button", { class: "main" }, say("send"))));
}
