// The visit beside the slate: what may come next in it, and whether it ends in a purchase.

import * as api from "./api.js";
import { badge, label } from "./slate.js";

const K = 5;
const MODEL = "session_";
const part = (id) => document.getElementById(id);
const percent = (chance) => chance.toLocaleString(undefined, { style: "percent", maximumFractionDigits: 1 });
const ofModel = (item) => item.source.startsWith(MODEL);
let last = null;

/** What the live models say of a visit; `told` are its events, newest first. */
export async function ask(site, user, told, surfaces) {
  const items = [...new Set(told.map((event) => event.item_id))].filter((id) => !id.includes(",")).reverse();
  const [follows, intent] = await Promise.all([
    items.length ? api.session(site, items, K) : null,
    user && surfaces.has("intent") ? api.intent(site, user) : null,
  ]);
  return { site, user, follows, intent, live: surfaces.has("session") };
}

/** Draws it; a click on an item is the site's first event type, and an answer to what was shown. */
export function draw({ site, user, follows, intent, live }, { type, act }) {
  part("follows").replaceChildren(...(follows?.items ?? []).map((item) => line(item, type, () => act(item, type, follows.request_id))));
  part("follows-note").textContent = note(follows, live);
  part("follows-note").title = follows?.model_version ? `model ${follows.model_version}` : "";
  part("intent-panel").hidden = !intent;
  if (intent) drawChance(intent, last?.site === site && last.user === user ? last.chance : null);
  last = intent && { site, user, chance: intent.purchase_probability };
}

function note(follows, live) {
  if (!follows) return "Nothing yet. Look at something: this list follows.";
  const said = follows.items.find(ofModel);
  if (said) return `Said by the live session model (${said.source.replace(MODEL, "")}).`;
  if (follows.model_version) return "The live session model knows none of these items.";
  return live ? "The live session model does not answer yet: this is what is similar." : "No session model is live: this is what is similar.";
}

function line(item, type, press) {
  const node = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: item.title ?? item.item_id });
  button.setAttribute("aria-label", `${label(type)} ${button.textContent}`);
  button.title = item.item_id;
  button.addEventListener("click", press);
  node.append(button);
  if (!ofModel(item)) node.append(badge(document.createElement("span"), item));
  return node;
}

function drawChance({ purchase_probability: chance, model_version: version }, before) {
  part("chance").textContent = percent(chance);
  part("chance-was").textContent = before === null || before === chance ? "" : `was ${percent(before)}`;
  part("chance-meter").value = chance;
  part("chance-meter").title = `model ${version}`;
}
