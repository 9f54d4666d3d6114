// The page itself: pods above, buttons below them, and under both what went over the wire.
import {
  abortedStream,
  connectBinary,
  connectGet,
  connectJson,
  errorWithDetails,
  grpcWebBinary,
  grpcWebText,
  serverStream,
} from "./protocols.js";
import { ascii, hex, pieces, recordingFetch } from "./record.js";

const SERVICE = "fairlead.demo.v1.EchoService";
/** Milliseconds between two looks at the pods. */
const LOOK = 300;
/** How long the page waits until the pod has heard of a cancel, in looks. */
const PATIENCE = 20;

const CARDS = [
  [connectJson, "Connect, JSON", "What curl and connect-web send"],
  [connectBinary, "Connect, binary", "The same as protobuf"],
  [connectGet, "Connect, GET", "Cacheable, no preflight"],
  [grpcWebBinary, "gRPC-Web, binary", "Envelopes; trailers in the body"],
  [grpcWebText, "gRPC-Web, text", "The same in base64"],
  [serverStream, "Server stream", "Eight messages as they come"],
  [abortedStream, "Abort", "A long stream; the page leaves early"],
  [errorWithDetails, "An error", "Code, message and details"],
];

const $ = (selector) => document.querySelector(selector);

/** An element with a class and children. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.append(...children);
  return element;
}

let gateway = "";
/** By name, as the demo said last. */
let pods = new Map();
/** Answers to this page, by pod. */
const mine = new Map();
let calls = 0;

// ── Pods ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function look() {
  try {
    const state = await (await fetch("/pods.json")).json();
    gateway = state.gateway;
    pods = new Map(state.pods.map((pod) => [pod.name, pod]));
    $("#gateway").textContent = gateway;
    $("#gone").hidden = true;
    drawPods();
  } catch {
    $("#gone").hidden = false;
  }
}

function drawPods() {
  for (const pod of pods.values()) {
    const card = document.getElementById(pod.name) ?? addPod(pod);
    card.classList.toggle("out", !pod.inDns);
    card.querySelector(".state").textContent = pod.inDns ? (pod.slow ? "five times slower" : "") : "not in DNS";
    card
      .querySelector(".open")
      .replaceChildren(...Array.from({ length: Math.min(pod.outstanding, 12) }, () => make("i", "")));
    card.querySelector(".calls").textContent = pod.calls;
    card.querySelector(".mine").textContent = mine.get(pod.name) ?? 0;
    card.querySelector(".cancels").textContent = pod.cancelled;
  }
}

function addPod({ name, address }) {
  const card = make(
    "li",
    "pod",
    make("h3", "", name, make("span", "state")),
    make("p", "address", address),
    make("div", "open"),
    make(
      "dl",
      "",
      make("div", "", make("dt", "", "calls"), make("dd", "calls")),
      make("div", "", make("dt", "", "cancelled"), make("dd", "cancels")),
      make("div", "yours", make("dt", "", "yours"), make("dd", "mine")),
    ),
  );
  card.id = name;
  card.style.setProperty("--hue", hueOf(name));
  $("#pods").append(card);
  return card;
}

/** Pods are told apart by colour everywhere on the page. */
function hueOf(pod) {
  return `${(Number(pod.replace(/\D/g, "")) * 67 + 140) % 360}`;
}

/** A pod has answered this page. */
function answeredBy(pod, protocol) {
  mine.set(pod, (mine.get(pod) ?? 0) + 1);
  const card = document.getElementById(pod);
  card?.classList.remove("answered");
  // Starts the animation again.
  void card?.offsetWidth;
  card?.classList.add("answered");
  const square = make("span", "square");
  square.style.setProperty("--hue", hueOf(pod));
  square.title = `${protocol}: ${pod}`;
  $("#answers").append(square);
  drawPods();
}

// ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function press(call, title, button) {
  const record = { began: performance.now(), messages: [], trailers: null, note: "" };
  const outcome = button.querySelector(".outcome");
  const seen = new Set();
  const draw = () => drawWire(title, call, record);
  const show = {
    message: (message) => {
      record.messages.push(message);
      if (message.pod !== undefined && !seen.has(message.pod)) answeredBy(message.pod, title);
      seen.add(message.pod);
      outcome.textContent = `${message.pod} · ${Math.round(performance.now() - record.began)} ms`;
      draw();
    },
    trailers: (trailers) => {
      record.trailers = trailers;
      draw();
    },
  };
  for (const other of document.querySelectorAll("#cards button")) other.classList.toggle("shown", other === button);
  button.dataset.state = "open";
  outcome.textContent = "…";
  const before = new Map([...pods].map(([pod, { cancelled }]) => [pod, cancelled]));
  try {
    await call({
      fetch: recordingFetch(record, draw),
      url: `${gateway}/${SERVICE}`,
      text: `hello ${++calls}`,
      show,
    });
    if (call === abortedStream) record.note = await cancelSeen([...seen][0], before, outcome);
    button.dataset.state = "done";
  } catch (error) {
    outcome.textContent = String(error);
    button.dataset.state = "failed";
  }
  draw();
}

/** Waits until the pod has counted a cancel. @returns a sentence about it */
async function cancelSeen(pod, before, outcome) {
  for (let times = 0; times < PATIENCE; times++) {
    await look();
    if ((pods.get(pod)?.cancelled ?? 0) > (before.get(pod) ?? 0)) {
      outcome.textContent = `${pod} saw the cancel`;
      return `${pod} saw the cancel, and stopped working on the other 997 messages.`;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  throw new Error(`${pod} has not seen the cancel`);
}

// ── What went over the wire ─────────────────────────────────────────────────────────────────────────────────────────────

function drawWire(title, code, { request, response, messages, trailers, note }) {
  $("#wire").hidden = false;
  $("#wire h2").textContent = title;
  $("#code").replaceChildren(...highlight(String(code)));
  if (request !== undefined) {
    const type = request.headers.find(([name]) => name === "content-type")?.[1] ?? "";
    $("#sent").replaceChildren(head(request), ...bytesOf(request.body, type));
  }
  const came = [];
  if (response !== undefined) {
    const type = response.headers.find(([name]) => name === "content-type")?.[1] ?? "";
    came.push(head(response));
    for (const { at, bytes } of response.chunks.slice(0, 12)) {
      came.push(make("div", "chunk", make("span", "at", `${Math.round(at)} ms`), ...bytesOf(bytes, type)));
    }
  }
  $("#came").replaceChildren(...came);
  const read = messages.map((message) => make("li", "", JSON.stringify(message)));
  if (trailers !== null) read.push(make("li", "end", trailers.trim().replaceAll("\r\n", ", ")));
  if (note !== "") read.push(make("li", "note", note));
  $("#read").replaceChildren(...read);
}

function head({ line, headers }) {
  const block = make("pre", "head", make("b", "", line));
  for (const [name, value] of headers) block.append("\n", make("span", "name", `${name}: `), value);
  return block;
}

/** A body as what it is: text for people, bytes with their meaning as colours. */
function bytesOf(bytes, type) {
  if (bytes.length === 0) return [];
  const text = /json|-text/.test(type) && !/connect\+/.test(type);
  if (text) return [make("pre", "body", make("span", "message", new TextDecoder().decode(bytes)))];
  const block = make("pre", "body");
  for (const piece of pieces(bytes, type)) {
    if (piece.kind === "prefix") block.append(make("span", "prefix", hex(piece.bytes)), " ");
    else
      block.append(
        make(
          "span",
          piece.kind,
          /json/.test(type) || piece.kind === "trailers" ? ascii(piece.bytes) : hex(piece.bytes),
        ),
        "\n",
      );
  }
  return [block];
}

function highlight(code) {
  return code
    .split(/(`[^`]*`|"[^"\n]*"|\b(?:async|await|const|for|of|if|else|function|new|let|break)\b)/)
    .map((part, i) => {
      if (i % 2 === 0) return document.createTextNode(part);
      return make("span", /^["`]/.test(part) ? "string" : "keyword", part);
    });
}

// ── Start ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

for (const [call, title, what] of CARDS) {
  const button = make(
    "button",
    "",
    make("strong", "", title),
    make("span", "what", what),
    make("span", "outcome", "press"),
  );
  button.id = call.name;
  button.addEventListener("click", () => press(call, title, button));
  $("#cards").append(make("li", "", button));
}
await look();
document.body.dataset.ready = "";
setInterval(look, LOOK);
