/** Milliseconds between two announcements: a screen reader needs time to speak each. */
const ANNOUNCEMENT_INTERVAL_MS = 1500;

/** What a stage that was not computed shows in place of its seconds. */
const ENDS = { skipped: "not needed", remembered: "remembered" };

/** Shows the progress of a run: the bar, the running stage, the list of stages, the seconds. */
export class Progress {
  #bar;
  #now;
  #elapsed;
  #list;
  #announce;
  #items = new Map();
  #running = new Map();
  #since = 0;
  #ticking = 0;
  #announcing = 0;

  /** @param {HTMLElement} root @param {(text: string) => void} announce */
  constructor(root, announce) {
    this.#bar = root.querySelector("progress");
    this.#now = root.querySelector("#now");
    this.#elapsed = root.querySelector("#elapsed");
    this.#list = root.querySelector(".steps");
    this.#announce = announce;
  }

  /** Copies of the list's items, for another list. */
  get stages() {
    return [...this.#list.cloneNode(true).children];
  }

  get seconds() {
    return (performance.now() - this.#since) / 1000;
  }

  begin() {
    this.#items.clear();
    this.#running.clear();
    this.#list.replaceChildren();
    this.#bar.value = 0;
    this.#bar.max = 1;
    this.#bar.setAttribute("aria-valuetext", "Sending the photos");
    this.#now.textContent = "Sending the photos";
    this.#elapsed.textContent = "0 s";
    this.#since = performance.now();
    this.#ticking = setInterval(() => {
      this.#elapsed.textContent = `${Math.floor(this.seconds)} s`;
    }, 200);
  }

  end() {
    clearInterval(this.#ticking);
    clearTimeout(this.#announcing);
    this.#announcing = 0;
  }

  pipeline({ stages }) {
    for (const { name, label } of stages) {
      const item = document.createElement("li");
      const seconds = document.createElement("small");
      item.append(label, seconds);
      this.#items.set(name, { item, seconds, label });
      this.#list.append(item);
    }
    this.#now.textContent = "Getting ready";
  }

  stage({ stage, state, seconds, done, total }) {
    const entry = this.#items.get(stage);
    if (!entry) return;
    entry.item.className = state;
    if (state === "started") {
      this.#running.set(stage, entry.label);
    } else {
      this.#running.delete(stage);
      entry.seconds.textContent = ENDS[state] ?? `${seconds.toFixed(1)} s`;
    }
    this.#bar.max = total;
    this.#bar.value = done;
    this.#bar.setAttribute("aria-valuetext", `${done} of ${total} steps`);
    const now = [...this.#running.values()].at(-1);
    if (now) this.#now.textContent = now;
    this.#announcing ||= setTimeout(() => {
      this.#announcing = 0;
      this.#announce(`${this.#now.textContent}, ${this.#bar.value} of ${this.#bar.max} steps done`);
    }, ANNOUNCEMENT_INTERVAL_MS);
  }
}
