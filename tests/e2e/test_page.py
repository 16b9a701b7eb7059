"""The page as a person uses it: a real browser, the real gateway, real weights."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import LOW_RESOLUTION_PERSON
from services.kit.settings import Settings
from tests.e2e.conftest import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RUN_MS = 180_000
STEP_MS = 20_000
DESKTOP = ViewportSize(width=1280, height=800)
PHONES = (ViewportSize(width=360, height=740), ViewportSize(width=320, height=640))
ARGUMENTS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SUFFIXES = {"PNG": "png", "JPEG": "jpg"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# Not for the session: the browser's event loop would be in the way of tests with their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=STEP_MS)
    with sync_playwright() as playwright:
        bundled = playwright.chromium.executable_path
        names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        path = next(filter(None, map(shutil.which, names)), bundled)
        if not Path(path).exists():
            pytest.skip("no Chromium here; install it, or run `.venv/bin/playwright install`")
        # Chromium's sandbox refuses to run as root, as containers do.
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS + sandbox)
        yield running
        running.close()


class Watched:
    """What a page asked for and complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", lambda message: self._note(message.type, message.text))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def hosts(self) -> set[str]:
        urls = map(urlsplit, self.requests)
        return {url.netloc for url in urls if url.scheme not in {"blob", "data"}}


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=server.url, viewport=DESKTOP)
    context.set_default_timeout(STEP_MS)
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    return Watched(context)


@pytest.fixture
def page(context: BrowserContext, watched: Watched) -> Page:  # noqa: ARG001 - watches from the start
    page = context.new_page()
    page.goto("/index")
    expect(page.locator("html")).to_have_class("js")
    return page


@pytest.fixture
def photos(examples: Path) -> tuple[Path, Path]:
    return examples / "person.jpg", examples / "garment.jpg"


def choose(page: Page, person: Path | FilePayload, garment: Path | FilePayload) -> None:
    page.set_input_files("#image", person)
    page.set_input_files("#cloth", garment)


def blank(name: str = "wall.png") -> FilePayload:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (600, 800), (126, 140, 158)).save(buffer, "PNG")
    return FilePayload(name=name, mimeType="image/png", buffer=buffer.getvalue())


def payload(name: str, media_type: str, data: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType=media_type, buffer=data)


def upright(path: Path, size: tuple[int, int]) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize(size), np.int16)


def assert_fits(page: Page) -> None:
    """Nothing overflows sideways on a phone."""
    for phone in PHONES:
        page.set_viewport_size(phone)
        assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
    page.set_viewport_size(DESKTOP)


def assert_accessible(page: Page) -> None:
    """Axe finds nothing, in either colour scheme; an endless animation does not disturb it."""
    page.emulate_media(reduced_motion="reduce")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        options = {"runOnly": {"type": "tag", "values": RULES}}
        results = Axe().run(page, options=options)
        assert not results.violations_count, f"{scheme}: {results.generate_report()}"
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")


def download(page: Page, name: str) -> PIL.Image.Image:
    with page.expect_download() as started:
        page.get_by_role("button", name=name).click()
    file = started.value
    picture = PIL.Image.open(file.path())
    picture.load()
    assert file.suggested_filename == f"try-on.{SUFFIXES[str(picture.format)]}"
    return picture


BETWEEN = "bar => bar.value > 0 && bar.value < bar.max"


def test_two_photos_become_a_picture(
    page: Page, watched: Watched, photos: tuple[Path, Path], server: Server
) -> None:
    assert_accessible(page)
    assert_fits(page)
    choose(page, *photos)
    for frame in ("#person", "#garment"):
        preview = page.locator(f"{frame} .preview")
        expect(preview).to_be_visible()
        expect(preview).not_to_have_js_property("naturalWidth", 0)
    go = page.get_by_role("button", name="Try it on", exact=True)
    expect(go).to_be_focused()
    assert_fits(page)
    page.keyboard.press("Enter")

    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(page.locator("#working-title")).to_be_focused()
    expect(page.locator(".working .steps li")).to_have_count(len(TRY_ON_PIPELINE.steps))
    shown = page.locator(".working .steps li").all_text_contents()
    for step, text in zip(TRY_ON_PIPELINE.steps, shown, strict=True):
        assert text.startswith(step.progress_text)
    page.wait_for_function(BETWEEN, arg=bar.element_handle())
    assert_fits(page)

    title = page.get_by_role("heading", name="Here it is")
    expect(title).to_be_visible(timeout=RUN_MS)
    expect(title).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Your picture is ready.")
    expect(page.locator("#warnings")).to_be_hidden()
    page.get_by_text("How it was made").click()
    expect(page.locator(".done .steps :is(.finished, .skipped)")).to_have_count(
        len(TRY_ON_PIPELINE.steps)
    )
    assert_accessible(page)
    assert_fits(page)

    png = download(page, "Download PNG")
    jpeg = download(page, "Download JPEG")
    assert png.format == "PNG"
    assert jpeg.format == "JPEG"
    assert png.size == jpeg.size
    before = upright(photos[0], png.size)
    changed = np.abs(np.asarray(png.convert("RGB"), np.int16) - before).max(axis=2) > 40
    assert 0.03 < changed.mean() < 0.7
    near = np.abs(np.asarray(jpeg, np.int16) - np.asarray(png.convert("RGB"), np.int16))
    assert near.mean() < 6

    assert watched.hosts() == {urlsplit(server.url).netloc}
    assert not watched.complaints

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Try another garment").click()
    chooser.value.set_files(payload("another.jpg", "image/jpeg", photos[1].read_bytes()))
    expect(go).to_be_focused()
    expect(page.locator("#person .note")).to_have_text("person.jpg")
    expect(title).to_be_visible()

    compare_by_keyboard_and_pointer(page)


def compare_by_keyboard_and_pointer(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    picture = page.locator("#compare")
    slider = page.get_by_role("slider", name="Compare before and after")
    slider.focus()
    page.keyboard.press("Home")
    after = picture.screenshot()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("20")
    expect(slider).to_have_attribute("aria-valuetext", "20% before, 80% after")
    page.keyboard.press("End")
    expect(slider).to_have_value("100")
    shown, was = (
        np.asarray(PIL.Image.open(io.BytesIO(shot)).convert("RGB"), np.int16)
        for shot in (picture.screenshot(), after)
    )
    assert np.abs(shown - was).mean() > 2

    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 200)
    page.mouse.up()
    expect(slider).to_have_value("30")


def test_what_may_look_wrong_stands_under_the_picture(
    page: Page, photos: tuple[Path, Path]
) -> None:
    small = io.BytesIO()
    with PIL.Image.open(photos[0]) as photo:
        photo.resize((150, 200)).save(small, "PNG")
    choose(page, payload("small.png", "image/png", small.getvalue()), photos[1])
    page.click("#go")
    expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("heading", name="What may look wrong")).to_be_visible()
    expect(page.locator("#warnings li")).to_have_text([LOW_RESOLUTION_PERSON.message])
    expect(page.get_by_role("status")).to_contain_text(LOW_RESOLUTION_PERSON.message)
    assert_accessible(page)
    assert_fits(page)


def test_no_person_is_told_in_words(page: Page, photos: tuple[Path, Path]) -> None:
    choose(page, blank(), photos[1])
    page.click("#go")
    failed = page.get_by_role("alert").filter(has=page.get_by_role("heading"))
    expect(failed).to_contain_text("No person found", timeout=RUN_MS)
    expect(page.get_by_role("heading", name="No person found")).to_be_focused()
    assert len(page.locator("#failed-detail").inner_text().split()) > 5
    expect(page.locator("#image")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#cloth")).not_to_have_attribute("aria-invalid", "true")
    assert_accessible(page)
    assert_fits(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose another photo").click()
    chooser.value.set_files(photos[0])
    expect(failed).to_be_hidden()
    expect(page.locator("#image")).to_have_attribute("aria-invalid", "false")


def test_swapped_photos_are_swapped_back(page: Page, photos: tuple[Path, Path]) -> None:
    choose(page, photos[1], photos[0])
    page.click("#go")
    expect(page.get_by_role("heading", name="The photos look swapped")).to_be_focused(
        timeout=RUN_MS
    )
    page.get_by_role("button", name="Swap the photos and try again").click()
    expect(page.locator("#person .note")).to_have_text("person.jpg")
    expect(page.locator("#garment .note")).to_have_text("garment.jpg")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()


def test_what_the_server_refuses_names_the_photo(page: Page, photos: tuple[Path, Path]) -> None:
    choose(page, photos[0], payload("shirt.jpg", "image/jpeg", b"not a picture at all"))
    page.click("#go")
    expect(page.get_by_role("heading", name="The photo of the garment")).to_be_focused()
    expect(page.locator("#failed-detail")).to_contain_text("The garment's photo")
    expect(page.locator("#cloth-problem")).to_have_text("Garment: This photo cannot be used.")
    expect(page.get_by_role("button", name="Choose another photo")).to_be_visible()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (payload("IMG_0001.HEIC", "image/heic", b"ftypheic"), "Export it as JPEG"),
        (payload("notes.txt", "text/plain", b"hello"), "not a JPEG, PNG or WebP photo"),
        (payload("empty.png", "image/png", b""), "empty"),
        (payload("huge.jpg", "image/jpeg", bytes(20_000_001)), "larger than 20 MB"),
    ],
    ids=["heic", "text", "empty", "huge"],
)
def test_what_cannot_work_is_refused_before_sending(
    page: Page, watched: Watched, photos: tuple[Path, Path], file: FilePayload, words: str
) -> None:
    choose(page, *photos)
    page.set_input_files("#image", file)
    problem = page.locator("#image-problem")
    expect(problem).to_have_attribute("role", "alert")
    expect(problem).to_contain_text(words)
    expect(page.locator("#person .note")).to_have_text("person.jpg")
    assert page.evaluate("document.querySelector('#image').files[0].name") == "person.jpg"
    assert not any(url.endswith("/vitons") for url in watched.requests)
    assert_fits(page)


def test_a_missing_photo_is_asked_for(page: Page, watched: Watched) -> None:
    page.click("#go")
    expect(page.locator("#image-problem")).to_have_text("Person: Choose a photo first.")
    expect(page.locator("#cloth-problem")).to_have_text("Garment: Choose a photo first.")
    expect(page.locator("#image")).to_be_focused()
    assert not any(url.endswith("/vitons") for url in watched.requests)


def test_the_examples_run_and_can_be_cancelled(page: Page, watched: Watched) -> None:
    page.get_by_role("button", name="Try it with our examples").click()
    expect(page.locator(".working .started").first).to_be_visible(timeout=RUN_MS)
    expect(page.locator("#person .preview")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Your picture appears here")).to_be_visible()
    expect(page.get_by_role("button", name="Try it on", exact=True)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Cancelled.")
    assert not watched.complaints


GIVE = """async ([kind, selector]) => {
  const photo = async (name) =>
    new File([await (await fetch(`examples/${name}.jpg`)).blob()], `${name}.jpg`,
             {type: 'image/jpeg'});
  const data = new DataTransfer();
  data.items.add(await photo('garment'));
  if (selector === 'body') data.items.add(await photo('person'));
  const init = {bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data};
  const event = kind === 'drop' ? new DragEvent('drop', init) : new ClipboardEvent('paste', init);
  document.querySelector(selector).dispatchEvent(event);
}"""


@pytest.mark.parametrize(
    ("kind", "selector", "person", "garment"),
    [
        ("drop", "#cloth", "", "garment.jpg"),
        ("drop", "#image", "garment.jpg", ""),
        ("drop", "body", "garment.jpg", "person.jpg"),
        ("paste", "#cloth", "garment.jpg", ""),
    ],
)
def test_photos_can_be_dropped_and_pasted(
    page: Page, kind: str, selector: str, person: str, garment: str
) -> None:
    page.evaluate(GIVE, [kind, selector])
    names = "id => document.getElementById(id).files[0]?.name ?? ''"
    page.wait_for_function("document.querySelector('.full')")
    assert page.evaluate(names, "image") == person
    assert page.evaluate(names, "cloth") == garment


def test_the_keyboard_reaches_everything_in_order(page: Page) -> None:
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.className")
        )
        outline = "e => getComputedStyle(e.closest('.frame') ?? e).outlineStyle"
        assert page.locator(":focus").evaluate(outline) == "solid"
    assert reached == ["", "image", "cloth", "category", "go", "examples", ""]


def test_what_the_garment_is_can_be_chosen(page: Page, photos: tuple[Path, Path]) -> None:
    choice = page.get_by_label("The garment is")
    expect(choice).to_have_value("auto")
    for phone in PHONES:
        page.set_viewport_size(phone)
        assert_fits(page)
    assert_accessible(page)
    choose(page, photos[0], photos[1].parent / "dress.jpg")
    choice.select_option("a top")
    page.get_by_role("button", name="Try it on", exact=True).click()
    # By itself the photo would be taken for a dress.
    expect(page.locator("#took")).to_contain_text("worn as a top", timeout=RUN_MS)


def test_without_javascript_the_form_gives_the_picture(
    browser: Browser, server: Server, photos: tuple[Path, Path]
) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/index")
    expect(page.locator("#stage")).to_be_hidden()
    choose(page, *photos)
    with page.expect_response("**/vitons", timeout=RUN_MS) as answered:
        page.get_by_role("button", name="Try it on").click(no_wait_after=True)
    response = answered.value
    assert response.status == 200
    assert response.headers["content-type"].startswith("image/")
    picture = page.locator("img")
    expect(picture).to_be_visible()
    context.close()


def test_the_page_knows_the_servers_limit(page: Page) -> None:
    limit = page.evaluate("import('/static/photo.js').then(({MAX_BYTES}) => MAX_BYTES)")
    assert limit == Settings.model_fields["max_upload_bytes"].default


EVENTS = """async ([bytes, size]) => {
  const {events} = await import('/static/events.js');
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size)
        controller.enqueue(Uint8Array.from(bytes.slice(at, at + size)));
      controller.close();
    },
  });
  const found = [];
  for await (const {event, data} of events(body)) found.push([event, data]);
  return found;
}"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_events_are_read_across_chunk_borders(page: Page, newline: str) -> None:
    lines = [
        ": hello",
        "event: stage",
        'data: {"label": "Größe"}',
        "",
        "data:a",
        "data: b",
        "id: 7",
        "retry",
        "",
        "event: unfinished",
        "data: x",
    ]
    stream = list((newline.join(lines) + newline).encode())
    for size in (1, 2, 3, 7, len(stream)):
        assert page.evaluate(EVENTS, [stream, size]) == [
            ["stage", '{"label": "Größe"}'],
            ["message", "a\nb"],
        ]
