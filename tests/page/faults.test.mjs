// Breaking things and lifting it again, in a real browser, as a person would.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const pause = (page) => page.evaluate(() => window.kubarium.pause());
const palette = (page) => page.locator("section.break");
const handle = (page, mark) => page.locator(`.things [data-pick="${mark}"]`);
const named = (page, mark) => () => handle(page, mark).getAttribute("aria-label");
const panel = (page) => page.locator("#right-panel");
const said = (page) => page.locator(".faults .steps > li > button .said");
// Picks a thing by the keyboard's way: its handle is focused and Enter is pressed.
const pick = async (page, mark) => {
  await page.evaluate(() => document.activeElement?.blur());
  await handle(page, mark).press("Enter");
  // The palette is of what was picked before until the inspector has followed.
  const name = mark.slice(mark.indexOf(":") + 1);
  const inspected = await page.getByRole("tab", { name: "Inspector" }).getAttribute("aria-selected") === "true";
  if (inspected && !mark.startsWith("pod:")) await reads(panel(page), new RegExp(`^\\s*${name}\\b`));
  else await page.waitForTimeout(300);
};
// A button of the palette; the page plays on when something is broken, which the tests do not want.
const broken = async (page, name) => {
  await palette(page).getByRole("button", { name }).click();
  await pause(page);
};
const choose = (page, label, option) => palette(page).locator("label", { hasText: label }).locator("select").selectOption(option);
const faults = async (page) => {
  await page.getByRole("tab", { name: /^Faults/ }).click();
  await page.locator(".faults").waitFor();
};
const lift = async (page, name) => {
  await page.locator(".inforce").getByRole("button", { name }).click();
  await pause(page);
};
// Time passes until a sentence about it is told.
const tells = async (page, pattern) => {
  for (let tries = 0; tries < 60; tries += 1) {
    // What repeats a step is folded under it.
    if ((await page.locator(".faults .steps li").allTextContents()).some((text) => pattern.test(text))) return;
    await rest(page, 10_000);
  }
  assert.fail(`${pattern} is not told: ${(await said(page).allInnerTexts()).join("\n")}`);
};
const web = async (page) => {
  await page.getByRole("button", { name: "Apply" }).click();
  await pause(page);
  await rest(page, 15_000);
};

test("a full disk is drawn, its pods are evicted, and what happened is told in order", () => on("?paused&seed=5", {}, async (page) => {
  await web(page);
  await pick(page, "node:node-a");
  await choose(page, "Fill", "Disk to 95 %");
  await broken(page, "Fill");
  await eventually(async () => /filled: disk 95 %/.test(await named(page, "node:node-a")()), true);
  await faults(page);
  await reads(page.getByRole("tab", { name: /^Faults/ }), /^Faults 1$/);
  await reads(said(page).first(), /Fill the disk of node-a to 95 %/);
  await tells(page, /The node was low on resource: ephemeral-storage\. Threshold quantity: 6267109878, available: \d+/);
  await tells(page, /The node lifecycle controller taints node-a with node\.kubernetes\.io\/disk-pressure:NoSchedule/);
  await tells(page, /binds \S+ to node-[bc]/);
  const numbers = await page.locator(".faults .steps").evaluate((list) => getComputedStyle(list.querySelector("button"), "::before").content);
  assert.match(numbers, /counter/);
  await eventually(async () => (await page.locator(".lanes .faultl").count()) > 0, true, "the stretch is on the timeline");
  await lift(page, "Lift: Fill the disk of node-a to 95 %");
  await eventually(() => page.locator(".inforce").count(), 0);
  await reads(panel(page), /Nothing is broken/);
  await tells(page, /takes node\.kubernetes\.io\/disk-pressure:NoSchedule off node-a/);
  await eventually(async () => /filled/.test(await named(page, "node:node-a")()), false);
}));

test("memory that runs out says so in the events and on the node", () => on("?paused&seed=5", {}, async (page) => {
  await web(page);
  await pick(page, "node:node-b");
  await choose(page, "Fill", "Memory to 100 %");
  await broken(page, "Fill");
  await faults(page);
  await tells(page, /that MemoryPressure is True: kubelet has insufficient memory available/);
  await tells(page, /The node was low on resource: memory\. Threshold quantity: 100Mi, available: /);
  await pick(page, "node:node-b");
  await reads(panel(page), /node\.kubernetes\.io\/memory-pressure:NoSchedule/);
}));

test("a frozen scheduler places nothing until it is thawed", () => on("?paused&seed=5", {}, async (page) => {
  await pick(page, "component:kube-scheduler");
  await broken(page, "Freeze");
  await eventually(async () => /^kube-scheduler, .*frozen$/.test(await named(page, "component:kube-scheduler")()), true);
  await reads(panel(page).locator(".hd .st"), /^frozen$/);
  await palette(page).getByRole("button", { name: "Thaw" }).waitFor();
  await page.evaluate(() => window.kubarium.kubectl("kubectl run one --image=nginx:1.27"));
  await rest(page, 20_000);
  const node = async () => (await page.evaluate(() => window.kubarium.kubectl("kubectl get pod one -o jsonpath={.spec.nodeName}"))).stdout;
  assert.equal(await node(), "");
  await page.getByRole("radio", { name: "Table" }).click();
  await reads(page.locator(".tables tr", { hasText: "kube-scheduler" }), /frozen/);
  await page.getByRole("radio", { name: "Diagram" }).click();
  await faults(page);
  await lift(page, "Lift: Freeze kube-scheduler");
  await rest(page, 20_000);
  assert.match(await node(), /^node-/);
  await eventually(async () => /frozen/.test(await named(page, "component:kube-scheduler")()), false);
}));

test("a frozen API server is given up by its clients, and they come back", () => on("?paused&seed=5", {}, async (page) => {
  await pick(page, "component:kube-apiserver");
  await broken(page, "Freeze");
  await faults(page);
  await tells(page, /kubelet\/node-\S has no answer from kube-apiserver for too long, and closes the connection/);
  await lift(page, "Lift: Freeze kube-apiserver");
  await tells(page, /became leader/);
}));

test("links are cut, slowed and made lossy: drawn, spoken, told, lifted", () => on("?paused&seed=5", {}, async (page) => {
  await pick(page, "component:kubelet/node-c");
  await broken(page, /^Break the link/);
  await eventually(named(page, "component:kubelet/node-c"), "kubelet/node-c, cut from kube-apiserver");
  await eventually(() => page.locator(".things .cut .wb").count(), 1);
  await pick(page, "component:etcd");
  await choose(page, "Link", "Slow, 200 ms more");
  await broken(page, /^Break the link/);
  await eventually(async () => /, \+200 ms on the way to kube-apiserver$/.test(await named(page, "component:etcd")()), true);
  await choose(page, "Link", "Lossy, 30 %");
  await broken(page, /^Break the link/);
  await eventually(async () => /, \+200 ms, 30 % lost on the way to kube-apiserver$/.test(await named(page, "component:etcd")()), true);
  await faults(page);
  await eventually(() => page.locator(".inforce li").count(), 3);
  await tells(page, /that Ready is Unknown: its lease has not been renewed for \d+ s/);
  for (const name of ["Lift: Cut kubelet/node-c from kube-apiserver", "Lift: Slow etcd and kube-apiserver by 200 ms", "Lift: Lose 30 % between etcd and kube-apiserver"]) await lift(page, name);
  await eventually(() => page.locator(".things .wb").count(), 0);
  await tells(page, /that Ready is True/);
}));

test("a group: every node is cut off from where the list of faults is", () => on("?paused&seed=5", {}, async (page) => {
  await faults(page);
  await page.locator(".faults .breaker").getByRole("button", { name: "Break the link between all nodes and kube-apiserver" }).click();
  await pause(page);
  await eventually(() => page.locator(".things .cut .wb").count(), 3);
  await lift(page, "Lift: Cut all nodes from kube-apiserver");
  await eventually(() => page.locator(".things .wb").count(), 0);
}));

test("a pod is killed, and its image goes from the registry", () => on("?paused&seed=5", {}, async (page) => {
  await page.evaluate(() => window.kubarium.kubectl("kubectl run one --image=httpd:2.4"));
  await rest(page, 15_000);
  const uid = (await page.evaluate(() => window.kubarium.kubectl("kubectl get pod one -o jsonpath={.metadata.uid}"))).stdout;
  await pick(page, `pod:${uid}`);
  await broken(page, "Kill pod");
  await rest(page, 15_000);
  await reads(panel(page).locator("dl").first(), /restarts\s+1/);
  await broken(page, "Drop httpd:2.4 from its registry");
  await faults(page);
  await page.evaluate(() => window.kubarium.kubectl("kubectl run two --image=httpd:2.4"));
  await tells(page, /docker\.io\/library\/httpd:2\.4: not found/);
  await lift(page, "Lift: Drop httpd:2.4 from the registry");
  await tells(page, /reports two as Running and ready/);
}));

test("a restart in one act, and a packet's own link", () => on("?paused&seed=5", {}, async (page) => {
  await pick(page, "component:kube-apiserver");
  await broken(page, "Restart");
  await rest(page, 5_000);
  await faults(page);
  await tells(page, /asks to watch \S+ again/);
  await eventually(() => page.locator(".inforce").count(), 0, "a restart is over at once");
  await said(page).nth(1).click();
  await reads(panel(page), /Caused by/);
  await choose(page, "Link to", "Cut");
  await broken(page, /^Break the link/);
  await reads(page.getByRole("tab", { name: /^Faults/ }), /^Faults 1$/);
}));

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing with things broken, ${colorScheme}`, () => on("?paused&seed=5", { colorScheme }, async (page) => {
    await pick(page, "node:node-a");
    await choose(page, "Fill", "Disk to 95 %");
    await broken(page, "Fill");
    await broken(page, "Freeze");
    await broken(page, /^Break the link/);
    await rest(page, 1_000);
    assert.deepEqual(await axe(page), []);
    await faults(page);
    assert.deepEqual(await axe(page), []);
  }));
}

test("the palette has room on a phone and at 280 px, with targets for fingers", async () => {
  for (const viewport of [{ width: 390, height: 844 }, { width: 280, height: 653 }]) {
    await on("?paused&seed=5", { viewport }, async (page) => {
      await pick(page, "node:node-a");
      await broken(page, "Freeze");
      for (const box of await palette(page).locator("button, select").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()))) {
        assert.ok(box.height >= 44 && box.right <= viewport.width, JSON.stringify(box));
      }
      await faults(page);
      await lift(page, "Lift: Freeze node-a");
      const wide = await page.locator("#right-panel").evaluate((pane) => pane.scrollWidth > pane.clientWidth);
      assert.equal(wide, false, "the faults do not scroll sideways");
    });
  }
});
