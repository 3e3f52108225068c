import { examples } from "./examples.js";

// How long the filters may take for a request, in milliseconds. Loading them is not counted.
const LIMIT = Number(new URLSearchParams(location.search).get("limit")) || 5000;
const PAUSE = 250;

const get = (id) => document.getElementById(id);
const fields = ["config", "filter", "method", "url", "headers", "body", "client"];

// The worker, and what it has been asked.
let worker;
let pending = new Map();
let number = 0;

function start() {
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    const asked = pending.get(data.id);
    if (!asked) return;
    if (data.stage) return asked.stage(data.stage);
    finish(data.id);
    if (data.failure === undefined) asked.resolve(data.result);
    else {
      // A trap leaves the instance unusable.
      restart();
      asked.reject(new Error(`The filter failed: ${data.failure}`));
    }
  };
  worker.onerror = (event) => {
    const [id, asked] = [...pending].at(-1) ?? [];
    if (!asked) return;
    finish(id);
    asked.reject(new Error(`The filters cannot be loaded: ${event.message ?? "see the console"}`));
  };
}

function finish(id) {
  clearTimeout(pending.get(id)?.timer);
  pending.delete(id);
}

function restart() {
  worker.terminate();
  for (const [id, asked] of [...pending]) {
    finish(id);
    asked.reject(null);
  }
  start();
}

// Asks the worker. Only one question is of interest at a time: a later one ends one that runs.
function ask(call, argument) {
  if ([...pending.values()].some((asked) => asked.running)) restart();
  const id = ++number;
  return new Promise((resolve, reject) => {
    const asked = {
      resolve,
      reject,
      running: false,
      stage(stage) {
        if (stage === "crs") return say("Loading the Core Rule Set…", "wait");
        asked.running = true;
        asked.timer = setTimeout(() => {
          finish(id);
          restart();
          const seconds = LIMIT / 1000;
          reject(new Error(`Stopped after ${seconds} s: the filters took too long for this configuration and request. In Envoy that would be the time of a worker.`));
        }, LIMIT);
      },
    };
    pending.set(id, asked);
    worker.postMessage({ id, call, argument });
  });
}

function state() {
  const of = Object.fromEntries(fields.map((name) => [name, get(name).value]));
  const seconds = Math.floor(Date.parse(`${get("now").value || "2026-01-01T12:00:00"}Z`) / 1000);
  return {
    ...of,
    filter: of.filter || null,
    now: seconds > 0 ? seconds : 0,
    response: {
      status: Math.min(999, Math.max(100, Number(get("status").value) || 200)),
      headers: get("response-headers").value,
      body: get("response-body").value,
    },
  };
}

function show(input) {
  for (const name of fields) get(name).value = input[name] ?? "";
  get("method").value ||= "GET";
  get("client").value ||= "192.0.2.10";
  get("now").value = new Date((input.now ?? 1767268800) * 1000).toISOString().slice(0, 19);
  get("status").value = input.response?.status ?? 200;
  get("response-headers").value = input.response?.headers ?? "";
  get("response-body").value = input.response?.body ?? "";
  get("response-box").open = Boolean(input.response?.headers || input.response?.body);
}

function say(text, tone) {
  const verdict = get("verdict");
  verdict.dataset.tone = tone;
  if (verdict.textContent !== text) verdict.textContent = text;
}

let waiting;
let last;
function changed() {
  clearTimeout(waiting);
  waiting = setTimeout(decide, PAUSE);
}

async function decide() {
  const input = state();
  link(input);
  try {
    last = await ask("run", JSON.stringify(input));
  } catch (error) {
    if (!error) return;
    last = undefined;
    problems([]);
    get("timeline").replaceChildren();
    get("remarks").replaceChildren();
    return say(error.message, "warn");
  }
  render(last);
}

const MARKS = { deny: "✕", allow: "✓", warn: "!", info: "i", quiet: "·" };
const WORDS = { deny: "denies: ", allow: "allows: ", warn: "suspects: ", info: "", quiet: "" };

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function render(result) {
  const found = result.diagnostics ?? [];
  const said = found.some((it) => it.severity === "error");
  problems(said ? found : [...found, ...(result.config_errors ?? []).map((message) => ({ severity: "error", message }))]);
  const request = get("request-problem");
  request.hidden = !result.request_error;
  request.textContent = result.request_error ?? "";
  get("remarks").replaceChildren(...(result.remarks ?? []).map((text) => element("li", { textContent: text })));
  const timeline = get("timeline");
  if (!result.explanation) {
    timeline.replaceChildren();
    return say(result.request_error ? "The request cannot be read." : "The configuration is refused: see what is wrong under it.", "warn");
  }
  const { passes, status, filters } = result.explanation;
  const deciding = passes ? filters : filters.slice(-1);
  const text = deciding.map((it) => `${it.filter}: ${it.decision.summary}`).join(" · ");
  say(`${passes ? "✓" : "✕"} ${text}${passes ? "" : ` — the client gets ${status}`}`, passes ? "allow" : "deny");
  timeline.replaceChildren(...filters.flatMap((it) => filter(it, filters.length > 1)));
}

function filter({ filter, timeline }, titled) {
  const all = get("all").checked;
  const shown = timeline.filter(({ tone }) => all || tone !== "quiet");
  const list = element("ol", { ariaLabel: `What ${filter} did, step by step` }, ...shown.map(step));
  const parts = [element("h3", { textContent: filter, hidden: !titled }), list];
  const hidden = timeline.length - shown.length;
  if (hidden) {
    const what = hidden === 1 ? "1 step that decided nothing is hidden." : `${hidden} steps that decided nothing are hidden.`;
    parts.push(element("p", { className: "hidden-count", textContent: what }));
  }
  return parts;
}

function step({ tone, title, details }) {
  const item = element("li", {}, element("p", { className: "title" }, element("span", { className: "visually-hidden", textContent: WORDS[tone] }), title));
  item.dataset.tone = tone;
  item.dataset.mark = MARKS[tone];
  if (details.length) {
    item.append(element("dl", {}, ...details.flatMap(([label, value]) => [
      element("dt", { textContent: label.trim() }),
      element("dd", { textContent: value }),
    ])));
  }
  return item;
}

function problems(found) {
  get("config").setAttribute("aria-invalid", String(found.some((it) => it.severity === "error")));
  get("problems").replaceChildren(...found.slice(0, 50).map((it) => {
    const item = element("li");
    item.dataset.severity = it.severity;
    if (it.line && it.file === "config") {
      const place = element("button", { type: "button", textContent: `line ${it.line}, column ${it.column}` });
      place.onclick = () => select(it);
      item.append(place, ": ");
    }
    item.append(it.message);
    if (it.help) item.append(element("div", { className: "help", textContent: it.help }));
    return item;
  }));
}

function select({ line, column }) {
  const config = get("config");
  const lines = config.value.split("\n");
  const from = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const start = from + [...lines[line - 1] ?? ""].slice(0, column - 1).join("").length;
  config.focus();
  config.setSelectionRange(start, from + (lines[line - 1] ?? "").length);
}

// The link holds all fields, packed.
async function pack(text) {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function unpack(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  // A link can hold more than anybody could have typed.
  const reader = stream.getReader();
  const chunks = [];
  for (let size = 0; ;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > 4 << 20) throw new Error("the link holds more than 4 MiB");
    chunks.push(value);
  }
  return new Blob(chunks).text();
}

// A page's address is no place for more.
const LONGEST_LINK = 64 << 10;
let linked = "";
async function link(input) {
  const packed = `#1${await pack(JSON.stringify(input))}`;
  if (packed.length > LONGEST_LINK) return;
  linked = packed;
  history.replaceState(null, "", packed);
}

async function open() {
  if (location.hash.startsWith("#1") && location.hash !== linked) {
    try {
      const input = JSON.parse(await unpack(location.hash.slice(2)));
      get("example").value = "";
      show(input);
      return decide();
    } catch (error) {
      say(`The link cannot be read: ${error.message}`, "warn");
    }
  }
  const wanted = Math.max(0, examples.findIndex(({ id }) => `#${id}` === location.hash));
  get("example").value = String(wanted);
  show(examples[wanted]);
  decide();
}

function theme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  get("theme").setAttribute("aria-pressed", String(dark));
}

async function take(text) {
  const read = await ask("read_request", text);
  if (read.error) throw new Error(read.error);
  for (const name of ["method", "url", "headers", "body"]) get(name).value = read[name];
  changed();
}

const isRequest = (text) => /^\s*(\$ )?curl(\.exe)?\s/.test(text) || /^[A-Z]+ \S+ HTTP\/[\d.]+\r?\n/.test(text);

get("example").append(element("option", { value: "", textContent: "your own" }), ...examples.map(({ name }, index) => element("option", { value: String(index), textContent: name })));
get("example").onchange = () => {
  const chosen = examples[Number(get("example").value)];
  if (get("example").value !== "" && chosen) {
    show(chosen);
    decide();
  }
};
for (const control of document.querySelectorAll("main input, main textarea, main select")) {
  if (control.id === "all") continue;
  control.addEventListener("input", () => { get("example").value = ""; changed(); });
}
get("all").onchange = () => last && render(last);
for (const id of ["url", "headers", "body", "method"]) {
  get(id).addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!isRequest(text)) return;
    event.preventDefault();
    take(text).catch((error) => {
      get("request-problem").hidden = false;
      get("request-problem").textContent = error?.message ?? "";
    });
  });
}
get("paste").onclick = () => {
  get("raw").value = "";
  get("raw-problem").hidden = true;
  get("dialog").showModal();
  get("raw").focus();
};
get("read").onclick = async () => {
  try {
    await take(get("raw").value);
    get("dialog").close();
    get("url").focus();
  } catch (error) {
    get("raw-problem").hidden = false;
    get("raw-problem").textContent = error?.message ?? "It was interrupted: try again.";
  }
};
get("share").onclick = async () => {
  await link(state());
  const button = get("share");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "It is in the address bar";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
};
const preference = matchMedia("(prefers-color-scheme: dark)");
theme(preference.matches);
preference.onchange = () => theme(preference.matches);
get("theme").onclick = () => theme(document.documentElement.dataset.theme !== "dark");
addEventListener("hashchange", () => { if (location.hash !== linked) open(); });

start();
open();
