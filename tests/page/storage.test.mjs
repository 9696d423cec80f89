// Claims and their disks on the stage: the CSI driver appears with the first claim and shows what it does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

// A disk of the default class is made once a node is chosen.
const CLAIMED = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  nodeSelector: {kubernetes.io/hostname: node-b}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  containers:
  - {name: main, image: busybox, command: [sh, -c, "echo one > /data/one; sleep 600"], volumeMounts: [{name: data, mountPath: /data}]}
`;
const driver = (page) => page.locator("svg.things [data-pick='component:csi-driver'][role=button]");
const inspector = (page) => page.locator("#right-panel");
const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const kubectl = (page, line, stdin) => page.evaluate(([text, input]) => window.kubarium.kubectl(text, input), [line, stdin]);

test("the driver comes with the first claim, and goes with the last disk", () => on("?paused", {}, async (page) => {
  await rest(page, 1_000);
  assert.equal(await driver(page).count(), 0);
  assert.equal((await kubectl(page, "kubectl apply -f -", CLAIMED)).code, 0);
  await rest(page, 40_000);
  await eventually(() => driver(page).count(), 1);
  await eventually(() => driver(page).getAttribute("aria-label"), "csi-driver, disks 1, in use 1");
  await page.locator("svg.things").getByText("1 of 1 in use").waitFor();
  await driver(page).press("Enter");
  await reads(inspector(page), /csi-driver/);
  assert.deepEqual(await axe(page), []);
  // Inside are the sidecars, as controllers are, and the disks.
  await driver(page).press("Enter");
  await page.getByRole("heading", { name: "Inside csi-driver" }).waitFor();
  await reads(page.locator(".inside"), /provisioner[\s\S]*attacher|attacher[\s\S]*provisioner/);
  await reads(page.locator(".inside"), /pvc-[0-9a-f-]+\s+node-b\s+1/);
  await page.keyboard.press("Escape");
  assert.equal((await kubectl(page, "kubectl delete pod/writer pvc/data")).code, 0);
  await rest(page, 60_000);
  await eventually(() => driver(page).count(), 0);
}));

test("disks' messages travel between the driver and the node's runtime, and are told in sentences", () => on("?paused", {}, async (page) => {
  assert.equal((await kubectl(page, "kubectl apply -f -", CLAIMED)).code, 0);
  // To just after the node has opened the disk.
  for (let piece = 0; piece < 600 && !(await driver(page).count() && /in use 1/.test(await driver(page).getAttribute("aria-label"))); piece += 1) {
    await page.evaluate(() => window.kubarium.run({ forMs: 50 }));
    await drawn(page);
  }
  await driver(page).press("Enter");
  await inspector(page).getByRole("button", { name: /Open pvc-/ }).first().click();
  await reads(inspector(page), /containerd\/node-b[\s\S]*csi-driver/);
  // Back to before it, and from message to message: each is told as it is sent.
  await page.evaluate(() => window.kubarium.seek(window.kubarium.now() - 60));
  const told = new Set();
  for (let step = 0; step < 60; step += 1) {
    await page.evaluate(() => window.kubarium.step());
    await drawn(page);
    told.add((await page.locator("main .capt").innerText()).split("\n")[0]);
  }
  const all = [...told].join("\n");
  assert.match(all, /^node-b opens the disk pvc-\S+, to mount it for a container\.$/m, all);
  assert.match(all, /^The storage gives node-b what is on the disk pvc-\S+\.$/m, all);
}));

for (const nodes of [3, 8, 60]) {
  test(`the driver has its wires with ${nodes} nodes`, () => on(`?paused&nodes=${nodes}`, {}, async (page) => {
    const wires = () => page.locator("svg.things path.w").count();
    await rest(page, 500);
    const before = await wires();
    assert.ok(before > 4, `${before} wires`);
    assert.equal((await kubectl(page, "kubectl apply -f -", CLAIMED.replace(/ *nodeSelector.*\n/, ""))).code, 0);
    await rest(page, 2_000);
    await eventually(() => driver(page).count(), 1);
    // One to the API server, and one to each node or each rack of 25.
    await eventually(wires, before + 1 + (nodes > 12 ? Math.ceil(nodes / 25) : nodes));
  }));
}
