// An open mini program, the request for consent, and the targets of cards.

import { h } from "./element.js";
import { avatar, backButton, logIn, openChat } from "./phone.js";
import { act, change, go, world } from "./state.js";
import { say } from "./words.js";

/** The screen of a mini program. */
export function miniProgram(person, at) {
  const { name } = person;
  const alias = at.app;
  const relation = person.apps[alias] ?? {};
  return [
    h("header", { class: "head" }, backButton(name, at), h("h4", null, alias),
      h("span", { class: "capsule", "aria-hidden": "true" }, "••• ◉")),
    h("div", { class: "page" },
      h("p", { class: "path" }, h("small", null, say("page")), h("code", null, at.jump?.page ?? say("its first page")),
        at.jump && at.jump.state !== "formal" && h("small", null, say(at.jump.state))),
      session(name, alias, relation.session, at.loggingIn),
      subscriptions(person, alias),
      relation.blocks && h("p", null, say("blocked")),
      h("div", { class: "actions" },
        h("button", { onclick: () => contact(person, alias, at) }, say("customer service")),
        h("button", { onclick: () => act(name, "block", { app: alias, blocked: !relation.blocks }) },
          say(relation.blocks ? "allow messages" : "block")))),
  ];
}

function session(name, app, session, loggingIn) {
  const state = session ? say("logged in", session.user) : say("not logged in");
  return h("div", { class: "session", role: "status" },
    h("p", null, loggingIn ? say("logging in") : state),
    session?.bound && h("p", null, say("account", session.bound)),
    world.canOpen
      ? h("button", { "aria-disabled": loggingIn ? "true" : null, onclick: () => loggingIn || logIn(name, app) }, say("log in again"))
      : h("p", null, say("no server")));
}

/** Opens the customer-service chat, which pushes an event to the app. */
async function contact(person, app, at) {
  if (await act(person.name, "enter", { app })) openChat(person, app, at);
}

/** The subscription templates of an app, with the person's consents. */
export function subscriptions(person, alias) {
  const templates = world.apps.get(alias)?.subscriptions ?? [];
  if (templates.length === 0) return null;
  const consents = person.apps[alias]?.consents ?? {};
  return h("section", { class: "subscriptions" },
    h("h5", null, say("subscription messages")),
    h("ul", { class: "rows" }, templates.map((template) => {
      const left = consents[template.template_id] ?? 0;
      const allowed = template.kind === "long_term" ? say("long-term consent") : say("consents", left);
      return h("li", { key: template.template_id, class: "row" },
        h("span", { class: "name" }, template.title),
        h("span", { class: "last" }, left > 0 ? allowed : say("no consent")),
        h("span", { class: "choices" },
          left > 0 && h("button", { "aria-label": `${say("withdraw")}: ${template.title}`, onclick: () => act(person.name, "withdraw", { app: alias, template_id: template.template_id }) }, say("withdraw")),
          h("button", { "aria-label": `${say("ask consent")}: ${template.title}`, onclick: () => change(person.name, { dialog: { app: alias, template_id: template.template_id } }) }, say("ask consent"))));
    })));
}

/** WeChat's request for consent, as `wx.requestSubscribeMessage` shows it. */
export function sheet(person, request) {
  const { name } = person;
  const template = world.apps.get(request.app)?.templates.find((it) => it.template_id === request.template_id);
  if (!template) return null;
  const answer = (accept) => {
    change(name, { dialog: null });
    act(name, "consent", { ...request, accept });
  };
  const lines = (template.example || template.content).trim().split("\n");
  return h("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-label": say("wants to send", request.app) },
    h("p", { class: "from" }, avatar(request.app), say("wants to send", request.app)),
    h("strong", null, template.title),
    h("ul", null, lines.map((line, index) => h("li", { key: index }, line))),
    h("p", { class: "hint" }, say(template.kind === "long_term" ? "long-term" : "once")),
    h("div", { class: "actions" },
      h("button", { class: "reject", onclick: () => answer(false) }, say("reject")),
      h("button", { class: "main allow", onclick: () => answer(true) }, say("allow"))));
}

function hostOf(url) {
  return URL.canParse(url, location.href) ? new URL(url, location.href).host : url;
}

/** The target of a card outside this sandbox. */
export function webPage(person, at) {
  const other = at.jump.mini_program;
  return [
    h("header", { class: "head" }, backButton(person.name, at), h("h4", null, other ? other.app_id : hostOf(at.jump.url))),
    h("div", { class: "page" },
      h("p", null, other ? say("jumps to mini program", other.app_id) : say("jumps to page")),
      h("p", { class: "path" }, h("code", null, other ? other.page ?? say("its first page") : at.jump.url)),
      h("div", { class: "actions" }, h("button", { class: "main", onclick: () => go(person.name, at.back) }, say("back")))),
  ];
}
