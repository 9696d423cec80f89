// Time in a real browser, as a person has it: speeds, events, bookmarks, runs, two runs beside each other, and
// the search of the prompt.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const now = (page) => page.evaluate(() => window.kubarium.now());
const hash = (page) => page.evaluate(() => window.kubarium.traceHash());
const kubectl = (page, line) => page.evaluate((text) => window.kubarium.kubectl(text), line);
const seek = (page, ms) => page.evaluate((to) => window.kubarium.seek(to), ms);
const pause = (page) => page.evaluate(() => window.kubarium.pause());
// Letters and signs act on the stage: the focus goes there.
const onStage = (page) => page.locator("main .capt button").first().focus();
const caption = (page) => page.locator(".capt p").first();
const flags = (page, kind) => page.locator(`svg.lanes > path[data-flag='${kind}']`);
const dialog = (page) => page.getByRole("dialog");
const close = (page) => dialog(page).getByRole("button", { name: "Close" }).click();
const applied = async (page, ms) => {
  await page.getByRole("button", { name: "Apply" }).click();
  await pause(page);
  await rest(page, ms);
};
// Writes the number at the end of a line of the editor anew, as a person does.
const edit = async (page, line, to) => {
  await page.locator(".cm-content#editor .cm-line", { hasText: line }).first().click();
  await page.keyboard.press("End");
  await page.keyboard.press("Backspace");
  await page.keyboard.type(to);
};
const asked = async (page) => {
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await dialog(page).getByRole("heading", { name: "Compare two runs" }).waitFor();
};
const compared = async (page) => {
  await page.waitForFunction(() => document.querySelector(".pairbar .btn")?.disabled === false, null, { timeout: 120_000 });
};

test("at 1/1000 packets move slowly, by key, by button and by list", () => on("?paused", {}, async (page) => {
  await page.getByRole("radio", { name: "1/1000×" }).click();
  await eventually(() => page.getByRole("radio", { name: "1/1000×" }).getAttribute("aria-checked"), "true");
  await onStage(page);
  await page.keyboard.press("]");
  await eventually(() => page.getByRole("radio", { name: "1/100×" }).getAttribute("aria-checked"), "true");
  await page.keyboard.press("[");
  await eventually(() => page.getByRole("radio", { name: "1/1000×" }).getAttribute("aria-checked"), "true");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
  const begun = await now(page);
  const wall = Date.now();
  await page.waitForFunction((from) => window.kubarium.now() > from + 0.3, begun, { timeout: 60_000 });
  const passed = await now(page) - begun;
  assert.ok(passed <= (Date.now() - wall + 200) / 1_000, `${passed} ms of simulated time passed`);
  await pause(page);
  await page.setViewportSize({ width: 800, height: 700 });
  const list = page.locator(".speedpick");
  await list.selectOption("10×");
  await list.selectOption("1/1000×");
  await eventually(() => list.evaluate((select) => select.selectedOptions[0].text), "1/1000×");
}));

test("events, acts and faults are marked by shape, and stepped along", () => on("?paused&seed=3", {}, async (page) => {
  await kubectl(page, "kubectl create deployment web --image=nginx:nosuchtag");
  const begun = await now(page);
  await rest(page, 12_000);
  await eventually(async () => await flags(page, "Event").count() >= 3, true, "scaled, created, scheduled");
  await eventually(async () => await flags(page, "Warning").count() >= 1, true, "the image cannot be pulled");
  const shapes = await page.evaluate(() => ["Act", "Event", "Warning"].map((kind) => document.querySelector(`svg.lanes > path[data-flag='${kind}']`).getAttribute("d")));
  assert.equal(new Set(shapes).size, 3, "each has its own shape");
  const end = await now(page);
  await seek(page, begun);
  await onStage(page);
  await page.keyboard.press("Shift+ArrowRight");
  await reads(caption(page), /^Event: ScalingReplicaSet deployment\/web: Scaled up/);
  await page.getByRole("button", { name: "Next event" }).click();
  await reads(caption(page), /^Event: SuccessfulCreate replicaset\/web-/);
  const second = await now(page);
  await page.keyboard.press("Shift+ArrowLeft");
  await reads(caption(page), /^Event: ScalingReplicaSet/);
  await page.getByRole("button", { name: "Previous event" }).click();
  assert.ok(await now(page) < second);
  // A message lies between two events.
  await seek(page, begun);
  await page.keyboard.press("ArrowRight");
  assert.ok(await now(page) > begun && await now(page) < second);
  await seek(page, end);
  await page.locator("svg.things [data-pick='component:kube-scheduler'][role=button]").focus();
  await page.keyboard.press("Enter");
  await page.locator("#right-panel").getByRole("button", { name: "Stop" }).click();
  await pause(page);
  await eventually(() => flags(page, "Fault").count(), 1);
  // A mark is gone to by a press near it, exactly.
  await seek(page, begun);
  await rest(page, 0);
  const box = await flags(page, "Warning").first().boundingBox();
  await page.mouse.click(box.x + box.width / 2 + 2, box.y + box.height / 2);
  await reads(caption(page), /^Warning: Failed pod\/web-/);
  const slider = page.getByRole("slider", { name: "Simulated time" });
  await eventually(async () => /, Warning: Failed/.test(await slider.getAttribute("aria-valuetext")), true);
}));

test("moments are bookmarked, named, gone to, taken away, and kept", () => on("?paused", {}, async (page) => {
  await applied(page, 400);
  await onStage(page);
  await page.keyboard.press("b");
  await reads(caption(page), /This moment is bookmarked/);
  await eventually(() => flags(page, "Bookmark").count(), 1);
  const first = await now(page);
  await rest(page, 900);
  const second = await now(page);
  await page.getByRole("button", { name: "Bookmarks" }).click();
  await dialog(page).getByRole("textbox", { name: "Name of the bookmark" }).fill("the pods are bound");
  await page.keyboard.press("Enter");
  await eventually(() => dialog(page).locator(".marklist li").count(), 2);
  assert.deepEqual(await axe(page), []);
  await dialog(page).getByRole("button", { name: /^Bookmark 4\d\d\.\d ms after apply/ }).click();
  await eventually(() => now(page), first);
  await page.getByRole("button", { name: "Bookmarks" }).click();
  await dialog(page).getByRole("button", { name: "Rename Bookmark" }).click();
  await dialog(page).getByRole("textbox", { name: "New name" }).fill("early");
  await page.keyboard.press("Enter");
  await dialog(page).getByRole("button", { name: /^early/ }).waitFor();
  await close(page);
  await page.reload();
  await page.waitForFunction(() => window.kubarium !== undefined);
  await page.evaluate(() => window.kubarium.ready);
  await page.getByRole("button", { name: "Bookmarks" }).click();
  await dialog(page).getByRole("button", { name: "Delete early" }).click();
  await eventually(() => dialog(page).locator(".marklist li").count(), 1);
  await dialog(page).getByRole("button", { name: /^the pods are bound/ }).click();
  await eventually(() => now(page), second);
  await reads(caption(page), /Bookmark: the pods are bound/);
}));

test("acting in the past begins another run; the one that was left can be gone back to", () => on("?paused&seed=9", {}, async (page) => {
  await applied(page, 8_000);
  const end = await now(page);
  const ended = await hash(page);
  await seek(page, end - 6_000);
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.locator("#prompt").fill("scale deployment web --replicas=1");
  await page.keyboard.press("Enter");
  await pause(page);
  await page.locator(".clock .run", { hasText: "Run 2" }).waitFor();
  await rest(page, 6_000);
  assert.notEqual(await hash(page), ended);
  await asked(page);
  await reads(dialog(page).locator(".runlist"), /Run 1: it parts (1\.9\d|2\.[0-2]\d) s after apply, and goes on without another act/);
  await dialog(page).getByRole("button", { name: "Go back to Run 1" }).click();
  await reads(dialog(page).locator(".runlist"), /Run 2: .* with kubectl scale deployment web --replicas=1/);
  await close(page);
  await page.locator(".clock .run", { hasText: "Run 1" }).waitFor();
  await seek(page, end);
  assert.equal(await hash(page), ended, "to the last message");
}));

test("two runs beside each other: one line changed, where they part, one clock", () => on("?paused&seed=7", {}, async (page) => {
  await applied(page, 3_000);
  const before = await hash(page);
  await edit(page, "replicas: 6", "2");
  await asked(page);
  await reads(dialog(page).locator("pre"), /~ {3}replicas: 2/);
  await dialog(page).getByText("Lines: 1 changed.").waitFor();
  assert.deepEqual(await axe(page), []);
  // Frames go on while both run.
  await page.evaluate(() => {
    window.gaps = [];
    let last = performance.now();
    const beat = (at) => { window.gaps.push(at - last); last = at; requestAnimationFrame(beat); };
    requestAnimationFrame(beat);
  });
  await dialog(page).getByRole("button", { name: "Compare with the edited YAML" }).click();
  await compared(page);
  assert.ok(await page.evaluate(() => window.gaps.length) > 10, "no frame was painted meanwhile");
  const verdict = page.locator(".verdict [role=status]");
  await reads(verdict, /^First difference \d+\.\d ms after apply: kubectl sends POST deployments to kube-apiserver in both, with replicas: 6 in A and replicas: 2 in B\.$/);
  const time = page.getByRole("slider", { name: "Simulated time of both runs" });
  const there = await time.inputValue();
  await time.focus();
  await page.keyboard.press("End");
  const row = (letter) => page.locator(".figures tr", { has: page.getByRole("rowheader", { name: letter }) });
  await reads(row("A"), /6 of 6/);
  await reads(row("B"), /2 of 2/);
  await eventually(() => page.locator(".col").nth(1).locator(".podrow li").count(), 2);
  await page.getByRole("button", { name: "Go to the first difference" }).click();
  await eventually(() => time.inputValue(), there);
  await eventually(() => page.locator(".recent .first").count(), 2, "the message is marked in both");
  await dialog(page).getByRole("button", { name: "Step forward" }).click();
  await eventually(async () => Number(await time.inputValue()) > Number(there), true);
  const stepped = Number(await time.inputValue());
  await dialog(page).getByRole("button", { name: "Play" }).click();
  await eventually(async () => Number(await time.inputValue()) > stepped, true);
  await dialog(page).getByRole("button", { name: "Pause" }).click();
  const body = dialog(page).locator(".pairtracks").first();
  const box = await body.boundingBox();
  await page.mouse.click(box.x + box.width * 0.6, box.y + box.height * 0.7);
  await eventually(async () => Number(await time.inputValue()) > stepped + 1_000_000, true, "the tracks are a scrubber as well");
  assert.deepEqual(await axe(page), []);
  await dialog(page).getByRole("button", { name: "Run both on for 20 s" }).click();
  await compared(page);
  for (const width of [800, 390, 280]) {
    await page.setViewportSize({ width, height: 844 });
    await eventually(() => page.evaluate(() => {
      const pair = document.querySelector("dialog.pair");
      return pair.scrollWidth <= pair.clientWidth;
    }), true, `it fits ${width} px`);
  }
  await close(page);
  await eventually(() => page.getByRole("dialog").count(), 0);
  assert.equal(await hash(page), before, "the session itself was left alone");
}));

test("the same text differs in nothing; in the dark it is as legible", () => on("?paused&seed=7", { colorScheme: "dark" }, async (page) => {
  await asked(page);
  await dialog(page).getByText("Nothing was applied in this run yet.", { exact: false }).waitFor();
  await close(page);
  await applied(page, 1_000);
  await asked(page);
  await dialog(page).getByText("No line differs from what was applied.").waitFor();
  await dialog(page).getByRole("button", { name: "Compare with the edited YAML" }).click();
  await compared(page);
  await reads(page.locator(".verdict [role=status]"), /^No difference: all [\d,]+ entries of the two traces are the same, for 20\.00 s\.$/);
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press("Escape");
  await eventually(() => page.getByRole("dialog").count(), 0);
}));

test("a link holds filter, zoom, the inside that is open and the bookmarks", () => on("?paused", {}, async (page) => {
  await applied(page, 700);
  await onStage(page);
  await page.keyboard.press("b");
  await page.getByRole("button", { name: "Show a shorter stretch of time" }).click();
  await page.getByRole("button", { name: "Filter" }).click();
  await page.locator(".filterpop").getByRole("button", { name: "watch event" }).click();
  await page.keyboard.press("Escape");
  const thing = page.locator("svg.things [data-pick='component:etcd'][role=button]");
  await thing.focus();
  await page.keyboard.press("Enter");
  await page.locator("#right-panel").getByRole("button", { name: /^Open/ }).click();
  await page.getByRole("heading", { name: "Inside etcd" }).waitFor();
  const width = () => page.locator("#slider").evaluate((slider) => slider.getAttribute("aria-valuemax") - slider.getAttribute("aria-valuemin"));
  const span = await width();
  await page.getByRole("button", { name: "Share" }).click();
  await page.waitForFunction(() => document.querySelector("#share-link")?.value.includes("#v1:"));
  const link = await page.locator("#share-link").inputValue();
  await on(link.slice(link.indexOf("#")), {}, async (other) => {
    await other.getByRole("heading", { name: "Inside etcd" }).waitFor();
    await eventually(() => flags(other, "Bookmark").count(), 1);
    await eventually(() => other.locator("#slider").evaluate((slider) => slider.getAttribute("aria-valuemax") - slider.getAttribute("aria-valuemin")), span);
    await other.getByRole("button", { name: "Back to the cluster" }).click();
    await other.getByRole("button", { name: /^Filter/ }).click();
    await eventually(() => other.locator(".filterpop").getByRole("button", { name: "watch event" }).getAttribute("aria-pressed"), "false");
  });
}));

test("Ctrl-R searches the lines that were typed", () => on("?paused", {}, async (page) => {
  await page.getByRole("tab", { name: "kubectl" }).click();
  const prompt = page.locator("#prompt");
  for (const line of ["get pods -A", "describe nodes", "get nodes"]) {
    await prompt.fill(line);
    await prompt.press("Enter");
    await eventually(() => prompt.inputValue(), "");
  }
  await prompt.fill("half a li");
  await prompt.press("Control+r");
  await eventually(() => prompt.inputValue(), "");
  await page.keyboard.type("nod");
  const told = page.locator(".recall");
  await reads(told, /^\(reverse-i-search\)`nod': get nodes$/);
  await prompt.press("Control+r");
  await reads(told, /^\(reverse-i-search\)`nod': describe nodes$/);
  await prompt.press("Control+r");
  await reads(told, /^\(failed reverse-i-search\)`nod': describe nodes$/);
  assert.deepEqual(await axe(page), []);
  await prompt.press("Escape");
  await eventually(() => prompt.inputValue(), "describe nodes");
  await eventually(() => told.innerText(), "");
  await prompt.press("Control+r");
  await page.keyboard.type("pods");
  await reads(told, /get pods -A$/);
  await prompt.press("Enter");
  await eventually(() => page.locator(".term .line", { hasText: "get pods -A" }).count(), 2);
  await prompt.fill("half");
  await prompt.press("Control+r");
  await page.keyboard.type("no");
  await prompt.press("Control+g");
  await eventually(() => prompt.inputValue(), "half");
}));
