// Controls: send a notification, revoke tokens, inject faults, advance the clock.

import { h } from "./element.js";
import { changed, now, request, world } from "./state.js";
import { dateAndTime, duration, say } from "./words.js";

/** The result of the last attempt, by control. */
const results = {};

async function attempt(control, doing) {
  try {
    results[control] = await doing();
  } catch (error) {
    results[control] = error.message;
  }
  changed();
}

let nextId = Math.floor(Date.now() / 1000);

function newId() {
  nextId += 1;
  return `order-${nextId}-shipped`;
}

/** A person as the recipient of a notification. */
function recipient(name) {
  const person = world.people.get(name);
  const [union] = Object.values(person?.union_ids ?? {});
  if (union) return { union_id: union };
  const [app, { open_id }] = Object.entries(person.apps)[0];
  return { app, open_id };
}

/** A form that invokes the function `send`, if there is one. */
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
      results.notify = say("sending");
      changed();
      const notification = { id: form.id.value, to: recipient(form.to.value), template: form.template.value, data };
      const { answer } = await request("POST", "/sandbox/notify", notification);
      const [one] = answer.notifications ?? [];
      form.id.value = newId();
      if (!one) return answer.error ?? answer.errorMessage ?? JSON.stringify(answer);
      return [say(`status ${one.outcome}`), one.reason].filter(Boolean).join(": ");
    });
  };
  const renewId = (event) => {
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
        h("button", { type: "button", onclick: renewId }, say("new id")),
        h("output", null, results.notify ?? ""))));
}

/** The age of the apps' tokens, and a button to revoke them. */
export function tokenControl() {
  return h("section", { key: "token", class: "panel token", id: "token" },
    h("h3", null, say("token")),
    h("ul", { class: "plain" }, [...world.apps.values()].map(({ alias, token }) =>
      h("li", { key: alias, class: "spread" },
        h("span", null, h("b", null, alias), " ", h("span", { class: token && !token.valid ? "mark bad" : "age" }, stateOf(token))),
        h("button", { "aria-label": `${say("revoke")}: ${alias}`, "aria-disabled": token?.valid ? null : "true", onclick: () => token?.valid && attempt("token", async () => void (await request("POST", `/sandbox/apps/${alias}/revoke_tokens`))) }, say("revoke"))))),
    h("output", null, results.token ?? ""));
}

function stateOf(token) {
  if (!token) return say("no token");
  const left = token.until - now();
  if (left <= 0) return say("token expired");
  if (!token.valid) return say("token revoked");
  return say("age", duration(now() - token.since), duration(left));
}

/** The faults that the page offers; the control API has more. */
const FAULTS = {
  "slow": { delay_ms: 3000 },
  "system error": { errcode: -1 },
  "quota": { errcode: 45009 },
  "invalid token": { errcode: 40001 },
  "reset": { reset: true },
};

/** Injects faults. */
export function faultControl() {
  const inject = (event) => {
    event.preventDefault();
    const form = event.target.elements;
    attempt("faults", async () => {
      await request("POST", "/sandbox/faults", { path: form.path.value, times: Number(form.times.value), ...FAULTS[form.kind.value] });
    });
  };
  const clear = () => attempt("faults", async () => void (await request("DELETE", "/sandbox/faults")));
  return h("section", { key: "faults", class: "panel faults", id: "faults" },
    h("h3", null, say("faults")),
    h("form", { class: "grid", onsubmit: inject },
      h("label", { class: "wide" }, say("fault path"), h("select", { name: "path" },
        [...world.paths].sort((a, b) => rank(a) - rank(b)).map((path) => h("option", { key: path, value: path }, path)),
        world.paths.length > 0 && h("option", { key: "*", value: "*" }, say("all paths")))),
      h("label", null, say("fault kind"), h("select", { name: "kind" }, Object.keys(FAULTS).map((kind) => h("option", { key: kind, value: kind }, say(kind))))),
      h("label", null, say("fault times"), h("input", { name: "times", type: "number", min: "1", max: "1000", value: "1", required: true })),
      h("div", { class: "wide actions" },
        h("button", { class: "main" }, say("inject")),
        h("button", { type: "button", "aria-disabled": world.faults.length === 0 ? "true" : null, onclick: clear }, say("clear faults")),
        h("output", null, results.faults ?? ""))),
    h("ul", { class: "plain" }, world.faults.map((fault, index) =>
      h("li", { key: index, class: "mark open" }, say("fault pending", nameOf(fault), fault.path, fault.times)))));
}

/** Paths that send come first. */
function rank(path) {
  return path.includes("/send") || path.includes("/bizsend") ? 0 : 1;
}

function nameOf(fault) {
  if (fault.reset) return say("reset");
  if (fault.errcode !== undefined) return `errcode ${fault.errcode}`;
  if (fault.delay_ms > 0) return `${fault.delay_ms} ms`;
  return say("fault");
}

/** The sandbox's clock, which only moves forward. */
export function clockControl() {
  const advance = (seconds) => attempt("clock", async () => void (await request("POST", "/sandbox/clock", { advance_seconds: seconds })));
  const steps = { minute: 60, hour: 3600, day: 86400 };
  return h("section", { key: "clock", class: "panel clock", id: "clock" },
    h("h3", null, say("clock")),
    h("p", { class: "time" }, h("time", null, dateAndTime(now()))),
    h("div", { class: "actions" }, Object.entries(steps).map(([name, seconds]) =>
      h("button", { key: name, onclick: () => advance(seconds) }, say(name)))),
    h("p", { class: "hint" }, say("clock hint")),
    h("output", null, results.clock ?? ""));
}
