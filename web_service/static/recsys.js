// Recommendations for your shop's pages, and what visitors did with them. No dependencies, no cookies, nothing stored.
//
//   <script src="https://recommend.example.org/recsys.js"></script>
//   <script>
//     const shop = recsys({ url: "https://recommend.example.org", site: "my_shop", key: "…", user: "u00042" });
//     const slate = await shop.recommend({ k: 5, exclude: ["i0007"] });
//     shop.show(document.querySelector("#for-you"), slate, (item) => item.title || item.item_id); // text, or an element
//     shop.track("view", "i0007");               // what the visitor does on this page
//   </script>
//
// The key is seen by everyone who opens the page: use one that may read and write, of this site alone.
// docs/clients.md says more.
(function () {
  "use strict";

  const AT_ONCE = 20; // events of one request
  const WAIT = 1000; // milliseconds that an event waits for others
  const MOST = 500; // events kept while the service is away; the oldest go first
  const BEACON = 60000; // bytes that a page may send while it is left
  const SEEN = 0.5; // share of an item that must be on the screen
  const PATIENCE = 1000; // milliseconds for which it must

  function id() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function recsys({ url = "", site, key, user, session = id(), click = "click", impression = null }) {
    const base = `${url.replace(/\/$/, "")}/v1/${encodeURIComponent(site)}`;
    const ours = new URL(base, location.href).origin === location.origin;
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    const recent = []; // what this visitor looked at on this page, newest last
    const done = []; // types of what this visitor did on this page, newest last
    let waiting = [];
    let timer = null;
    let pause = WAIT;
    let sending = false;
    let alone = false; // events go one by one

    async function ask(path, query) {
      const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
      const response = await fetch(`${base}${path}?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}`, { headers });
      const answer = await response.json();
      if (!response.ok) throw Object.assign(new Error(answer.detail || response.statusText), { problem: answer });
      return answer;
    }

    function later() {
      if (timer === null && waiting.length) timer = setTimeout(flush, pause);
    }

    /** Sends what waits; what cannot be sent now is sent again later, and counts once. */
    async function flush() {
      clearTimeout(timer);
      timer = null;
      if (sending || !waiting.length) return;
      sending = true;
      const events = waiting.slice(0, alone ? 1 : AT_ONCE);
      const status = await post(events).catch(() => 0); // 0: no network
      sending = false;
      const refused = status >= 400 && status < 500 && status !== 408 && status !== 429;
      const done = (status >= 200 && status < 300) || (refused && events.length === 1);
      if (done) waiting = waiting.filter((event) => !events.includes(event));
      if (refused) console.warn("recsys: the service refuses", events.length === 1 ? events[0] : "events; trying each alone");
      alone = refused && events.length > 1 ? true : alone && waiting.length > 0; // one with a fault spoils no other
      pause = done || refused ? WAIT : Math.min(60000, pause * 2) * (0.5 + Math.random() / 2);
      if (waiting.length && (alone || (done && waiting.length >= AT_ONCE))) await flush();
      else later();
    }

    async function post(events, more = {}) {
      const body = JSON.stringify(events);
      const sent = { method: "POST", body, headers: { ...headers, "Content-Type": "application/json" }, ...more };
      return (await fetch(`${base}/events`, sent)).status;
    }

    /** While the page is left only small requests get through, and nobody is here to see the answer. */
    function leave() {
      while (waiting.length) {
        let events = waiting;
        while (JSON.stringify(events).length > BEACON) events = events.slice(0, Math.ceil(events.length / 2));
        waiting = waiting.slice(events.length);
        const body = new Blob([JSON.stringify(events)], { type: "application/json" });
        // a beacon has no headers for a key, and sends cookies, which another origin would have to allow
        if (!key && ours && navigator.sendBeacon(`${base}/events`, body)) continue;
        post(events, { keepalive: true }).catch(() => waiting.unshift(...events));
      }
    }

    addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave());
    addEventListener("pagehide", leave);

    const shop = {
      session,

      /** A slate for the visitor: k, category, exclude, mode …, as in the API. Without a user: for what was looked at here. */
      recommend(wish = {}) {
        const seen = wish.recent || recent;
        return ask("/recommendations", { user_id: user, ...wish, recent: seen.length ? seen.join(",") : undefined });
      },

      similar: (item, wish = {}) => ask(`/items/${encodeURIComponent(item)}/similar`, wish),
      popular: (wish = {}) => ask("/popular", wish),

      /** What may come next after the items of this page, or after `items`. */
      next: ({ items = recent, ...wish } = {}) => ask("/session", { ...wish, items: items.join(",") }),

      /** How likely the visit ends in a purchase: the user's, or, of a stranger, what was done on this page. */
      intent: () => ask("/intent", user ? { user_id: user } : { session: done.join(",") }),

      /** The visitor did this to the item; `more` may have value, request_id, timestamp. */
      track(type, item, more = {}) {
        const event = { event_id: id(), timestamp: new Date().toISOString(), event_type: type, item_id: item };
        waiting.push({ ...event, user_id: user || `session:${session}`, session_id: session, ...more });
        waiting = waiting.slice(-MOST);
        if (!recent.includes(item)) recent.push(item);
        if (recent.length > 20) recent.shift();
        if (done.push(type) > 50) done.shift();
        if (waiting.length >= AT_ONCE) flush();
        else later();
      },

      /** Puts the slate into the element, each item as the text or element that `draw(item)` gives, and watches it. */
      show(element, slate, draw) {
        element.replaceChildren(
          ...slate.items.map((item) => {
            const box = document.createElement("div");
            box.append(draw(item));
            box.dataset.recsysItem = item.item_id;
            return box;
          }),
        );
        shop.watch(element, slate.request_id);
      },

      /** Tracks clicks on what stands in the element, and what is seen: children with data-recsys-item="…". */
      watch(element, request) {
        const boxes = element.querySelectorAll("[data-recsys-item]");
        element.addEventListener("click", (event) => {
          const box = event.target.closest("[data-recsys-item]");
          if (box && click) shop.track(click, box.dataset.recsysItem, { request_id: request });
        });
        if (!impression) return;
        const timers = new Map();
        const seen = new IntersectionObserver(
          (entries) => {
            for (const { target, intersectionRatio } of entries) {
              clearTimeout(timers.get(target));
              if (intersectionRatio >= SEEN) timers.set(target, setTimeout(noticed, PATIENCE, target));
            }
          },
          { threshold: SEEN },
        );
        const noticed = (box) => {
          seen.unobserve(box);
          shop.track(impression, box.dataset.recsysItem, { request_id: request });
        };
        boxes.forEach((box) => seen.observe(box));
      },

      flush,
    };
    return shop;
  }

  globalThis.recsys = recsys;
})();
