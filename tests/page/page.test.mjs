// The page in a real browser: `cargo xtask test` builds dist/ and runs this; by hand it is
// `trunk build && node --test tests/page/*.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const apply = async (page) => page.getByRole("button", { name: "Apply" }).click();
const pods = (page) => page.locator("svg.things [data-pick^='pod:'][role=button]");
const select = async (page, pick) => page.locator(`svg.things [data-pick='${pick}'][role=button]`).focus().then(() => page.keyboard.press("Enter"));
const inspector = (page) => page.locator("#right-panel");

test("the cluster is ready when the page is", () => on("?paused", {}, async (page) => {
  const { stdout, code } = await page.evaluate(() => window.kubarium.kubectl("kubectl get nodes"));
  assert.equal(code, 0);
  assert.equal(stdout.trim().split("\n").filter((line) => / Ready /.test(line)).length, 3);
}));

test("a Deployment is applied and its pods run", () => on("", {}, async (page) => {
  await apply(page);
  await rest(page);
  await page.waitForFunction(() => document.querySelectorAll("svg.things .pt.p-run").length === 6);
  await eventually(() => pods(page).count(), 6);
  await eventually(() => page.locator("svg.things text", { hasText: /^2 sandboxes$/ }).count(), 3);
  await page.waitForSelector(".code em:has-text('created')");
  await select(page, await pods(page).first().getAttribute("data-pick"));
  await inspector(page).getByText("/registry/pods/default/web-").first().waitFor();
  await inspector(page).getByRole("heading", { name: "Filter" }).waitFor();
}));

test("packets travel, can be picked, and lead back to the kubectl line", () => on("?paused", {}, async (page) => {
  await page.evaluate(() => window.kubarium.speed(0.0005));
  await apply(page);
  await page.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value > 0);
  });
  assert.ok(painted, "nothing is painted");
  await page.evaluate(() => { window.kubarium.pause(); for (let i = 0; i < 30; i += 1) window.kubarium.step(); });
  await page.locator("#plate").focus();
  await page.keyboard.press(",");
  // Before a packet is picked the last messages stand there, in a list of the same make.
  await inspector(page).getByRole("heading", { name: "Caused by" }).waitFor();
  const chain = inspector(page).locator(".chain").first().locator("li");
  await reads(chain.first(), /kubectl apply -f -/);
  const path = await inspector(page).locator(".path").innerText();
  assert.ok(path.length > 3, path);
  await inspector(page).getByText("Travelling").waitFor();
  // Written straight into its element by the frame after the one that made it.
  await page.waitForFunction(() => /ms/.test(document.getElementById("travel")?.textContent ?? ""));
}));

test("time can be stopped, stepped and wound back to the same state", () => on("?paused&seed=7", {}, async (page) => {
  await apply(page);
  await page.evaluate(() => window.kubarium.pause());
  await rest(page, 30);
  const at = await page.evaluate(() => window.kubarium.now());
  const hash = await page.evaluate(() => window.kubarium.traceHash());
  await rest(page, 5_000);
  assert.notEqual(await page.evaluate(() => window.kubarium.traceHash()), hash);
  await page.evaluate((ms) => window.kubarium.seek(ms), at);
  assert.equal(await page.evaluate(() => window.kubarium.now()), at);
  assert.equal(await page.evaluate(() => window.kubarium.traceHash()), hash);
  await page.getByRole("button", { name: "Step forward" }).click();
  const later = await page.evaluate(() => window.kubarium.now());
  assert.ok(later > at);
  await page.getByRole("button", { name: "Step back" }).click();
  assert.ok(await page.evaluate(() => window.kubarium.now()) < later);
  const slider = page.getByRole("slider", { name: "Simulated time" });
  await slider.focus();
  await page.keyboard.press("Home");
  assert.ok(await page.evaluate(() => window.kubarium.now()) < later);
  const box = await slider.boundingBox();
  await page.mouse.click(box.x + box.width * 0.3, box.y + 60);
  await reads(page.locator("#clock"), /s$/);
}));

test("the same seed gives the same run", async () => {
  const run = async () => {
    let hash;
    await on("?paused&seed=42", {}, async (page) => {
      hash = await page.evaluate(async () => {
        await window.kubarium.kubectl("kubectl create deployment web --image=nginx --replicas=3");
        await window.kubarium.run({ forMs: 5_000 });
        return window.kubarium.traceHash();
      });
    });
    return hash;
  };
  assert.equal(await run(), await run());
});

test("what is wrong is shown at its line, and the rest is applied", () => on("", {}, async (page) => {
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("button", { name: "Three documents, one wrong" }).click();
  await apply(page);
  await rest(page, 3_000);
  await page.waitForSelector(".code .errline");
  await reads(page.locator(".code .errline"), /80800/);
  await reads(page.locator(".code .note"), /must be between 1 and 65535, inclusive/);
  // The wrong line is known as it is typed; that the others were created is said after the answers.
  await eventually(() => page.locator(".code em b", { hasText: "created" }).count(), 2);
}));

test("a paste of more than 5 MiB is refused with a sentence", () => on("?paused", {}, async (page) => {
  await page.locator(".cm-content").waitFor();
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "a".repeat(6 << 20));
    document.getElementById("editor").dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData }));
  });
  await page.waitForSelector(".refusal");
  await reads(page.locator(".refusal"), /5 MiB/);
}));

test("the prompt prints what kubectl prints, and remembers", () => on("", {}, async (page) => {
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.locator("#prompt").fill("get nodes");
  await page.keyboard.press("Enter");
  await rest(page, 500);
  const log = page.getByRole("log");
  await log.getByText("NAME").waitFor();
  await log.getByText(/node-c\s+Ready/).waitFor();
  await page.locator("#prompt").press("ArrowUp");
  await eventually(() => page.locator("#prompt").inputValue(), "get nodes");
}));

test("a killed pod is replaced, a node that loses its power is noticed", () => on("", {}, async (page) => {
  await apply(page);
  await rest(page);
  const first = await pods(page).first().getAttribute("data-pick");
  await select(page, first);
  await inspector(page).getByRole("button", { name: "Delete" }).click();
  await rest(page, 45_000);
  await page.waitForFunction((mark) => !document.querySelector(`[data-pick='${mark}']`), first);
  await eventually(() => pods(page).count(), 6);
  await select(page, "node:node-b");
  await inspector(page).getByRole("button", { name: "Power off" }).click();
  await rest(page, 70_000);
  await page.waitForFunction(() => /NotReady|Unknown/.test(document.querySelector("[data-pick='node:node-b']")?.ariaLabel ?? ""));
  await inspector(page).getByRole("button", { name: "Power on" }).click();
  await rest(page, 60_000);
  await page.waitForFunction(() => /, Ready,/.test(document.querySelector("[data-pick='node:node-b']")?.ariaLabel ?? ""));
}));

test("with the API server stopped kubectl says so", () => on("", {}, async (page) => {
  await select(page, "component:kube-apiserver");
  await inspector(page).getByRole("button", { name: "Stop" }).click();
  const { stderr, code } = await page.evaluate(() => window.kubarium.kubectl("kubectl get pods"));
  assert.equal(code, 1);
  assert.match(stderr, /The connection to the server .* was refused/);
  await inspector(page).getByRole("button", { name: "Start" }).click();
  await rest(page, 10_000);
  const { code: after } = await page.evaluate(() => window.kubarium.kubectl("kubectl get pods"));
  assert.equal(after, 0);
}));

test("scripts fetch from the API server, watches included", () => on("?paused", {}, async (page) => {
  const found = await page.evaluate(async () => {
    const k = window.kubarium;
    const version = await (await k.fetch("/version")).json();
    const missing = await k.fetch("/api/v1/namespaces/default/pods/none");
    const made = await k.fetch("/api/v1/namespaces/default/configmaps", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { b: "c" } }),
    });
    const watch = await k.fetch("/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name%3Da");
    const reader = watch.body.getReader();
    await k.run({ forMs: 100 });
    const { value } = await reader.read();
    await reader.cancel();
    return { version, missing: missing.status, reason: (await missing.json()).reason, made: made.status, event: new TextDecoder().decode(value).split("\n")[0] };
  });
  assert.match(found.version.gitVersion, /^v1\./);
  assert.deepEqual([found.missing, found.reason, found.made], [404, "NotFound", 201]);
  const event = JSON.parse(found.event);
  assert.deepEqual([event.type, event.object.metadata.name], ["ADDED", "a"]);
}));

test("the tables hold the same things as the diagram", () => on("", {}, async (page) => {
  await apply(page);
  await rest(page);
  await page.getByRole("radio", { name: "Table" }).click();
  const rows = (caption) => page.locator("table", { has: page.locator("caption", { hasText: caption }) }).locator("tbody tr");
  await eventually(() => rows("Nodes").count(), 3);
  await eventually(() => rows("Pods").count(), 6);
  await eventually(async () => await rows("Components").count() >= 11, true);
}));

test("the editor's text and the theme outlive a reload", () => on("?paused", {}, async (page) => {
  await page.locator(".cm-content").waitFor();
  await page.locator("#editor").fill("kind: Pod");
  await page.getByRole("button", { name: "Switch theme" }).click();
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);
  await page.reload();
  await page.waitForFunction(() => window.kubarium !== undefined);
  await page.locator(".cm-content").waitFor();
  await eventually(() => page.locator(".cm-content .cm-line").first().innerText(), "kind: Pod");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
}));

test("a stop of the simulation is told, with a report to copy", () => on("?paused", {}, async (page) => {
  await page.evaluate(() => dispatchEvent(new CustomEvent("kubarium-stopped", { detail: { event: 3112, message: "invariant: x", report: "seed 1", resume: "{}" } })));
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The simulation stopped at event 3,112.").waitFor();
  await eventually(() => dialog.getByRole("textbox", { name: "Report" }).inputValue(), "seed 1");
  await dialog.getByRole("button", { name: "Reload to the last checkpoint" }).waitFor();
}));

test("while a script runs the world the screen follows now and then, and is right at the end", () => on("?paused", {}, async (page) => {
  const { drawn, elapsed } = await page.evaluate(async () => {
    const k = window.kubarium;
    await k.kubectl("create deployment web --image=nginx --replicas=12");
    await new Promise((resolve) => setTimeout(resolve, 500));
    let drawn = 0;
    const observer = new MutationObserver(() => { drawn += 1; });
    observer.observe(document.querySelector("svg.things"), { subtree: true, childList: true, attributes: true });
    const begun = performance.now();
    await k.run({ forMs: 300_000 });
    observer.disconnect();
    return { drawn, elapsed: performance.now() - begun };
  });
  assert.ok(drawn <= elapsed / 400 + 2, `drawn ${drawn} times in ${elapsed} ms`);
  await eventually(() => page.locator("svg.things .pt.p-run").count(), 12);
}));

test("what a script has just run it can seek in at once", () => on("?paused", {}, async (page) => {
  const gone = await page.evaluate(async () => {
    const k = window.kubarium;
    const from = k.now();
    await k.run({ forMs: 60_000 });
    k.seek(from + 30_000);
    return k.now() - from;
  });
  assert.ok(Math.abs(gone - 30_000) < 0.01, `${gone} ms`);
}));

test("paused and idle it asks for no frames", () => on("?paused", {}, async (page) => {
  // The editor comes when the page has nothing else to do, and measures itself in a frame or two.
  await page.locator(".cm-content").waitFor();
  await page.waitForTimeout(1_000);
  const asked = await page.evaluate(async () => {
    let count = 0;
    const real = window.requestAnimationFrame;
    window.requestAnimationFrame = (act) => { count += 1; return real(act); };
    await new Promise((resolve) => setTimeout(resolve, 400));
    window.requestAnimationFrame = real;
    return count;
  });
  assert.equal(asked, 0);
}));

test("reduced motion starts paused", () => on("", { reducedMotion: "reduce" }, async (page) => {
  await page.getByRole("main").getByRole("button", { name: "Play" }).waitFor();
}));

for (const [name, query, options] of [
  ["light, wide", "?theme=light", {}],
  ["dark, wide", "?theme=dark", {}],
  ["light, folded", "?theme=light", { viewport: { width: 1024, height: 768 } }],
  ["drawer", "?theme=light", { viewport: { width: 800, height: 900 } }],
  ["phone", "?theme=dark", { viewport: { width: 390, height: 844 } }],
]) {
  test(`axe finds nothing: ${name}`, () => on(query, options, async (page) => {
    assert.deepEqual(await axe(page), []);
    await page.evaluate(() => window.kubarium.kubectl("kubectl create deployment web --image=nginx:1.27 --replicas=4"));
    await rest(page, 8_000);
    await page.evaluate(() => window.kubarium.pause());
    await page.locator("#plate").focus();
    await page.keyboard.press(",");
    await inspector(page).locator(".chain").first().waitFor();
    assert.deepEqual(await axe(page), []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    assert.ok(wide, "the page scrolls sideways");
  }));
}
