// Talks to the API. A problem document becomes an Error that carries it.

const KEY = "recsys-key";

export class Problem extends Error {
  constructor(document) {
    super(document.detail);
    Object.assign(this, { title: document.title, status: document.status });
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
};

async function call(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  const started = performance.now();
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Problem({ title: "The service does not answer", detail: "See that it runs, then try again.", status: 0 });
  });
  const content = await response.json();
  if (!response.ok) throw new Problem(content);
  const inside = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return { content, inside: inside ? Number(inside[1]) : null, outside: performance.now() - started };
}

const get = async (path) => (await call(path)).content;
export const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value != null)).toString();

export const sites = () => get("/v1/sites");
export const users = (site) => get(`/v1/${site}/users?limit=30`);
export const releases = (site) => get(`/v1/${site}/releases`);
export const popular = (site) => get(`/v1/${site}/popular?k=200`);
export const recommendations = (site, question) => call(`/v1/${site}/recommendations?${query(question)}`);
export const session = (site, items, k) => get(`/v1/${site}/session?${query({ items: items.join(","), k })}`);
export const intent = (site, user) => get(`/v1/${site}/intent?${query({ user_id: user })}`);
export const events = (site, user) => get(`/v1/${site}/users/${encodeURIComponent(user)}/events?limit=8`);
export const send = (site, event) =>
  call(`/v1/${site}/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });

const known = new Map();

/** Titles by item id; asked for once per item. */
export async function titles(site, ids) {
  const missing = [...new Set(ids)].filter((id) => !known.has(`${site} ${id}`) && !id.includes(","));
  for (const id of missing) known.set(`${site} ${id}`, id);
  for (let start = 0; start < missing.length; start += 100) {
    const items = await get(`/v1/${site}/items?${query({ ids: missing.slice(start, start + 100).join(",") })}`);
    for (const item of items) known.set(`${site} ${item.item_id}`, item.title ?? item.item_id);
  }
  return (id) => known.get(`${site} ${id}`) ?? id;
}
