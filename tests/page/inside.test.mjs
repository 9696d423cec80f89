// The insides of components: opened by keyboard, read, left again; axe in both themes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const kubectl = (page, line) => page.evaluate((text) => window.kubarium.kubectl(text), line);
const thing = (page, pick) => page.locator(`svg.things [data-pick='${pick}'][role=button]`);
const inside = (page) => page.locator(".inside");
const heading = (page, name, exact = true) => inside(page).getByRole("heading", { name, exact });
const table = (page, name) => inside(page).getByRole("group", { name, exact: true }).getByRole("table");

// Enter selects, Enter again opens. Whether the first has been taken is seen by the crop marks.
const enter = async (page, pick) => {
  await thing(page, pick).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("svg.things .crop") !== null);
  for (let tries = 0; tries < 10 && await inside(page).count() === 0; tries += 1) {
    await thing(page, pick).focus({ timeout: 1_000 }).catch(() => {});
    await page.keyboard.press("Enter");
    await page.waitForTimeout(150);
  }
  await page.waitForFunction(() => document.activeElement?.id === "inside-title");
};

const leave = async (page, pick) => {
  await page.keyboard.press("Escape");
  await page.waitForFunction((mark) => document.activeElement?.getAttribute("data-pick") === mark, pick);
  await eventually(() => inside(page).count(), 0);
};

const clean = async (page, what) => {
  for (const theme of ["light", "dark"]) {
    await page.evaluate((name) => document.documentElement.setAttribute("data-theme", name), theme);
    // Colours of buttons change over 80 ms: axe would measure what lies between.
    await page.waitForTimeout(250);
    assert.deepEqual(await axe(page), [], `${what}, ${theme}`);
  }
};

const prepared = async (page) => {
  await kubectl(page, "kubectl create deployment web --image=nginx --replicas=3");
  await rest(page, 20_000);
};

test("every inside opens by keyboard, takes the focus, and gives it back", () => on("?paused", {}, async (page) => {
  await prepared(page);
  const uid = await page.locator("svg.things [data-pick^='pod:'][role=button]").first().getAttribute("data-pick");
  const places = [
    ["component:kube-apiserver", ["Pipeline", "Requests", "Watch cache", "Watchers"]],
    ["component:etcd", ["Keys", "Leases", "Watches"]],
    ["component:kube-scheduler", ["activeQ", "backoffQ", "unschedulablePods", "Decision", "Filter"]],
    ["component:kube-controller-manager", ["Controllers", "Last plans", "Workqueue", "Informers"]],
    ["component:kubelet/node-a", ["Pod workers", "Probes", "PLEG", "Calls to the runtime", "Images"]],
    ["component:containerd/node-a", ["Sandboxes", "Containers", "Images"]],
    [uid, ["Containers", "State history", "Conditions", "Mounts", "Volumes"]],
  ];
  for (const [pick, headings] of places) {
    await enter(page, pick);
    for (const name of headings) await heading(page, new RegExp(`^${name}`), false).first().waitFor();
    await clean(page, pick);
    await leave(page, pick);
  }
}));

test("a button opens and a button goes back; the transport stays", () => on("?paused", {}, async (page) => {
  await thing(page, "component:etcd").focus();
  await page.keyboard.press("Enter");
  await page.locator("#right-panel").getByRole("button", { name: "Open", exact: true }).click();
  await heading(page, "Inside etcd").waitFor();
  await page.getByRole("button", { name: "Step forward" }).waitFor();
  await page.getByRole("slider", { name: "Simulated time" }).waitFor();
  await page.getByRole("button", { name: "Back to the cluster" }).click();
  await thing(page, "component:etcd").waitFor();
  await thing(page, "component:kube-scheduler").dblclick();
  await heading(page, "Inside kube-scheduler").waitFor();
}));

test("a pod that fits nowhere is in its queue with why and what would help", () => on("?paused", {}, async (page) => {
  await kubectl(page, "kubectl taint nodes --all full=yes:NoSchedule");
  await kubectl(page, "kubectl run nowhere --image=nginx");
  await rest(page, 3_000);
  await enter(page, "component:kube-scheduler");
  const queue = inside(page).locator(".queues section", { hasText: "unschedulablePods" });
  await queue.getByRole("button", { name: "default/nowhere" }).waitFor();
  await reads(queue, /untolerated taint/);
  await reads(inside(page).locator(".why"), /TaintToleration/);
}));

test("another weight and another request show another decision, and may become the run's", () => on("?paused", {}, async (page) => {
  await kubectl(page, "kubectl taint nodes node-a full=yes:PreferNoSchedule");
  await kubectl(page, "kubectl taint nodes node-b node-c shut=yes:NoSchedule");
  await kubectl(page, "kubectl run one --image=nginx");
  await rest(page, 3_000);
  const hash = () => page.evaluate(() => window.kubarium.traceHash());
  const before = await hash();
  await enter(page, "component:kube-scheduler");
  const section = inside(page).locator("section", { has: page.getByRole("heading", { name: /^What if/ }) });
  const cpu = section.getByLabel("cpu", { exact: true });
  await cpu.focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("50");
  await reads(section.getByRole("status"), /It would fit nowhere: 0\/3 nodes are available: /);
  await reads(section.getByRole("table"), /node-a\s*fits\s*chosen\s*Insufficient cpu/);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("none", { delay: 80 });
  await reads(section.getByRole("status"), /"none" is no quantity/);
  assert.equal(await cpu.inputValue(), "none", "an answer takes nothing back that was typed meanwhile");
  await section.getByRole("button", { name: "As it was" }).click();
  await eventually(() => section.getByRole("table").count(), 0);
  const weight = section.getByLabel("TaintToleration");
  await weight.focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("9");
  await reads(section.getByRole("status"), /would still be chosen/);
  await clean(page, "what if");
  assert.equal(await hash(), before, "thinking changes nothing");
  await section.getByRole("button", { name: "Schedule with these weights from now on" }).click();
  await rest(page, 40_000);
  await kubectl(page, "kubectl run two --image=nginx");
  await rest(page, 3_000);
  await section.getByRole("button", { name: "As it was" }).click();
  await inside(page).getByLabel("Attempt").selectOption({ index: 0 });
  await eventually(() => section.getByLabel("TaintToleration").inputValue(), "9");
}));

test("etcd's tree opens, and a key shows what changed between two revisions", () => on("?paused", {}, async (page) => {
  await kubectl(page, "kubectl create configmap colours --from-literal=sky=blue");
  await kubectl(page, "kubectl label configmap colours shade=dark");
  await enter(page, "component:etcd");
  await inside(page).getByRole("button", { name: /^configmaps\// }).click();
  await inside(page).getByRole("button", { name: /^default\// }).click();
  await inside(page).getByRole("button", { name: /^colours/ }).click();
  const added = inside(page).locator(".diff ins", { hasText: "shade: dark" });
  await added.waitFor();
  await reads(added, /^\+ /);
  await eventually(() => inside(page).getByLabel("Older revision").locator("option").count(), 2);
  await inside(page).getByLabel("Find a key").fill("lease");
  await page.waitForFunction(() => [...document.querySelectorAll(".tree code")].every((key) => key.textContent.includes("lease")));
}));

test("a request's way through the pipeline can be chosen and read", () => on("?paused", {}, async (page) => {
  await kubectl(page, "kubectl run web --image=nginx");
  await enter(page, "component:kube-apiserver");
  await inside(page).getByRole("button", { name: "POST pods default/web", exact: true }).first().click();
  await inside(page).locator(".said", { hasText: /stored at revision \d+/ }).waitFor();
  await reads(inside(page).locator(".pipe"), /ServiceAccount: admits it with changes/);
  await eventually(() => inside(page).locator(".pipe li").count(), 12);
  await table(page, "Watchers").waitFor();
}));

test("packets that come in are shown at the edge, and can be picked", () => on("?paused", {}, async (page) => {
  await enter(page, "component:kube-apiserver");
  await page.evaluate(() => { window.kubarium.speed(0.0005); });
  await page.getByRole("button", { name: "Apply" }).click();
  const crossing = inside(page).locator(".edge button").first();
  await crossing.waitFor();
  await page.evaluate(() => window.kubarium.pause());
  await crossing.click();
  await page.locator("#right-panel").getByText("Travelling").waitFor();
  await heading(page, "Inside kube-apiserver").waitFor();
}));

test("it keeps up with 1,500 objects and fits a phone", () => on("?paused", { viewport: { width: 390, height: 844 } }, async (page) => {
  await page.evaluate(async () => {
    for (let n = 0; n < 1_500; n += 1) {
      const body = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `c${n}` } });
      window.kubarium.fetch("/api/v1/namespaces/default/configmaps", { method: "POST", body, headers: { "content-type": "application/json" } });
    }
    await window.kubarium.run({ forMs: 8_000 });
  });
  await enter(page, "component:etcd");
  await inside(page).getByRole("button", { name: /^configmaps\// }).click();
  await inside(page).getByRole("button", { name: /^default\// }).first().click();
  await inside(page).getByText(/^and 1,?\d* more$/).waitFor();
  const rows = await inside(page).locator(".tree li").count();
  assert.ok(rows < 200, `${rows} rows are drawn`);
  const sideways = await page.evaluate(() => {
    const level = document.querySelector(".inside");
    return [level.scrollWidth - level.clientWidth, document.documentElement.scrollWidth - innerWidth];
  });
  assert.ok(sideways.every((by) => by <= 0), `it scrolls sideways by ${sideways}`);
  await clean(page, "etcd on a phone");
}));
