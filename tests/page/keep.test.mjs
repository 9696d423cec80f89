// Keeping, sharing, exporting and embedding a session, in a real browser.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { axe, eventually, suite } from "./serve.mjs";

const on = suite();

// Without the comment on top, as the editor has it.
const four = (await readFile(new URL("../../examples/gallery/four.yaml", import.meta.url), "utf8")).replace(/^(#.*\n)+/, "");
// Polled by time: a frame out of sight is given no animation frames.
const ready = (page) => page.waitForFunction(() => window.kubarium !== undefined, null, { timeout: 60_000, polling: 100 });
const state = (page) => page.evaluate(() => ({ now: window.kubarium.now(), hash: window.kubarium.traceHash() }));
const pods = (page) => page.locator("svg.things [data-pick^='pod:'][role=button]");
const run = async (page, forMs = 8_000) => {
  await page.evaluate(async ([manifest, forMs]) => {
    await window.kubarium.kubectl("kubectl apply -f -", manifest);
    await window.kubarium.run({ forMs });
    window.kubarium.pause();
  }, [four, forMs]);
  await pods(page).first().waitFor();
};
const share = async (page) => {
  await page.getByRole("button", { name: "Share" }).click();
  const field = page.getByRole("textbox", { name: "Link" });
  await field.waitFor();
  return field.inputValue();
};

test("a reload goes on where the page was, and a new cluster forgets it", () => on("?paused", {}, async (page) => {
  await run(page);
  await page.evaluate(() => window.kubarium.step());
  const before = await state(page);
  await page.reload();
  await ready(page);
  assert.deepEqual(await state(page), before);
  await eventually(() => pods(page).count(), 3);
  await eventually(() => page.locator(".notice").count(), 0);
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.locator(".term .line", { hasText: "kubectl apply -f -" }).waitFor();
  await page.getByRole("button", { name: "New cluster" }).click();
  await page.getByRole("spinbutton", { name: "Nodes" }).fill("5");
  await page.getByRole("textbox", { name: "Seed" }).fill("42");
  await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: "Start", exact: true }).click()]);
  await ready(page);
  const { stdout } = await page.evaluate(() => window.kubarium.kubectl("kubectl get nodes"));
  assert.equal(stdout.trim().split("\n").length, 6);
  await eventually(() => pods(page).count(), 0);
}));

test("a link opens the same run at the same moment with the same view", () => on("?paused", {}, async (page) => {
  await run(page);
  await page.evaluate(() => window.kubarium.speed(0.1));
  await pods(page).first().focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("svg.things .sel");
  const before = await state(page);
  const picked = await page.locator("svg.things .sel [data-pick^='pod:']").first().getAttribute("data-pick");
  const link = await share(page);
  assert.ok(link.length < 800, `${link.length} characters`);
  await page.getByText(`${link.length} characters.`).waitFor();
  const clipped = await page.locator("dialog p").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length);
  assert.equal(clipped, 0, "a sentence of the dialog is cut");
  const address = link.slice(link.indexOf("#"));
  await on(address, {}, async (other) => {
    assert.deepEqual(await state(other), before);
    await eventually(() => other.locator("svg.things .sel [data-pick^='pod:']").first().getAttribute("data-pick"), picked);
    await eventually(() => other.getByRole("radio", { name: "1/10×" }).first().getAttribute("aria-checked"), "true");
    await eventually(() => other.locator(".notice").count(), 0);
    // Acting and reloading goes on from there, and does not begin the link anew.
    await other.evaluate(() => window.kubarium.kubectl("kubectl scale deployment web --replicas=1"));
    const later = await state(other);
    await other.reload();
    await ready(other);
    assert.deepEqual(await state(other), later);
  });
  // Cut in half it says so, and everything else goes on.
  await on(address.slice(0, address.length / 2), {}, async (other) => {
    await other.locator(".notice", { hasText: "The link is not whole. It is cut short." }).waitFor();
    const { code } = await other.evaluate(() => window.kubarium.kubectl("kubectl get nodes"));
    assert.equal(code, 0);
    assert.deepEqual(await axe(other), []);
    await other.locator(".notice").getByRole("button", { name: "Close" }).click();
    await eventually(() => other.locator(".notice").count(), 0);
  });
}));

test("other faults of a link are named", async () => {
  for (const [fragment, sentence] of [
    ["#v2:abc", "its form is v2, this page reads v1"],
    ["#v1:%%%%", "something that is not part of a link"],
    ["#v1:AAAA", "The link is not whole."],
  ]) {
    await on(fragment, {}, async (page) => {
      await page.locator(".notice", { hasText: sentence }).waitFor();
      await page.getByRole("button", { name: "Apply" }).click();
    });
  }
});

test("denied storage is told, and everything else goes on", async () => {
  const context = await on.browser().newContext({ viewport: { width: 1440, height: 900 } });
  try {
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
      }
    });
    await page.goto(`${on.origin()}/?paused`);
    await ready(page);
    await page.locator(".notice", { hasText: "denies the page its storage" }).waitFor();
    await run(page, 1_000);
    await page.getByRole("button", { name: "Switch theme" }).click();
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
  }
});

test("full and corrupted storage are told", () => on("?paused", {}, async (page) => {
  await page.evaluate(() => { Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); }; });
  await run(page, 1_000);
  await page.locator(".notice", { hasText: "storage is full" }).waitFor();
  await page.evaluate(() => { delete Storage.prototype.setItem; });
  await page.reload();
  await ready(page);
  await page.addInitScript(() => sessionStorage.setItem("kubarium.session", '{"v":1,"i":[[1,2,{"do":"explode"}]]}'));
  await page.reload();
  await ready(page);
  await page.locator(".notice", { hasText: "Act 1 of 1 cannot be read (unknown variant `explode`)" }).waitFor();
}));

const saved = async (page, name) => {
  await page.getByRole("button", { name: "Export" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
  return readFile(await download.path());
};

for (const theme of ["light", "dark"]) {
  test(`what is exported holds: ${theme}`, () => on(`?paused&theme=${theme}`, {}, async (page) => {
    await run(page);
    // With packets under way.
    await page.evaluate(() => window.kubarium.speed(0.0005));
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
    await page.evaluate(() => window.kubarium.pause());
    const svg = (await saved(page, "Picture, SVG")).toString();
    const read = await page.evaluate((text) => {
      const document = new DOMParser().parseFromString(text, "image/svg+xml");
      return { error: document.querySelector("parsererror")?.textContent ?? "", paper: document.querySelector("svg > rect")?.getAttribute("fill"),
        shapes: document.querySelectorAll("g > use").length, missing: [...document.querySelectorAll("use")].filter((use) => !document.getElementById(use.getAttribute("href").slice(1))).length };
    }, svg);
    assert.deepEqual([read.error, read.missing], ["", 0]);
    assert.equal(read.paper, theme === "light" ? "rgb(247, 244, 237)" : "rgb(18, 23, 29)");
    assert.ok(read.shapes > 3);
    assert.ok(!/var\(|class=|light-dark|currentcolor;/.test(svg), "something is not resolved");
    assert.match(svg, /matrix\(/);
    const png = await saved(page, "Picture, PNG");
    assert.equal(png.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1520, 1316]);
    const lines = (await saved(page, "Trace, JSON lines")).toString().trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines[0].type, "header");
    assert.equal(lines[0].hash, (await state(page)).hash);
    assert.ok(lines.some((line) => line.type === "message"));
    const yaml = (await saved(page, "Objects, YAML")).toString();
    await on("?paused&seed=5", {}, async (other) => {
      const { code, stdout, stderr } = await other.evaluate((text) => window.kubarium.kubectl("kubectl apply -f -", text), yaml);
      assert.equal(code, 0, stderr);
      assert.equal(stdout.match(/ created/g).length, 4);
    });
  }));
}

// A host page of another origin, with the frame far down.
const hosted = async (frame, act, options = {}) => {
  const host = createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Host</title><input id="own" autofocus><div style="height:3000px"></div>${frame}<div style="height:3000px"></div>`);
  });
  await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
  const context = await on.browser().newContext({ viewport: { width: 900, height: 700 }, ...options });
  try {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${host.address().port}/`);
    await act(page);
  } finally {
    await context.close();
    host.close();
  }
};
const iframe = (query, width = 720, height = 420) =>
  `<iframe src="${on.origin()}/${query}" width="${width}" height="${height}" sandbox="allow-scripts" title="Cluster"></iframe>`;
const frames = (frame) => frame.evaluate(async () => {
  let count = 0;
  const real = window.requestAnimationFrame;
  window.requestAnimationFrame = (act) => { count += 1; return real(act); };
  await new Promise((resolve) => setTimeout(resolve, 500));
  window.requestAnimationFrame = real;
  return count;
});

test("a sandboxed frame starts in sight, and takes nothing from its host", () => hosted(iframe("?embed&autoplay=visible"), async (page) => {
  const frame = page.frames()[1];
  await ready(frame);
  await frame.getByRole("button", { name: "Play" }).waitFor();
  assert.equal(await frame.evaluate(() => self.origin), "null");
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => `${document.activeElement.id} ${scrollY}`), "own 0", "no focus, no scrolling");
  assert.equal(await frames(frame), 0, "out of sight nothing is drawn");
  const still = await frame.evaluate(() => window.kubarium.now());
  await page.evaluate(() => document.querySelector("iframe").scrollIntoView());
  await frame.getByRole("button", { name: "Pause" }).waitFor();
  await frame.waitForFunction((now) => window.kubarium.now() > now, still);
  await frame.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
  const box = await page.locator("iframe").boundingBox();
  await page.mouse.move(box.x + 300, box.y + 150);
  const before = await page.evaluate(() => scrollY);
  await page.mouse.wheel(0, 200);
  await page.waitForFunction((y) => scrollY > y, before);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(300);
  assert.equal(await frames(frame), 0, "out of sight again");
  await page.evaluate(() => document.querySelector("iframe").scrollIntoView());
  await frame.getByRole("button", { name: "Pause" }).click();
  await page.waitForTimeout(400);
  assert.equal(await frames(frame), 0, "paused and idle");
}));

test("an embed plays a link's acts from the first, and opens the same session", () => on("?paused", {}, async (page) => {
  await run(page);
  const link = await share(page);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Embed" }).click();
  const field = page.getByRole("textbox", { name: "HTML of the frame" });
  await field.waitFor();
  await page.getByRole("checkbox", { name: "Scrubber" }).uncheck();
  const snippet = await field.inputValue();
  assert.match(snippet, /^<iframe src="[^"]*\?embed&amp;autoplay=visible&amp;hide=timeline#v1:[^"]+" width="720" height="420"/);
  assert.deepEqual(await axe(page), []);
  await on(`?embed&speed=100${link.slice(link.indexOf("#"))}`, { viewport: { width: 720, height: 420 } }, async (embed) => {
    await embed.getByText("3 nodes, 1 act").waitFor();
    await eventually(() => pods(embed).count(), 0, "it begins before the first act");
    await embed.getByRole("button", { name: "Play" }).click();
    await embed.waitForFunction(() => document.querySelectorAll("svg.things .pt.p-run").length === 3, null, { timeout: 30_000 });
    const full = embed.getByRole("link", { name: "Open in Kubarium" });
    await full.hover();
    await embed.waitForFunction(() => document.querySelector("a.btn").href.includes("#v1:"));
  });
}));

for (const [width, height] of [[720, 420], [390, 420], [280, 360]]) {
  for (const theme of ["light", "dark"]) {
    test(`an embed of ${width} px is whole and axe finds nothing: ${theme}`, () => on(`?embed&theme=${theme}`, { viewport: { width, height } }, async (page) => {
      assert.deepEqual(await axe(page), []);
      await page.getByRole("button", { name: "Play" }).click();
      await page.waitForFunction(() => document.querySelectorAll("svg.things [data-pick^='pod:']").length > 0, null, { timeout: 40_000 });
      await page.getByRole("button", { name: "Pause" }).click();
      assert.deepEqual(await axe(page), []);
      const fits = await page.evaluate(() => {
        const scrub = document.querySelector(".scrub").getBoundingClientRect();
        const way = document.querySelector(".scrub .way").getBoundingClientRect();
        if (way.right > scrub.right + 1) return false;
        const { right, bottom } = document.querySelector("#fit").getBoundingClientRect();
        return document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight && right <= innerWidth + 1 && bottom <= innerHeight;
      });
      assert.ok(fits, "it does not fit");
      const small = await page.locator("button:visible, a:visible, select:visible").evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).filter((box) => box.width < 24 || box.height < 24).length);
      // The packets' stop is drawn over the stage and scaled with nothing.
      assert.equal(small, 0, "a target is too small");
    }));
  }
}

test("an embed leaves out what it is told to", () => on("?embed&hide=caption,timeline,open&title=A%20rollout", { viewport: { width: 720, height: 420 } }, async (page) => {
  await page.getByRole("heading", { name: "A rollout" }).waitFor();
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await eventually(() => page.locator(".cap, .scrub, a.btn").count(), 0);
}));
