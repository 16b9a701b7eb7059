/** Two pictures over each other: one is shown left of a movable line, the other right of it. */
export class Compare {
  #root;
  #range;
  #before;
  #after;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#range = root.querySelector("input");
    this.#before = root.querySelector(".before");
    this.#after = root.querySelector(".after");
    this.#range.addEventListener("input", () => this.#move(this.#range.valueAsNumber));
    // The keyboard moves the range; a finger need not hit its thumb but drags anywhere.
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      root.setPointerCapture(event.pointerId);
      this.#follow(event);
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId)) this.#follow(event);
    });
  }

  /** Shows a pair, sweeping from the one to the other. */
  async show({ before, after, width, height, name }) {
    this.#root.style.setProperty("--ratio", String(width / height));
    this.#before.src = before;
    this.#before.alt = "The person before";
    this.#after.src = after;
    this.#after.alt = `The person wearing ${name}`;
    this.#place(100);
    await Promise.allSettled([this.#before.decode(), this.#after.decode()]);
    void this.#root.offsetWidth; // the start of the sweep must be laid out before its end is set
    this.#root.classList.add("sweeping");
    this.#place(0);
  }

  #follow(event) {
    const box = this.#root.getBoundingClientRect();
    this.#move(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width)));
  }

  #move(percent) {
    this.#root.classList.remove("sweeping");
    this.#place(percent);
  }

  #place(percent) {
    const whole = Math.round(percent);
    this.#range.value = String(whole);
    this.#range.setAttribute("aria-valuetext", `${whole}% before, ${100 - whole}% after`);
    this.#root.style.setProperty("--at", `${percent}%`);
    const { classList } = this.#root;
    classList.toggle("at-edge", percent <= 0 || percent >= 100);
    classList.toggle("show-before", percent >= 25);
    classList.toggle("show-after", percent > 0 && percent <= 75);
  }
}
