import { Compare } from "./compare.js";
import { Photo } from "./photo.js";
import { Progress } from "./progress.js";
import { Problem, tryOn } from "./request.js";

/** Pictures that stay on the page; older ones are removed. */
const MAX_RESULTS = 8;

const HEADINGS = {
  no_person: "No person found",
  no_garment: "No garment found",
  legs_not_shown: "The legs are not in the photo",
  photos_swapped: "The photos look swapped",
  service_unavailable: "Not ready yet",
  overloaded: "Busy right now",
  unreachable: "No connection",
  cut_off: "The connection was lost",
};

const WORN_AS = { upper: "a top", lower: "trousers or a skirt", dress: "a dress" };

const PAGE_FAILED = { code: "page", detail: "The page failed. Reload it and try again." };
const NO_EXAMPLES = {
  code: "examples",
  detail: "The example photos could not be loaded. Choose two photos of your own.",
};

const $ = (selector) => document.querySelector(selector);
document.documentElement.classList.add("js");

const form = $("#form");
const stage = $("#stage");
const go = $("#go");
const person = new Photo($("#person"), "person", changed);
const garment = new Photo($("#garment"), "garment", changed);
const photos = [person, garment];
const progress = new Progress($(".working"), announce);
const compare = new Compare($("#compare"));
const results = [];
let shown = null;
let running = null;
let remedy = () => {};
form.noValidate = true;

function announce(text) {
  $("#announce").textContent = text;
}

function view(name) {
  stage.dataset.view = name;
}

/** Moves the focus to a heading of the stage, and scrolls the stage into view. */
function arriveAt(heading) {
  heading.focus({ preventScroll: true });
  const { top } = stage.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 3) stage.scrollIntoView({ behavior: motion() });
}

function motion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

$("#category").addEventListener("change", changed);

function changed() {
  go.classList.remove("tried-already");
  if (stage.dataset.view === "failed") view(shown ? "done" : "empty");
}

/* A run */

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});

async function run() {
  if (running) return;
  for (const photo of photos) photo.complain(photo.file ? "" : "Choose a photo first.");
  const missing = photos.find((photo) => !photo.file);
  if (missing) {
    missing.input.focus();
    return;
  }
  const files = { before: person.file, garment: garment.file };
  const body = new FormData(form);
  running = new AbortController();
  busy(true);
  progress.begin();
  view("working");
  arriveAt($("#working-title"));
  announce("");
  try {
    const result = await tryOn(form.action, body, running.signal, progress);
    keep(result, files, progress.seconds);
  } catch (error) {
    if (running.signal.aborted) cancelled();
    else failed(error);
  } finally {
    progress.end();
    running = null;
    busy(false);
  }
}

function busy(on) {
  for (const photo of photos) photo.disabled = on;
  go.disabled = on;
  $("#category").disabled = on;
  stage.setAttribute("aria-busy", String(on));
}

$("#cancel").addEventListener("click", () => running?.abort());

function cancelled() {
  busy(false);
  view(shown ? "done" : "empty");
  announce("Cancelled.");
  go.focus();
}

/* The picture */

function keep({ blob, width, height, category, warnings }, files, seconds) {
  const result = {
    blob,
    width,
    height,
    warnings: warnings.map(({ message }) => message),
    before: URL.createObjectURL(files.before),
    after: URL.createObjectURL(blob),
    name: files.garment.name,
    stages: progress.stages,
    took: `${seconds.toFixed(1)} s, worn as ${WORN_AS[category] ?? category}`,
  };
  results.push(result);
  if (results.length > MAX_RESULTS) {
    const { before, after } = results.shift();
    URL.revokeObjectURL(before);
    URL.revokeObjectURL(after);
  }
  show(result);
  go.classList.add("tried-already");
  announce(["Your picture is ready.", ...result.warnings].join(" "));
  arriveAt($("#done-title"));
}

function show(result) {
  shown = result;
  $("#took").textContent = result.took;
  $("#warnings").hidden = !result.warnings.length;
  $("#warnings ul").replaceChildren(...result.warnings.map(sentence));
  $(".done .steps").replaceChildren(...result.stages);
  view("done");
  compare.show(result);
  listResults();
}

function sentence(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function listResults() {
  $("#tried").hidden = results.length < 2;
  $("#tried ul").replaceChildren(
    ...results.map((result, index) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const image = document.createElement("img");
      button.type = "button";
      image.src = result.after;
      image.alt = `Picture ${index + 1}: ${result.name}`;
      if (result === shown) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        show(result);
        $("#tried ul").children[index].firstChild.focus();
      });
      button.append(image);
      item.append(button);
      return item;
    }),
  );
}

$("#another").addEventListener("click", () => choose(garment));

for (const button of document.querySelectorAll(".downloads button")) {
  button.addEventListener("click", async () => {
    const type = button.dataset.type;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await encoded(shown, type));
    link.download = `try-on.${type === "image/png" ? "png" : "jpg"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}

async function encoded({ blob, width, height }, type) {
  if (blob.type === type) return blob;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").drawImage(await createImageBitmap(blob), 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.95));
}

/* Errors */

function failed(error) {
  const problem = error instanceof Problem ? error : new Problem(PAGE_FAILED);
  const { code, detail, stage: at, status, request_id: id } = problem;
  const photo = photos.find(({ name }) => at === `${name}_upload` || code === `no_${name}`);
  const fault = status >= 400 && status < 500 ? "photos" : "server";
  let heading = fault === "photos" ? "The photos cannot be used" : "That did not work";
  if (photo) heading = `The photo of the ${photo.name} cannot be used`;
  let label = "Try again";
  remedy = run;
  if (code === "photos_swapped") {
    label = "Swap the photos and try again";
    remedy = swap;
  } else if (photo) {
    label = "Choose another photo";
    remedy = () => choose(photo);
  } else if (fault === "photos") {
    label = "Back to the photos";
    remedy = () => person.input.focus();
  }
  $("#failed-title").textContent = HEADINGS[code] ?? heading;
  $("#failed-detail").textContent = detail;
  $("#failed-id").textContent = fault === "server" && id ? `Request ${id}` : "";
  $("#remedy").textContent = label;
  busy(false);
  photo?.complain("This photo cannot be used.");
  view("failed");
  arriveAt($("#failed-title"));
}

$("#remedy").addEventListener("click", () => remedy());

function swap() {
  const [first, second] = photos.map((photo) => photo.file);
  person.file = second;
  garment.file = first;
  run();
}

/* Choosing, dropping and pasting photos */

function choose(photo) {
  photo.root.scrollIntoView({ block: "nearest", behavior: motion() });
  photo.input.focus({ preventScroll: true });
  photo.input.click();
}

for (const photo of photos) {
  photo.input.addEventListener("change", () => {
    if (photos.every(({ file }) => file) && !photo.root.classList.contains("wrong")) go.focus();
  });
}

/** Assigns files to the target photo, then to the other; without a target, to empty photos first. */
function assign(files, target) {
  if (running || !files.length) return;
  const empty = photos.filter(({ file }) => !file);
  const first = target ? [target] : empty.length ? empty : [garment];
  const order = [...first, ...photos.filter((photo) => !first.includes(photo))];
  const assigned = order.slice(0, files.length).filter((photo, index) => photo.offer(files[index]));
  const names = assigned.map(({ name }) => name).join(" and the ");
  if (names) announce(`Photo of the ${names} chosen.`);
}

function photoAt(node) {
  return photos.find(({ root }) => root.contains(node));
}

function highlight(target) {
  for (const photo of photos) photo.root.classList.toggle("over", photo === target);
}

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  highlight(running ? undefined : photoAt(event.target));
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) highlight();
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  highlight();
  assign([...event.dataTransfer.files], photoAt(event.target));
});
document.addEventListener("paste", (event) => {
  assign([...event.clipboardData.files], photoAt(document.activeElement));
});

for (const image of document.querySelectorAll(".examples img")) {
  const missing = () => ($(".examples").hidden = true);
  if (image.complete && !image.naturalWidth) missing();
  image.addEventListener("error", missing);
}

$(".examples").addEventListener("click", async () => {
  try {
    const [first, second] = await Promise.all(["person", "garment"].map(example));
    person.file = first;
    garment.file = second;
  } catch {
    failed(new Problem(NO_EXAMPLES));
    return;
  }
  run();
});

async function example(name) {
  const response = await fetch(`examples/${name}.jpg`);
  if (!response.ok) throw new Error(`${response.status}`);
  return new File([await response.blob()], `${name}.jpg`, { type: "image/jpeg" });
}

const curl = $("#curl");
curl.textContent = curl.textContent.replace("http://127.0.0.1:8888/vitons", form.action);
