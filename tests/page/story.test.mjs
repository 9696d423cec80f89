// Seeing less and following one thing, in a real browser, as a person would.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, suite } from "./serve.mjs";

const on = suite();

const run = (page, ms) => page.evaluate((forMs) => window.kubarium.run({ forMs }), ms);
const pause = (page) => page.evaluate(() => window.kubarium.pause());
const packets = (page) => page.evaluate(() => window.kubarium.stats().packetsInView);
// A frame or two: what was done is drawn.
const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
const applied = async (page, ms) => {
  await page.getByRole("button", { name: "Apply" }).click();
  await pause(page);
  await run(page, ms);
  await drawn(page);
};
// Lets the run go on in small pieces until `seen` is so.
const until = async (page, seen) => {
  for (let piece = 0; piece < 400; piece += 1) {
    if (await seen()) return;
    await run(page, 0.25);
    await drawn(page);
  }
  assert.fail("it never came into view");
};
const inspector = (page) => page.locator("#right-panel");
// Whether the canvas has a pixel of about this colour.
const painted = (page, token) => page.evaluate((name) => {
  const probe = document.createElement("i");
  probe.style.setProperty("color", `var(${name})`);
  document.body.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 200 && Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 12) count += 1;
  }
  return count;
}, token);

test("what is filtered off is not drawn, is counted, and comes back; the run never hears of it", () => on("?paused&seed=5", {}, async (page) => {
  await applied(page, 5);
  await until(page, () => painted(page, "--watch"));
  const hash = await page.evaluate(() => window.kubarium.traceHash());
  const before = await packets(page);
  assert.ok(before > 0);
  await page.getByRole("button", { name: "Filter" }).click();
  const chip = page.locator(".filterpop").getByRole("button", { name: "watch event" });
  await eventually(() => chip.getAttribute("aria-pressed"), "true");
  await chip.click();
  await drawn(page);
  await eventually(() => chip.getAttribute("aria-pressed"), "false");
  await eventually(async () => await packets(page) < before, true);
  await eventually(() => painted(page, "--watch"), 0, "no watch event is drawn");
  await page.getByRole("button", { name: /Filter: [1-9]\d* hidden/ }).waitFor();
  assert.equal(await page.evaluate(() => window.kubarium.traceHash()), hash);
  // The list of messages and the steps of the comma leave them out too.
  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByRole("radio", { name: "Messages" }).click();
  await page.getByText("in view").waitFor();
  await eventually(() => inspector(page).locator("code", { hasText: "WATCH" }).count(), 0);
  await page.keyboard.press("Escape");
  await page.locator("main").getByRole("button", { name: "Clear" }).click();
  await drawn(page);
  await eventually(() => packets(page), before);
  await inspector(page).locator("code", { hasText: "WATCH" }).first().waitFor();
}));

test("the legend is the same filter, by keyboard", () => on("?paused&seed=5", {}, async (page) => {
  await applied(page, 5);
  await until(page, () => painted(page, "--watch"));
  const row = page.getByRole("button", { name: "Show packets of kind watch event" });
  await row.focus();
  await page.keyboard.press("Enter");
  await drawn(page);
  await eventually(() => row.getAttribute("aria-pressed"), "false");
  await eventually(() => painted(page, "--watch"), 0);
  await page.keyboard.press("Space");
  await drawn(page);
  await eventually(() => row.getAttribute("aria-pressed"), "true");
}));

test("one component alone, one namespace away", () => on("?paused&seed=5", {}, async (page) => {
  await applied(page, 5);
  await until(page, () => painted(page, "--grpc"));
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("button", { name: "Components: none" }).click();
  await drawn(page);
  await eventually(() => packets(page), 0);
  await page.locator(".filterpop").getByRole("button", { name: "etcd", exact: true }).click();
  await drawn(page);
  await eventually(async () => await packets(page) > 0, true);
  await page.getByRole("button", { name: "Components: all" }).click();
  await page.locator(".filterpop").getByRole("button", { name: "default", exact: true }).click();
  await drawn(page);
  await eventually(() => packets(page), 0, "everything under way is about the namespace default");
  await page.keyboard.press("Escape");
  await eventually(() => page.locator(".filterpop").count(), 0);
}));

test("an event is picked and leads to its pod, the pod to its owner, the owner to its own", () => on("?paused", {}, async (page) => {
  await applied(page, 8_000);
  await page.getByRole("tab", { name: "Events" }).click();
  await inspector(page).getByRole("button", { name: /Scheduled/ }).first().click();
  await inspector(page).getByRole("heading", { name: "Scheduled" }).waitFor();
  await inspector(page).getByText("Successfully assigned default/web-").first().waitFor();
  await inspector(page).locator(".chain").getByText("kubectl apply -f -").waitFor();
  await inspector(page).getByRole("button", { name: /^pod\/web-/ }).click();
  await inspector(page).getByRole("button", { name: /^ReplicaSet\/web-/ }).click();
  await inspector(page).getByText("ReplicaSet", { exact: true }).waitFor();
  await eventually(() => inspector(page).getByRole("button", { name: /^Pod web-/ }).count(), 6);
  await inspector(page).getByRole("button", { name: "Deployment web" }).click();
  await inspector(page).getByText("/registry/deployments/default/web").waitFor();
  // The last write was the controller's: the status, and nothing of the spec.
  await inspector(page).getByText("Written by").waitFor();
  const changed = await inspector(page).locator(".marked .chg").allInnerTexts();
  assert.ok(changed.some((line) => /readyReplicas: 6/.test(line)), changed.join());
  assert.ok(changed.every((line) => !/^\S*\s*replicas: 6/.test(line) || /readyReplicas|availableReplicas/.test(line)), changed.join());
  await reads(inspector(page).locator(".marked .chg .sr").first(), /changed/);
}));

test("a label marks the lines it adds, and its row in the terminal leads to the object", () => on("?paused", {}, async (page) => {
  await applied(page, 6_000);
  await page.evaluate(() => window.kubarium.kubectl("kubectl label deployment web tier=front"));
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.getByRole("log").getByRole("button", { name: "deployment.apps/web labeled" }).click();
  await inspector(page).getByText("/registry/deployments/default/web").waitFor();
  const marks = await inspector(page).locator(".marked .add").allInnerTexts();
  assert.ok(marks.some((line) => /added:\s+tier: front/.test(line)), marks.join());
  await reads(inspector(page).locator(".told"), /added/);
}));

test("the apply is followed as a story to Available, step by step", () => on("?paused&seed=3", {}, async (page) => {
  await applied(page, 10);
  await page.getByRole("button", { name: "Follow", exact: true }).first().click();
  await page.getByRole("tab", { name: "Story" }).waitFor();
  const steps = inspector(page).locator(".steps > li");
  await steps.first().getByText("kubectl apply -f -").waitFor();
  const first = await steps.count();
  // Next runs on where the story is not known yet.
  await page.getByRole("button", { name: "Next step" }).click();
  await page.getByRole("button", { name: "Next step" }).click();
  await drawn(page);
  await eventually(async () => await steps.count() > first, true);
  await run(page, 12_000);
  await drawn(page);
  await steps.last().getByText(/available, 6 of 6 pods ready/).waitFor();
  await steps.last().getByText("reached").waitFor();
  const total = await steps.count();
  assert.ok(total >= 20 && total <= 45, `${total} steps`);
  // Back to a step in the middle: what comes later stays known, its packet is on the stage.
  await steps.filter({ hasText: "The scheduler binds" }).locator("button").first().click();
  await drawn(page);
  await eventually(() => steps.count(), total);
  const now = inspector(page).locator(".steps > li.now");
  await now.locator(".said", { hasText: "The scheduler binds" }).waitFor();
  await reads(page.locator(".capt p"), /The scheduler binds/);
  await eventually(async () => await packets(page) > 0, true);
  const at = await page.evaluate(() => window.kubarium.now());
  await page.keyboard.press("ArrowRight");
  await drawn(page);
  assert.ok(await page.evaluate(() => window.kubarium.now()) > at);
  await page.keyboard.press("ArrowLeft");
  await drawn(page);
  await now.locator(".said", { hasText: "The scheduler binds" }).waitFor();
  // What repeats it opens.
  await now.getByText("5 more pods the same way").click();
  await eventually(() => now.locator("details li").count(), 5);
  await page.keyboard.press("Escape");
  await drawn(page);
  await eventually(() => page.getByRole("tab", { name: "Story" }).count(), 0);
}));

test("following one pod shows only its own packets", () => on("?paused&seed=3", {}, async (page) => {
  await applied(page, 6_000);
  const pods = page.locator("svg.things [data-pick^='pod:'][role=button]");
  await eventually(() => pods.count(), 6);
  // Picked by what it is, not by where it stands among the others: they may still be on their way to the screen.
  const pick = await pods.first().getAttribute("data-pick");
  const pod = page.locator(`svg.things [data-pick="${pick}"][role=button]`);
  await pod.press("Enter");
  await page.waitForSelector(`svg.things .sel [data-pick="${pick}"]`);
  await pod.press("f");
  await page.getByRole("tab", { name: "Story" }).waitFor();
  const steps = inspector(page).locator(".steps > li");
  await eventually(() => steps.filter({ hasText: "The scheduler binds" }).count(), 1);
  await eventually(() => steps.filter({ hasText: "The scheduler binds" }).getByText("more pods").count(), 0);
  await steps.getByText("reached").first().waitFor();
}));

test("what a line led to opens branch by branch", () => on("?paused&seed=3", {}, async (page) => {
  await applied(page, 6_000);
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.getByRole("log").getByRole("button", { name: "kubectl apply -f -", exact: true }).click();
  await inspector(page).getByRole("heading", { name: "Led to" }).waitFor();
  const rows = inspector(page).locator(".tree li");
  const before = await rows.count();
  await inspector(page).locator(".tree [aria-expanded=false]").first().click();
  await drawn(page);
  await eventually(async () => await rows.count() > before, true);
}));

for (const theme of ["light", "dark"]) {
  test(`axe finds nothing, ${theme}`, () => on(`?paused&theme=${theme}`, {}, async (page) => {
    await applied(page, 6_000);
    await page.getByRole("button", { name: "Filter" }).click();
    await page.locator(".filterpop").getByRole("button", { name: "log" }).click();
    await drawn(page);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Follow", exact: true }).first().click();
    await page.getByRole("tab", { name: "Story" }).waitFor();
    await drawn(page);
    assert.deepEqual(await axe(page), []);
    await page.getByRole("tab", { name: "Events" }).click();
    await inspector(page).locator(".rows button").first().click();
    await inspector(page).locator(".marked").waitFor();
    await page.getByRole("tab", { name: "kubectl" }).click();
    await drawn(page);
    assert.deepEqual(await axe(page), []);
  }));
}
