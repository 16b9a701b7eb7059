/** The server's own limits decide; these spare a wait for what it would refuse anyway. */
export const MAX_BYTES = 20_000_000;
const TYPES = ["image/jpeg", "image/png", "image/webp"];
const HEIC = /^image\/hei[cf]|\.hei[cf]$/i;

/** Why a file cannot be used, in words, or "". */
export function refusal(file) {
  if (HEIC.test(file.type) || HEIC.test(file.name)) {
    return (
      "This is an iPhone photo in HEIC format, which cannot be read here. Export it as JPEG, or " +
      "set the iPhone’s Camera › Formats to Most Compatible and take it again."
    );
  }
  if (!TYPES.includes(file.type)) {
    return "This file is not a JPEG, PNG or WebP photo. Choose another.";
  }
  if (file.size === 0) return "This file is empty. Choose another.";
  if (file.size > MAX_BYTES) {
    return `This file is larger than ${MAX_BYTES / 1e6} MB. Choose a smaller one.`;
  }
  return "";
}

/** One photo of the form. The file input holds the file, however it came. */
export class Photo {
  #note;
  #invitation;
  #preview;
  #problem;
  #remove;
  #onChange;
  #kept = null;

  /** @param {HTMLElement} root @param {string} name @param {() => void} onChange */
  constructor(root, name, onChange) {
    this.root = root;
    this.name = name;
    this.title = root.querySelector("label").textContent;
    this.input = root.querySelector("input");
    this.#note = root.querySelector(".note");
    this.#invitation = this.#note.textContent;
    this.#preview = root.querySelector(".preview");
    this.#problem = document.getElementById(`${this.input.id}-problem`);
    this.#remove = root.querySelector(".remove");
    this.#remove.setAttribute("aria-label", `Remove the ${name}’s photo`);
    this.#onChange = onChange;
    this.#preview.addEventListener("error", () => (this.#preview.hidden = true));
    this.#remove.addEventListener("click", () => {
      this.file = null;
      this.input.focus();
    });
    this.input.addEventListener("change", () => this.offer(this.input.files[0] ?? null));
    // Going back to the page restores the files without a change event.
    if (this.file) this.offer(this.file);
  }

  get file() {
    return this.input.files[0] ?? null;
  }

  set file(file) {
    this.#hold(file);
    this.#kept = file;
    URL.revokeObjectURL(this.#preview.src);
    if (file) this.#preview.src = URL.createObjectURL(file);
    else this.#preview.removeAttribute("src");
    this.#preview.hidden = !file;
    this.#remove.hidden = !file;
    this.#note.textContent = file ? file.name : this.#invitation;
    this.root.classList.toggle("full", Boolean(file));
    this.complain("");
    this.#onChange();
  }

  /** Takes the file if it can be used; otherwise says why and keeps what was there. */
  offer(file) {
    const reason = file ? refusal(file) : "";
    if (file && !reason) {
      this.file = file;
      return true;
    }
    this.#hold(this.#kept);
    this.complain(reason);
    return false;
  }

  #hold(file) {
    const holder = new DataTransfer();
    if (file) holder.items.add(file);
    this.input.files = holder.files;
  }

  /** Shows what is wrong with this photo; "" takes it back. */
  complain(text) {
    this.#problem.textContent = text && `${this.title}: ${text}`;
    this.root.classList.toggle("wrong", Boolean(text));
    this.input.setAttribute("aria-invalid", String(Boolean(text)));
  }

  set disabled(disabled) {
    this.input.disabled = disabled;
    this.#remove.disabled = disabled;
  }
}
