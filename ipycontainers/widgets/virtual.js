// What long lists need: rows that are asked for when they come in sight, and questions with answers.

const ROW = 28; // px
const AHEAD = 12; // rows that are asked for above and below those in sight

function made(tag, attributes = {}, ...content) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...content);
  return node;
}

// Questions to the kernel, each with a number that its answer has too. Of questions of one kind only
// the last one's answer is wanted.
function asker(model) {
  const waiting = new Map();
  // The kernel's answer goes to all views of a widget.
  const view = Math.random().toString(36).slice(2);
  let count = 0;
  const hear = (message) => {
    const wanted = waiting.get(message.kind);
    if (!wanted || wanted.id !== message.id) return;
    waiting.delete(message.kind);
    wanted.then(message);
  };
  model.on("msg:custom", hear);
  const ask = (kind, question, then) => {
    count += 1;
    const id = `${view} ${count}`;
    waiting.set(kind, { id, then });
    model.send({ ...question, ask: kind, id });
  };
  return { ask, end: () => model.off("msg:custom", hear) };
}

// Moves the one place of a group that Tab reaches.
function rove(nodes, from, key) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const last = nodes.length - 1;
  const to = key === "Home" ? 0 : key === "End" ? last : from + (steps[key] || 0);
  return Math.max(0, Math.min(last, to));
}

// A list of as many rows as there may be, of which those in sight are in the page.
// The focus of a row that goes is its host's, so that keys still arrive.
function virtual(list, body, host, draw, wanted) {
  let total = 0;
  let rows = new Map();
  let timer = 0;
  const inSight = () => {
    const first = Math.floor(list.scrollTop / ROW);
    const count = Math.ceil(list.clientHeight / ROW) + 1;
    return [Math.max(0, first - AHEAD), Math.min(total, first + count + AHEAD)];
  };
  const show = () => {
    const [from, to] = inSight();
    body.style.height = `${total * ROW}px`;
    const kept = new Map();
    for (const node of [...body.children]) {
      const at = Number(node.dataset.row);
      if (at >= from && at < to && node.drawn === rows.get(at)) {
        kept.set(at, node);
        continue;
      }
      if (node === document.activeElement) host.focus({ preventScroll: true });
      node.remove();
    }
    let before = null;
    for (let at = from; at < to; at += 1) {
      let node = kept.get(at);
      if (!node && rows.has(at)) {
        node = draw(rows.get(at), at);
        node.drawn = rows.get(at);
        node.dataset.row = at;
        node.style.top = `${at * ROW}px`;
        body.insertBefore(node, before ? before.nextSibling : body.firstChild);
      }
      if (node) before = node;
    }
    host.tabIndex = body.querySelector('[tabindex="0"]') ? -1 : 0; // Tab reaches one of them
    return [from, to];
  };
  const scrolled = () => {
    const [from, to] = show();
    let missing = false;
    for (let at = from; at < to && !missing; at += 1) missing = !rows.has(at);
    clearTimeout(timer);
    if (missing) timer = setTimeout(() => wanted(from, to - from), 40);
  };
  list.addEventListener("scroll", scrolled, { passive: true });
  return {
    inSight,
    row: (at) => rows.get(at),
    node: (at) => body.querySelector(`[data-row="${at}"]`),
    total: () => total,
    reveal(at) {
      const top = at * ROW;
      const room = list.clientHeight - ROW;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top > list.scrollTop + room - ROW) list.scrollTop = top - room + ROW;
      scrolled();
    },
    set(answer, isNew) {
      total = answer.total;
      if (isNew) rows = new Map();
      answer.rows.forEach((row, number) => rows.set(answer.from + number, row));
      show();
    },
    redraw() {
      for (const node of [...body.children]) node.drawn = null;
      show();
    },
    forget: () => clearTimeout(timer),
  };
}
