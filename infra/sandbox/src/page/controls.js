// What can be set in motion: a notification, the end of a token, faults, the clock.

import { h } from "./element.js";
import { ask, changed, now, world } from "./state.js";
import { duration, moment, say } from "./words.js";

/** What was said of the last attempt, by control. */
const said = {};

async function attempt(control, doing) {
  try {
    said[control] = await doing();
  } catch (error) {
    said[control] = error.message;
  }
  changed();
}

let nextId = Math.floor(Date.now() / 1000);

function newId() {
  nextId += 1;
  return `order-${nextId}-shipped`;
}

/** How somebody is named to `send`. */
function recipient(name) {
  const person = world.people.get(name);
  const [union] = Object.values(person?.union_ids ?? {});
  if (union) return { union_id: union };
  const [app, { open_id }] = Object.entries(person.apps)[0];
  return { app, open_id };
}

/** Asks the function `send` for a notification, where there is one. */
export function notifyControl() {
  if (!world.canNotify) return null;
  const send = (event) => {
    event.preventDefault();
    const form = event.target.elements;
    attempt("notify", async () => {
      let data;
      try {
        data = JSON.parse(form.data.value);
      } catch {
        return say("not json");
      }
      said.notify = say("sending");
      changed();
      const request = { id: form.id.value, to: recipient(form.to.value), template: form.template.value, data };
      const { answer } = await ask("POST", "/sandbox/notify", request);
      const [one] = answer.notifications ?? [];
      form.id.value = newId();
      if (!one) return answer.error ?? answer.errorMessage ?? JSON.stringify(answer);
      return [say(`status ${one.outcome}`), one.reason].filter(Boolean).join(": ");
    });
  };
  const again = (event) => {
    event.target.form.elements.id.value = newId();
  };
  return h("section", { key: "notify", class: "panel notify", id: "notify" },
    h("h3", null, say("notify")),
    h("p", { class: "hint" }, say("notify hint")),
    h("form", { class: "grid", onsubmit: send },
      h("label", null, say("to"), h("select", { name: "to" }, [...world.people.keys()].map((name) => h("option", { key: name, value: name }, name)))),
      h("label", null, say("template"), h("input", { name: "template", required: true, value: "order_shipped", autocomplete: "off" })),
      h("label", { class: "wide" }, say("id"), h("input", { name: "id", required: true, value: `order-${nextId}-shipped`, autocomplete: "off" })),
      h("label", { class: "wide" }, say("data"), h("textarea", { name: "data", rows: "3", spellcheck: "false" },
        '{ "product": "蓝色水壶",\n  "time": "2026-11-20 15:04" }')),
      h("div", { class: "wide actions" },
        h("button", { class: "main", id: "notify-send" }, say("send")),
        h("button", { type: "button", onclick: again }, say("new id")),
        h("output", null, said.notify ?? ""))));
}

/** The apps' tokens: how old, and a way to end them. */
export function tokenControl() {
  return h("section", { key: "token", class: "panel token", id: "token" },
    h("h3", null, say("token")),
    h("ul", { class: "plain" }, [...world.apps.values()].map(({ alias, token }) =>
      h("li", { key: alias, class: "spread" },
        h("span", null, h("b", null, alias), " ", h("span", { class: token && !token.good ? "mark bad" : "age" }, stateOf(token))),
        h("button", { "aria-label": `${say("kill")}: ${alias}`, "aria-disabled": token?.good ? null : "true", onclick: () => token?.good && attempt("token", async () => void (await ask("POST", `/sandbox/apps/${alias}/revoke`))) }, say("kill"))))),
    h("output", null, said.token ?? ""));
}

function stateOf(token) {
  if (!token) return say("no token");
  const left = token.until - now();
  if (left <= 0) return say("token over");
  if (!token.good) return say("token ended");
  return say("age", duration(now() - token.since), duration(left));
}

/** The faults that can be ordered here; the control API knows more. */
const FAULTS = {
  "slow": { delay_ms: 3000 },
  "system error": { errcode: -1 },
  "quota": { errcode: 45009 },
  "invalid token": { errcode: 40001 },
  "reset": { reset: true },
};

/** Bad days of WeChat's, to order. */
export function faultControl() {
  const order = (event) => {
    event.preventDefault();
    const form = event.target.elements;
    attempt("faults", async () => {
      await ask("POST", "/sandbox/faults", { path: form.path.value, times: Number(form.times.value), ...FAULTS[form.kind.value] });
    });
  };
  const callOff = () => attempt("faults", async () => void (await ask("DELETE", "/sandbox/faults")));
  return h("section", { key: "faults", class: "panel faults", id: "faults" },
    h("h3", null, say("faults")),
    h("form", { class: "grid", onsubmit: order },
      h("label", { class: "wide" }, say("fault path"), h("select", { name: "path" },
        [...world.paths].sort((a, b) => rank(a) - rank(b)).map((path) => h("option", { key: path, value: path }, path)),
        world.paths.length > 0 && h("option", { key: "*", value: "*" }, say("everywhere")))),
      h("label", null, say("fault kind"), h("select", { name: "kind" }, Object.keys(FAULTS).map((kind) => h("option", { key: kind, value: kind }, say(kind))))),
      h("label", null, say("fault times"), h("input", { name: "times", type: "number", min: "1", max: "1000", value: "1", required: true })),
      h("div", { class: "wide actions" },
        h("button", { class: "main" }, say("switch on")),
        h("button", { type: "button", "aria-disabled": world.faults.length === 0 ? "true" : null, onclick: callOff }, say("call off")),
        h("output", null, said.faults ?? ""))),
    h("ul", { class: "plain" }, world.faults.map((fault, index) =>
      h("li", { key: index, class: "mark open" }, say("fault waits", nameOf(fault), fault.path, fault.times)))));
}

/** What sends comes first: it is what people want to see fail. */
function rank(path) {
  return path.includes("/send") || path.includes("/bizsend") ? 0 : 1;
}

function nameOf(fault) {
  if (fault.reset) return say("reset");
  if (fault.errcode !== undefined) return `errcode ${fault.errcode}`;
  if (fault.delay_ms > 0) return `${fault.delay_ms} ms`;
  return say("fault");
}

/** WeChat's time, which can only go forward. */
export function clockControl() {
  const advance = (seconds) => attempt("clock", async () => void (await ask("POST", "/sandbox/clock", { advance_seconds: seconds })));
  const steps = { minute: 60, hour: 3600, day: 86400 };
  return h("section", { key: "clock", class: "panel clock", id: "clock" },
    h("h3", null, say("clock")),
    h("p", { class: "time" }, h("time", null, moment(now()))),
    h("div", { class: "actions" }, Object.entries(steps).map(([name, seconds]) =>
      h("button", { key: name, onclick: () => advance(seconds) }, say(name)))),
    h("p", { class: "hint" }, say("clock hint")),
    h("output", null, said.clock ?? ""));
}
