// A phone: its frame, the list of chats, and the screens to discover apps.

import { chat, chatsOf } from "./chat.js";
import { h } from "./element.js";
import { miniProgram, sheet, subscriptions, webPage } from "./mini_program.js";
import { act, change, go, now, screen, world } from "./state.js";
import { clock, say } from "./words.js";

/** A person's phone. */
export function phone(person) {
  const { name } = person;
  const at = screen(name);
  const unread = Object.values(person.unread).reduce((sum, count) => sum + count, 0);
  return h("article", { key: name, class: "phone", id: `phone-${name}`, "aria-label": say("phone of", name), onkeydown: (event) => onEscape(event, name) },
    h("h3", { class: "owner" }, avatar(name), name),
    h("div", { class: "glass" },
      h("div", { class: "bar", "aria-hidden": "true" }, h("time", null, clock(now())), h("span", { class: "battery" })),
      h("div", { key: `${at.at} ${at.chat ?? at.app ?? ""}`, class: `screen ${at.at}`, id: `screen-${name}`, tabindex: "-1", inert: Boolean(at.dialog) }, content(person, at)),
      at.problem && h("div", { class: "problem", role: "alert" }, h("p", null, at.problem),
        h("button", { onclick: () => change(name, { problem: null }) }, say("close"))),
      at.dialog && sheet(person, at.dialog),
      (at.at === "chats" || at.at === "discover") && h("nav", { class: "tabs" },
        tab(name, at, "chats", unread), tab(name, at, "discover", 0))));
}

/** Escape closes a dialog or an error, then goes back. */
function onEscape(event, name) {
  // Escape also cancels the composition of an input method, and must not discard a text.
  if (event.key !== "Escape" || event.isComposing || event.target.value) return;
  const at = screen(name);
  if (at.dialog || at.problem) change(name, { dialog: null, problem: null });
  else if (at.back) go(name, at.back);
}

function content(person, at) {
  switch (at.at) {
    case "chat": return chat(person, at);
    case "discover": return discover(person);
    case "account": return account(person, at);
    case "mini": return miniProgram(person, at);
    case "web": return webPage(person, at);
    default: return chats(person);
  }
}

function tab(name, at, where, unread) {
  return h("button", { class: "tab", "aria-current": at.at === where ? "page" : null, onclick: () => go(name, { at: where }) },
    h("span", { class: `sign ${where}`, "aria-hidden": "true" }), say(where), badge(unread));
}

/** The number of unread messages, if any. */
function badge(count) {
  return count > 0 && h("span", { class: "badge", "aria-label": say("unread", count) }, count > 99 ? "99+" : count);
}

/** A round sign in a colour that depends on the name. */
export function avatar(name) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 12, 7);
  return h("span", { class: `avatar hue-${hue}`, "aria-hidden": "true" }, [...name][0]?.toUpperCase());
}

function chats(person) {
  const all = chatsOf(person);
  return [
    h("header", { class: "head" }, h("h4", null, say("chats"))),
    all.length === 0 && h("p", { class: "empty" }, say("nothing yet")),
    h("ul", { class: "rows" }, all.map(({ id, title, sign, last }) =>
      h("li", { key: id },
        h("button", { class: "row", onclick: () => openChat(person, id) },
          avatar(sign),
          h("span", { class: "name" }, title),
          h("time", null, last ? clock(last.time) : ""),
          h("span", { class: "last" }, last ? last.title ?? last.text : ""),
          badge(person.unread[id] ?? 0))))),
  ];
}

/** Opens a chat. */
export function openChat(person, chat, back = { at: "chats" }) {
  go(person.name, { at: "chat", chat, back });
}

function discover(person) {
  const kind = (wanted) => [...world.apps.values()].filter((app) => app.kind === wanted);
  const here = { at: "discover" };
  return [
    h("header", { class: "head" }, h("h4", null, say("discover"))),
    h("h5", null, say("accounts")),
    h("ul", { class: "rows" }, kind("official_account").map(({ alias }) => {
      const follows = person.apps[alias]?.follows;
      return h("li", { key: alias },
        h("button", { class: "row", onclick: () => go(person.name, { at: "account", app: alias, back: here }) },
          avatar(alias), h("span", { class: "name" }, alias), h("span", { class: "last" }, say(follows ? "following" : "not following"))));
    })),
    h("h5", null, say("mini programs")),
    h("ul", { class: "rows" }, kind("mini_program").map(({ alias }) =>
      h("li", { key: alias },
        h("button", { class: "row", onclick: () => openMiniProgram(person, alias, null, here) },
          avatar(alias), h("span", { class: "name" }, alias), h("span", { class: "last" }, say("open")))))),
  ];
}

/** Opens a mini program, which logs in first. */
export function openMiniProgram(person, app, jump, back) {
  go(person.name, { at: "mini", app, jump, back, loggingIn: world.canOpen });
  if (world.canOpen) logIn(person.name, app);
}

/** Logs in to the server of a mini program. */
export async function logIn(name, app) {
  change(name, { loggingIn: true });
  await act(name, "open", { app });
  if (screen(name).app === app) change(name, { loggingIn: false });
}

/** The page of an Official Account, with its settings. */
function account(person, at) {
  const { name } = person;
  const alias = at.app;
  const { follows, blocks } = person.apps[alias] ?? {};
  const scan = (event) => {
    event.preventDefault();
    act(name, "scan", { app: alias, scene: event.target.elements.scene.value });
  };
  return [
    h("header", { class: "head" }, backButton(name, at), h("h4", null, alias)),
    h("div", { class: "profile" }, avatar(alias), h("strong", null, alias),
      h("p", null, say(follows ? "following" : "not following")), follows && blocks && h("p", null, say("blocked"))),
    h("div", { class: "actions" },
      follows
        ? [h("button", { key: "chat", class: "main", onclick: () => openChat(person, alias, at) }, say("chat")),
           h("button", { key: "unfollow", onclick: () => act(name, "unfollow", { app: alias }) }, say("unfollow"))]
        : h("button", { key: "follow", class: "main", onclick: () => act(name, "follow", { app: alias }) }, say("follow")),
      follows && h("button", { key: "block", onclick: () => act(name, "block", { app: alias, blocked: !blocks }) },
        say(blocks ? "allow messages" : "block"))),
    h("form", { class: "line", onsubmit: scan },
      h("label", null, say("scan"), h("input", { name: "scene", required: true, maxlength: "64", value: "poster", "aria-description": say("scene"), autocomplete: "off" })),
      h("button", null, say("scan button"))),
    subscriptions(person, alias),
  ];
}

/** A button to the previous screen. */
export function backButton(name, at) {
  return h("button", { class: "back", "aria-label": say("back"), onclick: () => go(name, at.back ?? { at: "chats" }) }, "‹");
}
