// The front end of all widgets: puts the drawing in place, patches what is drawn again, and says
// which button was pressed. It computes nothing.

const SVG = "http://www.w3.org/2000/svg";
// Markup comes escaped from Python; these are left out all the same.
const REFUSED = new Set(["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "LINK", "META", "BASE", "FORM"]);
// What the reader has set stays.
const READERS = new Set(["open", "value"]);

function parsed(text) {
  return new DOMParser().parseFromString(`<body>${text}</body>`, "text/html").body;
}

function isAllowed(node) {
  return node.nodeType === Node.TEXT_NODE
    || (node.nodeType === Node.ELEMENT_NODE && !REFUSED.has(node.nodeName.toUpperCase()));
}

function isSafe(name, value) {
  return !name.startsWith("on") && !/^\s*(javascript|data):/i.test(value);
}

function isSame(old, made) {
  if (old.nodeName !== made.nodeName) return false;
  return old.nodeType !== Node.ELEMENT_NODE
    || (old.getAttribute("data-key") || "") === (made.getAttribute("data-key") || "");
}

function adopted(made) {
  if (made.nodeType === Node.TEXT_NODE) return document.createTextNode(made.data);
  const isSvg = made.namespaceURI === SVG;
  const node = isSvg
    ? document.createElementNS(SVG, made.localName)
    : document.createElement(made.localName);
  for (const { name, value } of made.attributes) {
    if (isSafe(name, value)) node.setAttribute(name, value);
  }
  for (const child of made.childNodes) if (isAllowed(child)) node.append(adopted(child));
  return node;
}

function patchAttributes(old, made) {
  for (const { name } of [...old.attributes]) {
    if (!made.hasAttribute(name) && !READERS.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of made.attributes) {
    if (READERS.has(name) || !isSafe(name, value)) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// Children are matched by their data-key, else by their place.
function patch(old, made) {
  const keyed = new Map();
  const kept = new Set([...made.children].map((child) => child.getAttribute("data-key")));
  for (const child of [...old.children]) {
    const key = child.getAttribute("data-key");
    if (!key) continue;
    // What goes first makes room, so that fewer have to move: one that moves loses the focus.
    if (kept.has(key)) keyed.set(key, child);
    else child.remove();
  }
  let place = old.firstChild;
  for (const child of made.childNodes) {
    if (!isAllowed(child)) continue;
    const key = child.nodeType === Node.ELEMENT_NODE && child.getAttribute("data-key");
    const known = key && keyed.get(key);
    if (known && known !== place && isSame(known, child)) old.insertBefore(known, place);
    const there = known && isSame(known, child) ? known : place;
    if (there && isSame(there, child)) {
      if (child.nodeType === Node.TEXT_NODE) {
        if (there.data !== child.data) there.data = child.data;
      } else {
        patchAttributes(there, child);
        patch(there, child);
      }
      place = there.nextSibling;
    } else {
      old.insertBefore(adopted(child), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function redraw(el, text) {
  const focused = el.getRootNode().activeElement;
  patch(el, parsed(text));
  if (focused && el.contains(focused)) focused.focus({ preventScroll: true });
}

const OVER = "This is as it was: its kernel has ended. Run the cell again.";

// A kernel that has ended, or started again, hears nothing of this widget any more.
function tell(model, el, message) {
  try {
    model.send(message);
  } catch {
    if (el.querySelector(":scope > .over")) return;
    const note = document.createElement("p");
    note.className = "over muted";
    note.setAttribute("role", "status");
    note.textContent = OVER;
    el.prepend(note);
    for (const it of el.querySelectorAll("[data-do]")) it.setAttribute("aria-disabled", "true");
  }
}

// Says that somebody looks: at once, and again as long as it is so.
function watched(model, el) {
  const name = String(Math.random());
  const say = (view) => tell(model, el, { view, name });
  say("opened");
  const timer = setInterval(() => {
    if (el.isConnected && document.visibilityState === "visible") say("alive");
  }, 5000);
  return () => {
    clearInterval(timer);
    say("closed");
  };
}

function mount({ model, el }) {
  el.classList.add("ipycontainers");
  const draw = () => redraw(el, model.get("drawing"));
  const press = (event) => {
    const target = event.target.closest("[data-do]");
    if (!target || !el.contains(target) || target.getAttribute("aria-disabled") === "true") return;
    tell(model, el, { do: target.dataset.do });
  };
  draw();
  model.on("change:drawing", draw);
  el.addEventListener("click", press);
  const left = watched(model, el);
  return () => {
    model.off("change:drawing", draw);
    el.removeEventListener("click", press);
    left();
  };
}
